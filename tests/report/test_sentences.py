from __future__ import annotations

import lesion_frames
import pytest

from resprobe.report.compare import kin_of
from resprobe.report.sentences import (
    gradflow_sentences,
    lesion_sentences,
    training_sentences,
)

NAN = float("nan")


def said(sentences: list[str]) -> str:
    return " ".join(sentences).replace("\u00a0", " ")


@pytest.fixture
def lesions(fake):
    """Say what lesions of the given accuracies mean."""

    def say(n: int = 1000, **networks) -> str:
        results = [fake.lesion(n, **networks)]
        return said(lesion_sentences(results, kin=kin_of(results)))

    return say


@pytest.fixture
def gradients(fake):
    def say(**networks) -> str:
        results = [fake.gradflow(**networks)]
        return said(gradflow_sentences(results, kin=kin_of(results)))

    return say


def test_lesions_are_told_with_range_median_intact_and_chance(lesions):
    text = lesions(plain8=[0.8, 0.10, None, 0.2, 0.123])
    assert (
        "Deleting one block of plain8 leaves an accuracy of 10.0 % to 20.0 % "
        "(median 12.3 %; intact 80.0 %; chance is 10.0 %)." in text
    )
    assert (
        "Of these 3 deletions, 1 leaves an accuracy that cannot be told from chance with these "
        "1,000 images." in text
    )
    assert "Of its 4 blocks, 1 cannot be deleted, as a shape changes there." in text


def test_a_single_deletion_has_no_range(lesions):
    assert "leaves an accuracy of 50.0 % (intact" in lesions(resnet2=[0.8, 0.5])


def test_a_network_of_which_nothing_can_be_deleted(lesions):
    assert lesions(plain8=[0.8, None, None]) == (
        "Of its 2 blocks, 2 cannot be deleted, as a shape changes there."
    )


def test_the_published_contrast_is_told_where_the_numbers_show_it(lesions):
    text = lesions(plain8=[0.8, 0.1, 0.2], resnet8=[0.8, 0.7, 0.6])
    assert text.endswith(
        "Every deletion costs plain8 more than any costs resnet8: at least 60.0 points of "
        "accuracy against at most 20.0 points."
    )


def test_the_opposite_is_told_where_the_numbers_show_the_opposite(lesions):
    text = lesions(plain8=[0.8, 0.7, 0.6], resnet8=[0.8, 0.1, 0.2])
    assert text.endswith(
        "Every deletion costs resnet8 more than any costs plain8: at least 60.0 points of accuracy "
        "against at most 20.0 points; the opposite of what Veit et al. (2016) found."
    )


@pytest.mark.parametrize(
    ("plain", "residual", "verdict"),
    [
        ([0.1, 0.1, 0.75], [0.7, 0.6, 0.5],
         "a block of plain8 is worse to lose in 6 of 9 pairs of a block of each, by their 95 % "
         "intervals."),
        ([0.7, 0.6, 0.5], [0.1, 0.1, 0.75],
         "a block of resnet8 is worse to lose in 6 of 9 pairs of a block of each, by their 95 % "
         "intervals; the opposite of what Veit et al. (2016) found."),
        ([0.1, 0.4, 0.78, 0.785, 0.755], [0.78, 0.79, 0.5, 0.75, 0.77],
         "a block of plain8 is worse to lose in 10 and one of resnet8 in 3 of 25 pairs of a block "
         "of each, by their 95 % intervals, neither in most."),
    ],
)  # fmt: skip
def test_ranges_that_overlap_are_compared_block_by_block(lesions, plain, residual, verdict):
    text = lesions(plain8=[0.8, *plain], resnet8=[0.8, *residual])
    assert "The median deletion costs plain8" in text
    assert "depends more on each single block" not in text
    assert text.endswith(verdict)


def test_a_lesion_that_helps_gains(lesions):
    text = lesions(plain8=[0.5, 0.55, 0.56], resnet8=[0.5, 0.49, 0.53])
    assert text.count("−") == 0
    assert (
        "The median deletion gains plain8 5.5 points of accuracy (all: a gain of 5.0 points to 6.0 "
        "points), and gains resnet8 1.0 points of accuracy (all: between a gain of 3.0 points and "
        "a loss of 1.0 points): " in text
    )


def test_deletions_of_which_all_help_cost_nothing(lesions):
    assert lesions(plain8=[0.5, 0.3, 0.2], resnet8=[0.5, 0.51, 0.53]).endswith(
        "Every deletion is worse for plain8 than any for resnet8: a loss of 20.0 points to 30.0 "
        "points of accuracy against a gain of 1.0 points to 3.0 points."
    )
    assert lesions(plain8=[0.5, 0.7, 0.7], resnet8=[0.5, 0.51, 0.52]).endswith(
        "Every deletion is worse for resnet8 than any for plain8: a gain of 1.0 points to 2.0 "
        "points of accuracy against a gain of 20.0 points."
    )


def test_lesions_of_a_network_at_chance_are_said_to_say_nothing(lesions):
    text = lesions(plain8=[0.11, 0.1, 0.1], resnet8=[0.8, 0.7, 0.6])
    assert text.endswith(
        "Intact, plain8 cannot be told from chance with these 1,000 images: its deletions say "
        "nothing."
    )
    text = lesions(plain8=[0.02, 0.1, 0.01], resnet8=[0.8, 0.7, 0.6])
    assert (
        "1 leaves an accuracy that cannot be told from chance with these 1,000 images, and " in text
    )
    assert text.endswith("Intact, plain8 is below chance: its deletions say nothing.")


def test_networks_of_different_depth_are_not_set_against_each_other(lesions):
    text = lesions(plain8=[0.8, 0.1, 0.2], resnet14=[0.8, 0.7, 0.6, 0.5])
    assert "costs" not in text


