"""When a run stops, in words, against sentences and sums made by hand."""

import math

import pytest

from ttt_rllib.config.stopping import Stop
from ttt_rllib.tracking.limits import format_duration, max_remaining_s, stop_sentence, time_left

ROW = {"play/moves": 20_000, "perf/train_s": 4.0, "perf/iteration": 5}


@pytest.mark.parametrize(
    ("limits", "seconds"),
    [
        # 20,000 moves took 4 s, so the other 80,000 take 16 s.
        ({"moves": 100_000, "train_s": None}, 16.0),
        ({"moves": 100_000, "train_s": 10.0}, 6.0),
        # 5 iterations took 4 s, so the other 2 take 1.6 s.
        ({"moves": None, "train_s": None, "iterations": 7}, 1.6),
        ({"moves": 10_000, "train_s": None}, 0.0),
        ({"moves": None, "train_s": None, "consecutive_unexploitable_evals": 3}, math.inf),
    ],
)
def test_the_time_left_is_that_of_the_limit_that_comes_first(limits, seconds):
    assert max_remaining_s(ROW, Stop(**limits)) == pytest.approx(seconds)


def test_nobody_can_know_when_a_proof_will_be_found():
    limits = {"moves": 100_000, "train_s": None}
    assert time_left(ROW, Stop(**limits)) == "about 16 s left"
    assert time_left({**ROW, "perf/iteration": 2}, Stop(**limits)) is None
    assert time_left(ROW, Stop(**limits, consecutive_unexploitable_evals=3)) is None
    assert time_left(ROW, Stop(**limits, optimal_move_rate=1.0)) is None


@pytest.mark.parametrize(
    ("limits", "sentence"),
    [
        (
            {"consecutive_unexploitable_evals": 1, "moves": None, "train_s": 300.0},
            "stops when unexploitable; limit 5 min",
        ),
        (
            {"consecutive_unexploitable_evals": 3},
            "stops when unexploitable 3 times in a row; limit 1,000,000 moves or 10 min",
        ),
        (
            {"optimal_move_rate": 1.0, "moves": None, "train_s": None},
            "stops when every move is optimal; no limit",
        ),
        (
            {"consecutive_unexploitable_evals": 1, "optimal_move_rate": 0.985, "moves": None},
            "stops when unexploitable or when 98.5% of moves are optimal; limit 10 min",
        ),
        ({"iterations": 3}, "stops after 3 iterations, 1,000,000 moves or 10 min"),
        ({"iterations": 1, "moves": 1, "train_s": None}, "stops after 1 iteration or 1 move"),
    ],
)
def test_what_ends_a_trial_is_one_sentence(limits, sentence):
    assert stop_sentence(Stop(**limits)) == sentence


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.25, "0.25 s"),
        (100, "100 s"),
        (5400, "90 min"),
        (7200, "2 h"),
        (1_234_567, "1,234,567 s"),
    ],
)
def test_a_limit_of_time_is_not_rounded(seconds, said):
    assert stop_sentence(Stop(moves=None, train_s=seconds)) == f"stops after {said}"


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.4, "0 s"), (99, "99 s"), (100, "2 min"), (5_990, "100 min"), (7_200, "2.0 h")],
)
def test_times_are_said_in_the_unit_that_people_would_take(seconds, said):
    assert format_duration(seconds) == said
