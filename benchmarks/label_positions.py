"""Makes the labelled Connect Four positions of `ttt_rllib.evaluation`, judged by bitbully.

bitbully's licence is the AGPL, so it labels data and checks them in tests, and the package itself
never imports it: `pip install -e '.[judge]'`, then `python -m benchmarks.label_positions`.
Positions come from uniformly random play, the same number for every ply but those that take the
solver longest.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from bitbully import BitBully, Board

from ttt_envs.boards import Boards
from ttt_envs.game import CONNECT_FOUR

SEED = 20261129
PLIES = range(41)
PER_PLY = 200
SLOW_PLIES, PER_SLOW_PLY = range(12, 17), 100
ILLEGAL = -128
FILE = Path("src/ttt_rllib/evaluation/positions/connect_four.npz")


def main() -> None:
    """Write the file."""
    rng = np.random.default_rng(SEED)
    judge = BitBully()
    rows = [
        (position, scores(judge, moves))
        for ply in PLIES
        for position, moves in _positions(ply, rng)
    ]
    boards = np.array([position for position, _ in rows], np.uint64)
    np.savez_compressed(
        FILE,
        mover=boards[:, 0],
        opponent=boards[:, 1],
        scores=np.array([labels for _, labels in rows], np.int8),
    )
    print(f"{FILE}: {len(rows):,} positions, {FILE.stat().st_size:,} bytes")


def scores(judge: BitBully, moves: tuple[int, ...]) -> list[int]:
    """Return the score of every column, `ILLEGAL` where it is full.

    0 is a draw, +k a win of the mover with its k-th last stone, so that greater is sooner, and -k
    a loss.
    """
    found = judge.score_all_moves(Board(list(moves)))
    return [found.get(column, ILLEGAL) for column in range(CONNECT_FOUR.cols)]


def _positions(
    ply: int, rng: np.random.Generator
) -> list[tuple[tuple[int, int], tuple[int, ...]]]:
    """Return distinct positions of a ply, in which the game is not over, and games to them."""
    wanted = PER_SLOW_PLY if ply in SLOW_PLIES else PER_PLY
    found: dict[tuple[int, int], tuple[int, ...]] = {}
    # The first plies have fewer positions than are wanted.
    for _ in range(100 * wanted):
        if len(found) == wanted:
            break
        boards, moves = Boards.empty(CONNECT_FOUR, 1), []
        while len(moves) < ply:
            action = boards.random_actions(rng)
            boards, _, done = boards.step(action)
            if done[0]:
                break
            moves.append(int(action[0]))
        if len(moves) == ply:
            found[int(boards.mover[0]), int(boards.opponent[0])] = tuple(moves)
    return list(found.items())


if __name__ == "__main__":
    main()
