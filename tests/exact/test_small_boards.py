"""Which boards get the exact treatment, with their positions counted by naive recursion."""

import pytest

from ttt_envs import Game, enumerate_positions
from ttt_rllib.agents.policies import PerfectPolicy, policy_table
from ttt_rllib.exact import evaluate
from ttt_rllib.exact.solved_game import solve_or_raise, solved_game

# Counted by this file's `count_positions`; the long test counts all of them again.
COUNTS = {
    Game(3, 3, 1): 10,
    Game(3, 3, 2): 1_234,
    Game(3, 3, 3): 5_478,
    Game(3, 4, 1): 13,
    Game(3, 4, 2): 10_562,
    Game(3, 4, 3): 111_973,
    Game(3, 4, 4): 142_231,
    Game(4, 3, 1): 13,
    Game(4, 3, 2): 10_562,
    Game(4, 3, 3): 111_973,
    Game(4, 3, 4): 142_231,
    Game(4, 4, 2): 159_765,
    Game(4, 4, 3, gravity=True): 41_750,
    Game(4, 4, 4, gravity=True): 161_029,
}
QUICK = [game for game, count in COUNTS.items() if count < 20_000]
SLOW = [game for game in COUNTS if game not in QUICK]


def count_positions(game):
    """Count the positions by recursion on pairs of sets of (row, column) cells."""
    cells = [(row, col) for row in range(game.rows) for col in range(game.cols)]
    lines = {
        frozenset((row + i * down, col + i * right) for i in range(game.connect))
        for row, col in cells
        for down, right in ((0, 1), (1, 0), (1, 1), (1, -1))
    }
    through = {c: [line for line in lines if c in line and line <= set(cells)] for c in cells}
    seen = set()

    def playable(taken, row, col):
        lies = not game.gravity or row == game.rows - 1 or (row + 1, col) in taken
        return (row, col) not in taken and lies

    def visit(mover, opponent, is_over):
        if (mover, opponent) in seen:
            return
        seen.add((mover, opponent))
        if is_over:
            return
        taken = mover | opponent
        for cell in cells:
            if playable(taken, *cell):
                stones = mover | {cell}
                visit(opponent, stones, any(line <= stones for line in through[cell]))

    visit(frozenset(), frozenset(), False)
    return len(seen)


@pytest.mark.parametrize("game", QUICK, ids=str)
def test_number_of_positions_equals_naive_recursion(game):
    assert len(enumerate_positions(game)) == count_positions(game) == COUNTS[game]


@pytest.mark.long
@pytest.mark.parametrize("game", SLOW, ids=str)
def test_number_of_positions_of_the_larger_boards_equals_naive_recursion(game):
    assert len(enumerate_positions(game)) == count_positions(game) == COUNTS[game]


@pytest.mark.parametrize("game", COUNTS, ids=str)
def test_the_perfect_policy_is_certified_with_nash_conv_zero(game):
    truth = solve_or_raise(game)
    assert len(truth.positions) == COUNTS[game]
    report = evaluate(truth, policy_table(truth.positions, PerfectPolicy(game)))
    assert report.nash_conv_greedy == 0.0
    # where the first player wins, shares like 1/7 of a win do not add up to 1 exactly
    assert report.nash_conv == pytest.approx(0.0, abs=1e-12)
    assert report.facts.mistakes == 0


def test_every_3x3_3x4_and_4x3_board_is_among_them():
    sizes = ((3, 3), (3, 4), (4, 3))
    every = {Game(*size, connect) for size in sizes for connect in range(1, max(size) + 1)}
    assert every <= set(COUNTS)


@pytest.mark.parametrize("connect", [3, 4])
def test_4x4_without_gravity_has_too_many_positions(connect):
    # 6,036,001 with lines of 3 and 9,722,011 with lines of 4: docs/log.md.
    assert solved_game(Game(4, 4, connect)) is None
