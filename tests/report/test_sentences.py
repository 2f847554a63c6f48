from __future__ import annotations

import lesion_frames
import pytest

from resprobe.report.compare import kin_of
from resprobe.report.sentences import (
    gradflow_sentences,
    lesion_sentences,
    training_sentences,
)


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
    assert "Of these 3 deletions, 1 leaves it no better than chance." in text
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
        ([0.1, 0.1, 0.75], [0.7, 0.6, 0.5], "the plain network depends more"),
        ([0.7, 0.6, 0.5], [0.1, 0.1, 0.75], "here the residual network depends more"),
        ([0.6, 0.5, 0.7], [0.61, 0.5, 0.7], "do not tell the two apart"),
    ],
)
def test_ranges_that_overlap_are_compared_by_their_median(lesions, plain, residual, verdict):
    text = lesions(plain8=[0.8, *plain], resnet8=[0.8, *residual])
    assert "The median deletion costs plain8" in text
    assert verdict in text


def test_a_lesion_that_helps_has_a_negative_cost(lesions):
    text = lesions(plain8=[0.5, 0.55, 0.56], resnet8=[0.5, 0.52, 0.53])
    assert "costs plain8 −5.5 points of accuracy and resnet8 −2.5 points" in text


def test_lesions_of_a_network_at_chance_are_said_to_say_nothing(lesions):
    text = lesions(plain8=[0.11, 0.1, 0.1], resnet8=[0.8, 0.7, 0.6])
    assert text.endswith("Intact, plain8 is no better than chance: its deletions say nothing.")


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
        ([1.2, 1.0, 1.5], "stays within a factor of 1.5 over all 3 blocks"),
        ([2.0, 50.0, 1.0], "grows by a factor of 2 from the last block back to the first, 1 to 2, "
         "and lies between 1 and 50 on the way"),
        ([0.0, 0.0, 1.0], "the gradient is exactly 0 at 2 of 3 blocks"),
        ([float("nan"), float("inf"), 1.0], "the gradient is not finite at 2 of 3 blocks"),
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
        ((0.4, float("nan")), (0.3, float("nan")), 0, "no images were held out for validation"),
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
