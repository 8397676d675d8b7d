"""An agent that plays one seat only: it is asked about no other, and nothing is said about one."""

import json

import numpy as np
import pytest

import ttt_rllib
from tests.in_process import call
from ttt_envs import CONNECT_FOUR, TIC_TAC_TOE, Game
from ttt_rllib.agents.policies import GreedyPolicy, PerfectPolicy
from ttt_rllib.evaluation.text import verdict
from ttt_rllib.exact.solved_game import solve_or_raise
from ttt_rllib.exact.walks import walk_both_seats

MODULE = """
from ttt_envs import TIC_TAC_TOE
from ttt_rllib.agents.policies import PerfectPolicy

perfect = PerfectPolicy(TIC_TAC_TOE)


def only_x(boards):
    assert (boards.ply % 2 == 0).all()
    return perfect(boards)


def first_as_o(boards):
    assert (boards.ply % 2 == 1).all()
    return boards.legal_mask().argmax(axis=1)
"""


def only(policy, seat):
    """Return a function that answers for its seat and raises for the other one."""

    def agent(boards):
        assert (boards.ply % 2 == "xo".index(seat)).all()
        return policy(boards)

    return agent


@pytest.mark.parametrize("seat", ["x", "o"])
@pytest.mark.parametrize("game", [TIC_TAC_TOE, Game(3, 3, 3, gravity=True)], ids=str)
def test_the_figures_of_a_seat_are_those_of_the_whole_agent(table_player, game, seat):
    player = table_player(game, seed=3)
    whole = ttt_rllib.prove(lambda boards: player.rows(boards), game=game)
    half = ttt_rllib.prove(only(player.rows, seat), game=game, seat=seat, takes="boards")
    other = "xo"[seat == "x"]
    assert half.seat == seat
    assert half.nash_conv is half.nash_conv_greedy is None
    for name in ("guaranteed_as_{}", "positions_as_{}", "moves_sha256_as_{}"):
        mine = name.format(seat)
        assert getattr(half.certificate, mine) == getattr(whole.certificate, mine)
        assert not getattr(half.certificate, name.format(other))
    assert getattr(half, f"vs_random_{seat}") == getattr(whole, f"vs_random_{seat}")
    assert getattr(half, f"best_response_{other}") == getattr(whole, f"best_response_{other}")
    assert getattr(half, f"vs_random_{other}") is None
    assert getattr(half, f"best_response_{seat}") is None
    lines = [line for line in whole.certificate.losing_lines if line.seat == seat]
    assert half.certificate.losing_lines[: len(lines)] == tuple(lines)


def test_both_seats_together_have_the_counts_of_the_whole_agent(table_player):
    player = table_player(seed=4)
    whole = ttt_rllib.prove(player.rows, takes="boards")
    halves = [ttt_rllib.prove(player.rows, takes="boards", seat=seat) for seat in "xo"]
    for name in ("losing_positions", "decision_positions", "mistakes"):
        parts = [getattr(half.facts, name) for half in halves]
        assert sum(parts) == getattr(whole.facts, name)
        assert [getattr(half.certificate, name) for half in halves] == parts
    assert whole.certificate.losing_replies > 100
    assert whole.certificate.replies > whole.certificate.losing_replies
    for name in ("replies", "losing_replies", "losing_line_count"):
        parts = [getattr(half.certificate, name) for half in halves]
        assert sum(parts) == getattr(whole.certificate, name)


@pytest.mark.parametrize("seat", ["x", "o"])
@pytest.mark.parametrize(
    "game", [TIC_TAC_TOE, Game(1, 1, 1), Game(3, 3, 2), Game(4, 4, 3, gravity=True)], ids=str
)
def test_perfect_play_in_one_seat_is_perfect(game, seat):
    report = ttt_rllib.prove(only(PerfectPolicy(game), seat), game=game, seat=seat, takes="boards")
    assert report.certificate.perfect
    assert report.certificate.unexploitable
    assert report.optimal_move_rate == 1.0
    assert verdict(report) == (
        f"perfect as {seat.upper()}: every move in every position with {seat.upper()} to move "
        "keeps its value"
    )


