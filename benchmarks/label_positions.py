"""Makes the labelled Connect Four positions of `ttt_rllib.evaluation`, judged by bitbully.

bitbully's licence is the AGPL, so it labels data and checks them in tests, and the package itself
never imports it: `pip install -e '.[judge]'`, then `python -m benchmarks.label_positions`, which
takes a few minutes. The same seed makes the same file.
Shapes: `N` positions, `A` columns.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
from bitbully import BitBully, Board

from ttt_envs.boards import Boards
from ttt_envs.game import CONNECT_FOUR
from ttt_envs.keys import position_keys

SEED = 20261129
PLIES = range(41)
PER_PLY = 200
SLOW_PLIES, PER_SLOW_PLY = range(12, 17), 100
"""The judge's book ends at ply 12; from there it searches, for up to 0.2 s a position at first."""

GAMES_AT_ONCE = 20_000
MAX_ROUNDS = 50
"""The first plies have fewer positions than are wanted, and then no round finds more."""

ILLEGAL = -128
FILE = Path("src/ttt_rllib/evaluation/positions/connect_four.npz")


def main() -> None:
    """Write the file."""
    rng = np.random.default_rng(SEED)
    wanted = {ply: PER_SLOW_PLY if ply in SLOW_PLIES else PER_PLY for ply in PLIES}
    boards = _concatenated([random_positions(ply, number, rng) for ply, number in wanted.items()])
    occupied = boards.mover | boards.opponent
    # Sorted, and with all stones instead of the opponent's, the file is a seventh smaller.
    order = np.lexsort((boards.mover, occupied, boards.ply))
    boards, occupied = boards[order], occupied[order]
    FILE.parent.mkdir(exist_ok=True)
    np.savez_compressed(FILE, mover=boards.mover, occupied=occupied, scores=exact_scores(boards))
    print(f"{FILE}: {len(boards):,} positions, {FILE.stat().st_size:,} bytes")


def random_positions(ply: int, wanted: int, rng: np.random.Generator) -> Boards:
    """Return distinct positions after uniformly random play in which the game is not over.

    Args:
        ply: Number of stones on the boards.
        wanted: The greatest number of positions to return.
        rng: The source of all randomness.
    """
    boards = Boards.empty(CONNECT_FOUR, 0)
    for _ in range(MAX_ROUNDS):
        if len(boards) >= wanted:
            break
        games = Boards.empty(CONNECT_FOUR, GAMES_AT_ONCE)
        for _ in range(ply):
            games, _, done = games.step(games.random_actions(rng))
            games = games[~done]
        boards = _concatenated([boards, games])
        # The first of equal ones, in the order in which random play came to them: in any other
        # order, those that are wanted would not be a fair sample.
        first = np.unique(position_keys(boards), return_index=True)[1]
        boards = boards[np.sort(first)]
    return boards[:wanted]


def exact_scores(boards: Boards) -> npt.NDArray[np.int8]:
    """Return the judge's score of every column, `[N, A]`; `ILLEGAL` where it is full.

    0 is a draw, +k a win of the mover with its k-th last stone, so that greater is sooner, and -k
    a loss.

    Args:
        boards: `[N]` positions of Connect Four in which the game is not over.
    """
    judge = BitBully()
    scores = np.full((len(boards), CONNECT_FOUR.num_actions), ILLEGAL, np.int8)
    for row, planes in enumerate(boards.observe().astype(int)):
        mover = 1 + int(boards.ply[row]) % 2
        # The judge calls the first player 1 and the second 2.
        stones = planes @ [mover, 3 - mover]
        for column, score in judge.score_all_moves(Board(stones.tolist())).items():
            scores[row, column] = score
    return scores


def _concatenated(parts: list[Boards]) -> Boards:
    return Boards(
        CONNECT_FOUR,
        np.concatenate([boards.mover for boards in parts]),
        np.concatenate([boards.opponent for boards in parts]),
    )


if __name__ == "__main__":
    main()