@pytest.mark.parametrize(
    ("norms", "sentence"),
    [
        ([300.0, 10.0, 1.0], "grows by a factor of 300 from the last block back to the first, 1 "),
        ([11480.0, 10.0, 1.0], "grows by a factor of 11,500 from the last block back to the first, "
         "1 to 11,000"),
        ([1.0, 10.0, 300.0], "shrinks by a factor of 300 from the last block back to the first"),
        ([1.02, 50.0, 1.0], "ends where it began from the last block back to the first, at 1, and "
         "lies between 1 and 50 on the way."),
        ([1.02, 1.0, 1.01], "stays about the same over all 3 blocks."),
        ([1.2, 1.0, 1.5], "stays within a factor of 1.5 over all 3 blocks"),
        ([2.0, 50.0, 1.0], "grows by a factor of 2 from the last block back to the first, 1 to 2, "
         "and lies between 1 and 50 on the way"),
        ([0.0, 0.0, 1.0], "the gradient is exactly 0 at 2 of 3 blocks"),
        ([NAN, float("inf"), 1.0], "the gradient is not finite at 2 of 3 blocks"),
    ],
)  # fmt: skip
def test_the_gradient_is_followed_from_the_last_block_to_the_first(gradients, norms, sentence):
    assert f"In plain8 {'' if sentence.startswith('the') else 'the gradient norm '}{sentence}" in (
        gradients(plain8=norms)
    )


def test_a_network_of_one_block_has_no_way_to_follow(gradients):
    assert gradients(plain2=[1.0]) == ""


@pytest.mark.parametrize(
    ("plain", "residual", "verdict"),
    [
        ([100.0, 10.0, 1.0], [2.0, 1.5, 1.0], "the gradient is more even in resnet8"),
        ([2.0, 1.5, 1.0], [100.0, 10.0, 1.0], "the gradient is more even in plain8"),
        ([3.0, 2.0, 1.0], [3.1, 2.0, 1.0], "about as even in the one as in the other"),
    ],
)
def test_evenness_is_told_whichever_way_it_falls(gradients, plain, residual, verdict):
    assert verdict in gradients(plain8=plain, resnet8=residual)


def test_evenness_is_not_compared_where_a_gradient_is_zero(gradients):
    assert "even" not in gradients(plain8=[0.0, 1.0, 1.0], resnet8=[2.0, 1.5, 1.0])


def test_the_division_is_told_of_residual_networks_alone(gradients):
    text = gradients(plain8=[3.0, 2.0, 1.0], resnet8=[3.0, 2.0, 1.0])
    assert text.count("identity part") == 1
    assert text.endswith(
        "In resnet8 the identity part is larger than the residual part in 3 of 3 blocks; the "
        "residual share is 0.40 at the median (0.30 to 0.50)."
    )


def test_the_division_counts_finite_numbers_alone(gradients):
    assert gradients(resnet8=[NAN, 2.0, 1.0]).endswith(
        "In resnet8 the identity part is larger than the residual part in 2 of 2 blocks where both "
        "are finite; the residual share is 0.45 at the median (0.40 to 0.50)."
    )
    assert "identity" not in gradients(resnet8=[NAN, NAN, NAN])


def tell_training(fake, plain, residual, n=100):
    kin = {"plain8": (True, 3), "resnet8": (False, 3)}
    return said(training_sentences([fake.train(n, plain8=plain, resnet8=residual)], kin=kin))


def test_training_is_told_by_its_last_epoch(fake):
    text = tell_training(fake, [(0.9, 0.9), (0.30, 0.35)], [(0.9, 0.9), (0.20, 0.22)])
    assert text.startswith(
        "plain8 ends epoch 2 with a training error of 30.0 % and an error of 35.0 % on 100 images "
        "held out."
    )
    assert "In training error resnet8 ends 10.0 points below plain8." in text
    assert "In validation error resnet8 ends 13.0 points below plain8; their 95 %" in text


@pytest.mark.parametrize(
    ("plain", "residual", "n", "sentence"),
    [
        ((0.1, 0.1), (0.4, 0.4), 1000, "In validation error resnet8 ends 30.0 points above plain8"),
        ((0.4, 0.41), (0.4, 0.4), 1000, "resnet8 ends 1.0 points below plain8; their 95 %"),
        ((0.4, 0.4), (0.4, 0.4), 100, "In training error resnet8 and plain8 end equal."),
        ((0.4, NAN), (0.3, NAN), 0, "no images were held out for validation"),
        ((NAN, NAN), (0.3, 0.4), 9, "with a training error that is not finite and an error that is "
         "not finite on 9 images held out."),
    ],
)  # fmt: skip
def test_training_errors_are_compared_whichever_way_they_fall(fake, plain, residual, n, sentence):
    assert sentence in tell_training(fake, [plain], [residual], n)


def test_nothing_is_compared_where_nobody_knows_who_is_plain(fake):
    run = fake.train(plain8=[(0.3, 0.4)], resnet8=[(0.2, 0.3)])
    assert len(training_sentences([run], kin={})) == 2


def test_rows_by_class_candidates_and_recalibrated_ones_are_not_told_again():
    whole = lesion_frames.result("single", lesion_frames.RESIDUAL, classes=True, recalibrate=True)
    alone = lesion_frames.result("single", lesion_frames.RESIDUAL)
    told = []
    for result in (whole, alone):
        told.append(said(lesion_sentences([result], kin=kin_of([result]))))
        assert kin_of([result]) == {"resnet20": (False, 9)}
    assert "Of these 9 deletions" in told[0]
    assert told[0].startswith("Deleting one block of resnet20 leaves an accuracy of ")
