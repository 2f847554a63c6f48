"""However one of several processes ends, the others end too, and one sentence says why."""

import signal
import time
from datetime import timedelta

import pytest
from training.distributed import shared_work
from training.distributed.together import run

AGAIN = "start the same command again with --resume"


def the_one_sentence(outcomes):
    said = [outcome.said for outcome in outcomes if outcome.said]
    assert len(said) == 1, outcomes
    assert "Traceback" not in said[0]
    return said[0]


def test_a_killed_rank_is_named_once_by_those_it_left_behind(tmp_path):
    begin = time.monotonic()
    outcomes = run(shared_work.killed, 1, folder=tmp_path, size=3)
    assert time.monotonic() - begin < 30
    assert [outcome.code for outcome in outcomes] == [1, -signal.SIGKILL, 1]
    said = the_one_sentence(outcomes)
    assert said.startswith("rank 1 of 3 has ended or no longer answers (")
    assert AGAIN in said
    assert "gloo" not in said


@pytest.mark.long
def test_the_end_of_the_rank_where_all_met_is_said_too(tmp_path):
    outcomes = run(shared_work.killed, 0, folder=tmp_path, launcher=False)
    assert [outcome.code for outcome in outcomes] == [-signal.SIGKILL, 1]
    assert "where the 2 processes met, 127.0.0.1:" in outcomes[1].said
    assert AGAIN in outcomes[1].said


@pytest.mark.long
def test_a_launcher_that_ends_the_survivors_does_not_silence_them(tmp_path):
    def as_launchers_do(processes):
        processes[1].join()
        time.sleep(0.1)
        processes[0].terminate()

    outcomes = run(shared_work.killed, 1, folder=tmp_path, meanwhile=as_launchers_do)
    assert [outcome.code for outcome in outcomes] == [1, -signal.SIGKILL]
    assert the_one_sentence(outcomes).startswith("rank 1 of 2 has ended")


@pytest.mark.long
def test_a_rank_that_hangs_is_named_after_the_timeout(tmp_path):
    def until_the_first_has_ended(processes):
        processes[0].join(30)
        processes[1].kill()

    outcomes = run(
        shared_work.hangs,
        1,
        folder=tmp_path,
        timeout=timedelta(seconds=2),
        meanwhile=until_the_first_has_ended,
    )
    assert outcomes[0].code == 1
    said = the_one_sentence(outcomes)
    assert said.startswith("rank 1 of 2 has ended or no longer answers (Timed out waiting 2000ms")


def test_a_rank_that_fails_alone_says_it_itself(tmp_path):
    outcomes = run(shared_work.fails, 1, folder=tmp_path, size=3)
    assert [outcome.code for outcome in outcomes] == [1, 2, 1]
    assert [outcome.said for outcome in outcomes] == [
        "",
        "rank 1: the disk of this machine is full",
        "",
    ]


@pytest.mark.long
def test_rank_0_speaks_where_all_fail_alike(tmp_path):
    outcomes = run(shared_work.all_fail_alike, folder=tmp_path, size=3)
    assert [outcome.code for outcome in outcomes] == [1, 1, 1]
    assert [outcome.said for outcome in outcomes] == ["no such data set", "", ""]


@pytest.mark.long
def test_an_error_that_nobody_foresaw_keeps_its_traceback(tmp_path):
    outcomes = run(shared_work.fails_unforeseen, 1, folder=tmp_path)
    assert outcomes[0].code == 1
    assert outcomes[0].said == ""
    assert "ZeroDivisionError: nobody thought of this" in outcomes[1].said


@pytest.mark.long
def test_all_can_leave_together_without_a_word(tmp_path):
    outcomes = run(shared_work.leave, [0, 1], folder=tmp_path)
    assert [(outcome.code, outcome.said) for outcome in outcomes] == [(143, "")] * 2


def test_a_rank_that_a_signal_makes_leave_alone_is_named_by_the_others(tmp_path):
    outcomes = run(shared_work.leave, [1], folder=tmp_path)
    assert [outcome.code for outcome in outcomes] == [1, 143]
    assert the_one_sentence(outcomes).startswith("rank 1 of 2 has ended")


@pytest.mark.parametrize(
    ("launcher", "rank"),
    [
        pytest.param(True, 0, marks=pytest.mark.long),
        (True, 1),
        (False, 0),
        (False, 1),
    ],
)
def test_a_rank_that_meets_nobody_does_not_wait_for_ever(tmp_path, rank, launcher):
    begin = time.monotonic()
    (outcome,) = run(
        shared_work.leave,
        [],
        folder=tmp_path,
        ranks=[rank],
        timeout=timedelta(seconds=2),
        launcher=launcher,
    )
    assert time.monotonic() - begin < 30
    assert outcome.code == 1
    assert outcome.said.startswith(f"rank {rank} did not find the other processes at 127.0.0.1:")
    assert "within 2 s (" in outcome.said
    assert outcome.said.endswith("; start all 2, on machines that reach each other")
