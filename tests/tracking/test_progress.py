"""The progress shown while a run trains: the remaining time, against sums made by hand."""

import math

import pytest

from ttt_rllib.config.stopping import Stop
from ttt_rllib.tracking.progress import format_duration, max_remaining_s

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


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.4, "0 s"), (99, "99 s"), (100, "2 min"), (5_990, "100 min"), (7_200, "2.0 h")],
)
def test_times_are_said_in_the_unit_that_people_would_take(seconds, said):
    assert format_duration(seconds) == said
