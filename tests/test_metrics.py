"""Metrics as rows and as nested results, and the objective of searches by hand calculation."""

import pytest

from ttt_rllib.metrics import (
    CONSECUTIVE_UNEXPLOITABLE_EVALS,
    METRICS,
    MOVES,
    NASH_CONV,
    NASH_CONV_GREEDY,
    flatten,
    nest,
    penalised_moves,
)


def test_nesting_and_flattening_undo_each_other():
    row = {metric.name: float(number) for number, metric in enumerate(METRICS)}
    assert flatten(nest(row)) == row
    assert nest({MOVES: 3.0}) == {"play": {"moves": 3.0}}


def test_what_is_no_metric_is_not_in_the_row():
    assert flatten({"play": {"moves": 3, "other": 1}, "timers": {"moves": 2}}) == {MOVES: 3.0}


@pytest.mark.parametrize(("evals", "expected"), [(2, 1500.0), (3, 400.0), (4, 400.0)])
def test_every_proven_trial_ranks_above_every_other(evals, expected):
    row = {MOVES: 400.0, NASH_CONV: 0.5, CONSECUTIVE_UNEXPLOITABLE_EVALS: float(evals)}
    assert penalised_moves(row, max_moves=1000, required_evals=3) == expected


@pytest.mark.parametrize(("known", "expected"), [({NASH_CONV_GREEDY: 1.0}, 2000.0), ({}, 3000.0)])
def test_a_trial_that_was_walked_is_penalised_by_what_the_walk_found(known, expected):
    row = {MOVES: 400.0, CONSECUTIVE_UNEXPLOITABLE_EVALS: 0.0, **known}
    assert penalised_moves(row, max_moves=1000, required_evals=3) == expected
