"""The labelled positions against the rules, the judge, symmetry and fixed players."""

import re
from pathlib import Path

import numpy as np
import pytest

from tests.commands import ROOT
from ttt_envs import CONNECT_FOUR, TIC_TAC_TOE, Boards, Game
from ttt_envs.threats import safe_actions, winning_actions
from ttt_rllib.agents.baselines import AlphaBetaPolicy, OnePlyPolicy
from ttt_rllib.agents.policies import RandomPolicy
from ttt_rllib.evaluation.test_positions import (
    ILLEGAL,
    LabelledPositions,
    labelled_positions,
    optimal_rates,
)
from ttt_rllib.exact.solved_game import solve_or_raise
from ttt_rllib.metrics import BETTER, METRICS

DECISIVE, QUIET, ONLY_MOVE = (
    f"eval/optimal_rate_{name}" for name in ("decisive", "quiet", "only_move")
)
BANDS = ((0, 7), (8, 15), (16, 23), (24, 31), (32, 40))
FROM_THE_MIDDLE = (3, 2, 4, 1, 5, 0, 6)


@pytest.fixture(scope="module")
def positions():
    return labelled_positions(CONNECT_FOUR)


class FirstOf:
    """Plays the first legal column of an order; by the rule, only one that the rule allows.

    The rule: win at once, else keep the opponent from winning next, where that can be done.
    """

    def __init__(self, order, has_rule):
        self.game, self.order, self.has_rule = CONNECT_FOUR, order, has_rule

    def __call__(self, boards):
        wins, safe, legal = winning_actions(boards), safe_actions(boards), boards.legal_bits()
        allowed = np.where(wins != 0, wins, np.where(safe != 0, safe, legal))
        table = np.zeros((len(boards), 7))
        for row, moves in enumerate(allowed if self.has_rule else legal):
            table[row, next(a for a in self.order if int(moves) >> a & 1)] = 1.0
        return table


class Knowing:
    """Plays a best move, or else a worst one."""

    def __init__(self, positions, best):
        self.game, self.best = CONNECT_FOUR, best
        keys = zip(positions.boards.mover, positions.boards.opponent, strict=True)
        self.values = dict(zip(keys, positions.values.astype(float), strict=True))

    def __call__(self, boards):
        rows = zip(boards.mover, boards.opponent, strict=True)
        values = np.array([self.values[row] for row in rows])
        order = values if self.best else np.where(values == ILLEGAL, ILLEGAL, -values)
        return (order == order.max(axis=1, keepdims=True)) / 1.0


def test_positions_are_distinct_unfinished_and_of_every_ply(positions):
    boards = positions.boards
    assert len({*zip(boards.mover.tolist(), boards.opponent.tolist(), strict=True)}) == 7157
    counts = np.bincount(boards.ply)
    # 1, 7 and 49: all positions there are; the slow plies have half as many.
    assert counts[:3].tolist() == [1, 7, 49]
    assert set(counts[12:17].tolist()) == {100}
    assert set(np.delete(counts, [0, 1, 2, 12, 13, 14, 15, 16]).tolist()) == {200}
    assert len(counts) == 41
    turned = Boards(CONNECT_FOUR, boards.opponent, boards.mover)
    both = [int(b) for b in (*boards.mover, *turned.mover)]
    lines = lines_of_four()
    assert not any(stones & line == line for stones in both for line in lines)


def lines_of_four():
    directions = ((0, 1), (1, 0), (1, 1), (1, -1))
    cells = [(row, col) for row in range(6) for col in range(7)]
    runs = [[(r + i * dr, c + i * dc) for i in range(4)] for r, c in cells for dr, dc in directions]
    return [sum(1 << r * 7 + c for r, c in run) for run in runs if set(run) <= set(cells)]


def test_values_are_illegal_exactly_where_a_column_is_full(positions):
    assert positions.values.dtype == np.int8
    assert np.array_equal(positions.values != ILLEGAL, positions.boards.legal_mask())
    assert set(np.unique(positions.values).tolist()) == {ILLEGAL, -1, 0, 1}


def test_moves_that_win_at_once_have_the_value_of_a_win(positions):
    rows, actions = np.nonzero(positions.boards.legal_mask())
    won = positions.boards[rows].step(actions).won
    assert set(positions.values[rows, actions][won].tolist()) == {1}


def test_late_positions_have_the_values_of_a_search_to_the_end(positions):
    late = positions.boards.ply >= 34
    boards, values = positions.boards[late], positions.values[late]
    search = AlphaBetaPolicy(CONNECT_FOUR, 8)(boards) > 0
    best = values.max(axis=1)
    assert set(best.tolist()) == {-1, 0, 1}
    # The search also prefers early wins and late losses, so it chooses among the best moves.
    assert not (search & (values != best[:, None])).any()
    drawn = best == 0
    assert np.array_equal(search[drawn], (values == 0)[drawn])


def test_labels_of_mirrored_positions_are_mirrored(positions):
    mirrored = {}
    for row, planes in enumerate(positions.boards.observe()):
        mirrored[planes[:, ::-1].tobytes()] = row
    pairs = [
        (row, mirrored[planes.tobytes()])
        for row, planes in enumerate(positions.boards.observe())
        if planes.tobytes() in mirrored
    ]
    assert len(pairs) > 150
    here, there = np.array(pairs).T
    assert np.array_equal(positions.values[here], positions.values[there][:, ::-1])


