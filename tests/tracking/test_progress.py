"""The progress of a run at every width: against tables written by hand."""

import pytest

from tests.tracking.screens import screen, shown
from ttt_rllib.config.stopping import Stop
from ttt_rllib.metrics import nest
from ttt_rllib.tracking.progress import Progress

STOP = Stop(consecutive_unexploitable_evals=1, moves=None, train_s=300.0)
CEILINGS = (0.9948, 0.9249)
NOT_SOLVED = None


def iteration(number, **further):
    """Return the figures of an iteration of an unmeasured game."""
    figures = {
        "perf/iteration": number,
        "play/moves": 4_143 * number,
        "perf/moves_per_s": 17_290.4,
        "perf/train_s": 0.24 * number,
        "play/moves_per_game": 6.21,
    }
    return {**figures, **further}


def exact(number, nash_conv_greedy=2.0):
    return iteration(
        number,
        **{
            "exact/nash_conv_greedy": nash_conv_greedy,
            "exact/nash_conv": 1.929,
            "exact/optimal_move_rate": 0.7117,
            "exact/score_vs_random_x": 0.435,
            "exact/score_vs_random_o": 0.24,
            "play/x_win_rate": 0.5,
        },
    )


def sampled(number):
    return iteration(
        number,
        **{
            "exact/nash_conv_greedy": 2.0,
            "eval/optimal_rate_decisive": 0.8123,
            "eval/score_vs_random": 1.0,
            "eval/score_vs_one_ply": 0.9,
            "eval/score_vs_alpha_beta": -0.125,
        },
    )


def table(rows, *, ceilings=CEILINGS, width=80, is_terminal=False, stop=STOP, height=40):
    """Return the lines that are left on a screen of a run with these iterations."""
    console = screen(width, is_terminal=is_terminal, height=height)
    progress = Progress(console, ceilings, stop)
    for row in rows:
        progress.on_trial_result(result=nest(row))
    progress.close()
    return shown(console)


EXACT = """
 iter     moves  moves/s  greedy  NashConv  optimal  rand X  rand O   time
        at best            0.000     0.000  100.00%   0.995   0.925
    1     4,143   17,290   2.000     1.929   71.17%   0.435   0.240   0.2s
""".strip("\n").splitlines()


def test_a_pipe_gets_what_ends_the_run_and_a_table_in_eighty_columns():
    assert table([exact(1)]) == ["stops when unexploitable; limit 5 min", *EXACT]


def test_a_terminal_gets_the_same_table():
    assert table([exact(1)], is_terminal=True) == EXACT


NARROW = """
 iter     moves  greedy  NashConv   time
        at best   0.000     0.000
    1     4,143   2.000     1.929   0.2s
""".strip("\n").splitlines()


@pytest.mark.parametrize("is_terminal", [True, False])
def test_forty_columns_keep_what_matters_most(is_terminal):
    lines = table([exact(1)], width=40, is_terminal=is_terminal)
    assert lines[-3:] == NARROW


@pytest.mark.parametrize("width", [20, 40, 60, 80, 120])
@pytest.mark.parametrize("is_terminal", [True, False])
@pytest.mark.parametrize(("ceilings", "measured"), [(CEILINGS, exact), (NOT_SOLVED, sampled)])
def test_no_line_is_longer_than_the_screen_and_moves_and_greedy_stay(
    width, is_terminal, ceilings, measured
):
    rows = [measured(1), measured(24_000), iteration(24_001)]
    lines = table(rows, ceilings=ceilings, width=width, is_terminal=is_terminal)
    lines = [line for line in lines if not line.startswith("stops")]
    assert max(map(len, lines)) <= width
    assert {"moves", "greedy"} <= set(lines[0].split())
    # 24,001 x 4,143 moves
    assert "99,436,143" in lines[-1]


UNMEASURED = """
 iter     moves  moves/s  plies   time
    1     4,143   17,290    6.2   0.2s
""".strip("\n").splitlines()
MEASURED = """
 iter     moves  moves/s  greedy decisive vs random one-ply alpha-beta   time
    2     8,286   17,290   2.000   81.23%     1.000   0.900     -0.125   0.5s
    3    12,429   17,290                                                 0.7s
""".strip("\n").splitlines()


def test_columns_come_with_their_first_figures_and_the_pipe_gets_headings_again():
    lines = table([iteration(1), sampled(2), iteration(3)], ceilings=NOT_SOLVED)
    assert lines[1:] == [*UNMEASURED, *MEASURED]


def test_a_terminal_keeps_the_iterations_that_were_measured_above_the_newest():
    rows = [row for number in range(0, 100, 5) for row in (sampled(number), iteration(number + 1))]
    lines = table(rows, ceilings=NOT_SOLVED, is_terminal=True)
    # of 12 lines the last one is the newest iteration, the others the newest measured ones
    assert [int(line.split()[0]) for line in lines[1:]] == [*range(45, 96, 5), 96]


def test_a_low_terminal_gets_fewer_iterations():
    assert len(table([exact(number) for number in range(20)], is_terminal=True)) == 14
    lines = table([exact(number) for number in range(20)], is_terminal=True, height=10)
    assert [int(line.split()[0]) for line in lines[2:]] == [16, 17, 18, 19]


RETURNS = """
                           return   return
 iter     moves  moves/s player_0 player_1  plies   time
    1     4,143   17,290    0.250   -0.250    6.2   0.2s
""".strip("\n").splitlines()


def test_a_game_that_is_not_ours_shows_the_mean_return_of_every_agent():
    returns = {"eval/return_mean/player_0": 0.25, "eval/return_mean/player_1": -0.25}
    rows = [iteration(1, **returns, **{"play/x_win_rate": 0.6})]
    assert table(rows, ceilings=NOT_SOLVED)[1:] == RETURNS
    narrow = table(rows, ceilings=NOT_SOLVED, width=40)
    assert narrow[2].split()[:4] == ["iter", "moves", "player_0", "player_1"]


def test_a_game_of_ours_that_is_never_measured_shows_who_wins():
    rates = {"play/x_win_rate": 0.6, "play/draw_rate": 0.1, "play/o_win_rate": 0.3}
    heading, row = table([iteration(1, **rates)])[1:]
    assert heading.split()[3:7] == ["X", "wins", "draws", "O"]
    assert row.split()[3:6] == ["60.00%", "10.00%", "30.00%"]


def test_a_pipe_gets_the_last_iteration_and_of_those_before_it_the_measured_one():
    # All within a second: only the first and what is left in the end are printed.
    numbers = (1, 2, 3, 4, 5)
    rows = [sampled(number) if number in {1, 3} else iteration(number) for number in numbers]
    lines = table(rows, ceilings=NOT_SOLVED)
    assert [line.split()[0] for line in lines[2:]] == ["1", "3", "5"]


def test_figures_that_grow_wider_move_no_line_away_from_its_headings():
    # A second and more between any two lines is not needed: `close` prints what is left.
    big = {"eval/return_mean/a": -123_456.789}
    small = {"eval/return_mean/a": 0.5}
    console = screen(80, is_terminal=False)
    progress = Progress(console, NOT_SOLVED, STOP)
    progress.on_trial_result(result=nest(iteration(1, **small)))
    progress.on_trial_result(result=nest(iteration(2, **big)))
    progress.close()
    progress.on_trial_result(result=nest(iteration(3, **small)))
    progress.close()
    lines = shown(console)[1:]
    assert [line.split()[0] for line in lines] == [
        "return",
        "iter",
        "1",
        "return",
        "iter",
        "2",
        "3",
    ]
    assert lines[-3].index("time") == lines[-1].index("0.7s")
