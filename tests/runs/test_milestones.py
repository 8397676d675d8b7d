"""When a run first measured a figure, against curves written by hand."""

import pytest

from tests.report.conftest import write_run
from ttt_rllib.metrics import MOVES, NASH_CONV_GREEDY, TRAIN_S
from ttt_rllib.runs.milestones import Milestone, first_evaluation, held_from
from ttt_rllib.runs.record import read_run


@pytest.fixture
def reached(tmp_path, new_summary):
    """Return a function that says when NashConv was 0, given it by evaluation."""

    def milestone(*nash_convs, final, at=first_evaluation):
        rows = [
            {"perf/iteration": number, MOVES: 100 * number, TRAIN_S: 0.5 * number}
            | ({} if nash_conv is None else {NASH_CONV_GREEDY: nash_conv})
            for number, nash_conv in enumerate(nash_convs, 1)
        ]
        run = write_run(tmp_path / "ppo" / "one", new_summary(), rows=rows)
        record = read_run(run)
        record.summary.metrics.clear()
        record.summary.metrics.update(final)
        return at(record, NASH_CONV_GREEDY, 0.0)

    return milestone


def test_it_is_the_first_evaluation_with_the_figure_be_it_lost_again(reached):
    found = reached(2.0, None, 0.0, 1.0, 0.0, final={MOVES: 500, TRAIN_S: 2.5})
    assert found == Milestone(300, 1.5)


def test_a_figure_that_only_the_final_evaluation_found_was_reached_at_the_end(reached):
    found = reached(2.0, None, final={MOVES: 200, TRAIN_S: 1.0, NASH_CONV_GREEDY: 0.0})
    assert found == Milestone(200, 1.0)


@pytest.mark.parametrize(("final", "wanted"), [({}, None), ({MOVES: 200}, Milestone(200, None))])
def test_what_nobody_noted_is_none(reached, final, wanted):
    assert reached(2.0, final=final) == wanted


@pytest.mark.parametrize(
    ("nash_convs", "moves"),
    [
        ((2.0, 0.0, None, 1.0, None, 0.0, None, 0.0), 600),
        ((0.0, 0.0), 100),
        ((0.0, 1.0, None), 900),
        ((None,), 900),
    ],
)
def test_a_figure_holds_from_the_evaluation_after_which_it_is_never_lost(
    reached, nash_convs, moves
):
    final = {MOVES: 900, TRAIN_S: 4.5}
    found = reached(*nash_convs, final=final, at=held_from)
    assert found == Milestone(moves, moves / 200)