def test_a_mistake_that_no_opponent_can_reach_leaves_a_seat_unexploitable():
    solved, perfect = solve_or_raise(TIC_TAC_TOE), PerfectPolicy(TIC_TAC_TOE)

    def agent(boards):
        table = perfect(boards)
        table[boards.ply == 0] = np.eye(9)[8]
        # X begins at the bottom right, so that it never comes to positions without its stone there.
        elsewhere = (boards.ply == 2) & (boards.mover >> np.uint64(8) & np.uint64(1) == 0)
        optimal = solved.solution.optimal[solved.positions.find(boards)]
        mistakes = boards.legal_mask() & ~optimal
        rows = np.flatnonzero(elsewhere & mistakes.any(axis=1))
        table[rows] = np.eye(9)[mistakes[rows].argmax(axis=1)]
        return table

    report = ttt_rllib.prove(agent, seat="x")
    assert (report.certificate.unexploitable, report.certificate.perfect) == (True, False)
    assert verdict(report) == "unexploitable as X: no opponent can beat it"


def lowest(boards):
    return boards.legal_mask().argmax(axis=1)


def test_a_seat_of_a_game_that_is_too_large_to_solve():
    few = ttt_rllib.prove(lowest, game=CONNECT_FOUR, seat="x", max_positions=300)
    assert verdict(few).startswith("not decided: as X nothing is proved, ")
    more = ttt_rllib.prove(lowest, game=CONNECT_FOUR, seat="x", max_positions=60_000)
    assert verdict(more) == "exploitable: as X it can be beaten in 10 plies"
    assert (more.sampled, more.optimal_rates) == (None, {})
    assert {line.seat for line in more.certificate.losing_lines} == {"x"}


def test_a_seat_that_is_worth_a_loss_cannot_be_exploited():
    # The first player wins Connect Four (Allis, 1988), so that O can be beaten whatever it plays.
    report = ttt_rllib.prove(lowest, game=CONNECT_FOUR, seat="o", max_positions=60_000)
    assert report.certificate.guaranteed_as_o == -1
    assert verdict(report) == "unexploitable as O: no opponent can get more than perfect play gives"


@pytest.mark.parametrize(
    ("game", "claim"), [(TIC_TAC_TOE, None), (Game(3, 3, 2), True)], ids=["draw", "win"]
)
def test_where_the_value_is_unknown_only_a_win_in_one_seat_proves_that_seat(game, claim):
    perfect = GreedyPolicy(PerfectPolicy(game))
    walks = walk_both_seats(
        game, lambda boards: perfect(boards).argmax(axis=1), game_value=None, seat="x"
    )
    assert walks.is_unexploitable is claim
    assert walks.guaranteed_as_o is None


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "mine_in_one_seat.py").write_text(MODULE)
    return tmp_path


def test_the_text_of_a_seat_names_no_other(folder):
    done = call(("prove", "mine_in_one_seat:first_as_o", "--seat", "o"), cwd=folder, env={})
    assert (done.code, done.errors) == (0, ())
    lines = done.stdout.splitlines()
    assert lines[0].startswith("exploitable as O: opponents can bring about")
    assert not any("as X" in line or "NashConv" in line for line in lines)
    assert "mistakes in 2097 decision positions of O" in done.stdout
    assert "positions checked     374 as O: all that any opponent can reach" in done.stdout


def test_a_requirement_is_about_the_seat(folder):
    words = ("prove", "mine_in_one_seat:only_x", "--seat", "x", "--require", "perfect", "--json")
    done = call(words, cwd=folder, env={})
    assert (done.code, done.errors) == (0, ())
    told = json.loads(done.stdout)
    assert (told["seat"], told["certificate"]["perfect"]) == ("x", True)
    assert "exact/nash_conv" not in told["metrics"]
    both = call(words[:2], cwd=folder, env={})
    assert both.code == 2
    assert "mine_in_one_seat:only_x: raises in the position after the moves 0: " in both.errors[0]