@pytest.mark.long
def test_two_thousand_positions_have_the_judges_values(positions):
    pytest.importorskip("bitbully")
    from benchmarks.label_positions import exact_scores

    # Later ones take it milliseconds; the slowest plies, from 12, tenths of a second.
    rows = np.random.default_rng(4).permutation(np.flatnonzero(positions.boards.ply > 17))[:1900]
    rows = np.concatenate([rows, np.flatnonzero(positions.boards.ply == 8)[:100]])
    scores = exact_scores(positions.boards[rows])
    legal = positions.values[rows] != ILLEGAL
    assert np.array_equal(np.sign(scores)[legal], positions.values[rows][legal])


@pytest.mark.parametrize(
    ("mover", "opponent", "expected"),
    [
        ((0, 3), (1, 4), {"decisive", "ply_0_7"}),  # the mover wins on 6
        ((0, 8), (1, 4), {"decisive", "ply_0_7"}),  # the opponent would win on 7
        ((), (0,), {"decisive", "quiet", "only_move", "ply_0_7"}),  # only the centre draws
        ((), (1,), {"decisive", "quiet", "ply_0_7"}),  # 0, 2, 4 and 7 draw
        ((0,), (4,), set()),  # every move draws
    ],
)
def test_the_strata_by_hand_on_boards_of_tic_tac_toe(mover, opponent, expected):
    sides = [np.array([sum(1 << s for s in stones)], np.uint64) for stones in (mover, opponent)]
    solved = solve_or_raise(TIC_TAC_TOE)
    row = solved.positions.find(Boards(TIC_TAC_TOE, *sides))
    children = solved.positions.children[row]
    values = np.where(children >= 0, -solved.solution.values[children], ILLEGAL).astype(np.int8)
    labelled = LabelledPositions(solved.positions.boards[row], values)
    found = {name for name, mask in labelled.strata.items() if mask[0]}
    assert found == {f"eval/optimal_rate_{name}" for name in expected}


def test_the_strata_equal_counts_by_trying_out(positions):
    boards, legal = positions.boards, positions.boards.legal_mask()
    turned = Boards(CONNECT_FOUR, boards.opponent, boards.mover)
    rows, actions = np.nonzero(legal)
    at_once = np.zeros(len(boards), np.bool_)
    for side in (boards, turned):
        at_once[rows[side[rows].step(actions).won]] = True
    expected = {}
    for row, values in enumerate(positions.values.tolist()):
        ours = [value for value in values if value != ILLEGAL]
        if len(set(ours)) == 1:
            continue
        ply = int(boards.ply[row])
        band = next(f"{a}_{b}" for a, b in BANDS if a <= ply <= b)
        for name, holds in (
            ("decisive", True),
            ("quiet", not at_once[row]),
            ("only_move", not at_once[row] and ours.count(max(ours)) == 1),
            (f"ply_{band}", True),
        ):
            if holds:
                expected.setdefault(f"eval/optimal_rate_{name}", set()).add(row)
    found = {name: set(np.flatnonzero(mask).tolist()) for name, mask in positions.strata.items()}
    assert found == expected
    assert all(len(stratum) > 500 for stratum in found.values())


def test_best_moves_have_rate_one_and_worst_moves_rate_zero(positions):
    best, worst = (optimal_rates(Knowing(positions, is_best)) for is_best in (True, False))
    assert set(best.values()) == {1.0}
    assert set(worst.values()) == {0.0}


def test_rates_are_those_of_the_metrics_file_and_higher_is_better():
    known = [metric.name for metric in METRICS if metric.only == "labelled games"]
    assert list(optimal_rates(RandomPolicy(CONNECT_FOUR))) == known
    assert {BETTER[name] for name in known} == {"higher"}


def test_the_rule_and_the_middle_each_raise_the_rates_and_a_search_more():
    plain, ruled = (optimal_rates(FirstOf(range(7), has_rule)) for has_rule in (False, True))
    middle = optimal_rates(FirstOf(FROM_THE_MIDDLE, True))
    searching = optimal_rates(AlphaBetaPolicy(CONNECT_FOUR, 6))
    for weaker, stronger in ((plain, ruled), (ruled, middle)):
        assert all(weaker[name] < stronger[name] for name in (DECISIVE, QUIET, ONLY_MOVE))
    # What random play on other positions of the same make gave: 0.870, 0.616, 0.449.
    assert middle[DECISIVE] == pytest.approx(0.87, abs=0.03)
    assert middle[QUIET] == pytest.approx(0.616, abs=0.05)
    assert middle[ONLY_MOVE] == pytest.approx(0.449, abs=0.07)
    assert searching[DECISIVE] > ruled[DECISIVE]
    # The rule sees nothing in quiet positions but stones that lift the opponent's.
    assert ruled[QUIET] - plain[QUIET] < 0.1 < ruled[DECISIVE] - plain[DECISIVE]
    assert optimal_rates(OnePlyPolicy(CONNECT_FOUR))[DECISIVE] < ruled[DECISIVE]


@pytest.mark.parametrize("game", [TIC_TAC_TOE, Game(6, 7, 4), Game(5, 7, 4, gravity=True)], ids=str)
def test_games_without_a_set_have_no_rates(game):
    assert labelled_positions(game) is None
    assert optimal_rates(RandomPolicy(game)) == {}


def test_the_judge_is_never_imported_by_the_package():
    imported = re.compile(r"^\s*(?:import|from)\s+bitbully", re.MULTILINE)
    modules = [path for folder in ("src", "envs") for path in Path(ROOT, folder).rglob("*.py")]
    assert len(modules) > 100
    assert [path for path in modules if imported.search(path.read_text())] == []
