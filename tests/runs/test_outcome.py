"""The ranking of trials: each rule is tested by a pair of trials that differ in nothing else."""

from pathlib import Path

import pytest

from ttt_rllib.runs.outcome import TrialResult, best_trial

SOME = Path("checkpoint")


def trial(number, objective, status="done", checkpoint=SOME):
    return TrialResult(f"{number:05}", status, {}, 0, objective, Path(), checkpoint, {}, error=None)


def best(*trials, **how):
    found = best_trial(trials, **{"mode": "min", **how})
    return None if found is None else int(found.name)


def test_the_least_or_the_greatest_objective_is_best_as_the_mode_says():
    trials = (trial(0, 2.0), trial(1, -1.0), trial(2, 3.0))
    assert best(*trials, mode="min") == 1
    assert best(*trials, mode="max") == 2


def test_of_equal_trials_the_first_is_best_and_of_none_there_is_none():
    assert best(trial(0, 1.0), trial(1, 1.0)) == 0
    assert best() is None


@pytest.mark.parametrize("mode", ["min", "max"])
@pytest.mark.parametrize(
    ("better", "worse"),
    [
        ({"status": "done"}, {"status": "stopped early"}),
        ({"status": "stopped early"}, {"status": "failed"}),
        ({"status": "stopped early"}, {"status": "unfinished"}),
        ({"objective": 1.0}, {"objective": None}),
        ({"objective": 0.0}, {"objective": None}),
        ({"checkpoint": SOME}, {"checkpoint": None}),
    ],
)
def test_a_trial_is_better_by_each_rule_alone_whatever_its_number(mode, better, worse):
    same = {"objective": 0.0}
    assert best(trial(0, **same | worse), trial(1, **same | better), mode=mode) == 1
    assert best(trial(0, **same | better), trial(1, **same | worse), mode=mode) == 0


@pytest.mark.parametrize(("mode", "sign"), [("min", 1.0), ("max", -1.0)])
def test_how_a_trial_ended_outweighs_any_objective(mode, sign):
    stopped = trial(0, sign * -100.0, status="stopped early")
    assert best(stopped, trial(1, sign * 100.0), mode=mode) == 1
    assert best(trial(0, sign * -100.0, status="failed"), stopped, mode=mode) == 0
    assert best(trial(2, sign * -100.0, status="failed"), trial(3, 0.0, "stopped early")) == 3


@pytest.mark.parametrize(("mode", "sign"), [("min", 1.0), ("max", -1.0)])
def test_the_mean_over_its_seeds_ranks_a_configuration_and_then_its_best_seed_is_taken(mode, sign):
    # Means 5 and 4: the single best figure is a lucky seed of the weaker configuration.
    lucky = (trial(0, sign * 0.0), trial(1, sign * 10.0))
    steady = (trial(2, sign * 5.0), trial(3, sign * 3.0))
    assert best(*lucky, *steady, mode=mode, num_seeds=2) == 3
    assert best(*lucky, *steady, mode=mode, num_seeds=1) == 0


@pytest.mark.parametrize(
    "mate", [trial(1, None), trial(1, 0.0, status="failed"), trial(1, 0.0, status="stopped early")]
)
def test_a_configuration_with_a_seed_that_is_missing_or_cut_off_comes_after_complete_ones(mate):
    assert best(trial(0, 0.0), mate, trial(2, 9.0), trial(3, 8.0), num_seeds=2) == 3
    assert best(trial(0, 0.0), trial(2, 9.0), trial(3, 8.0), num_seeds=2) == 3, "not there yet"
