"""Many boards at once: a position is two bitboards, and a batch of positions two arrays.

Everything is seen from the player to move (the mover), so that one network can play both
seats. In a game whose rules are a table, `mover` is the row of the position and `opponent` is 0;
only the methods of `Boards` know the difference. This module holds the rules and knows nothing of
agents, rewards over time or files.
Shapes: `N` boards, `A` actions, `S` squares.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ttt_envs.game import Game

__all__ = [
    "Actions",
    "Bits",
    "Boards",
    "Mask",
    "Step",
    "has_line",
    "random_openings",
    "unpack_bits",
    "unpack_mask",
]

Bits = npt.NDArray[np.uint64]
Mask = npt.NDArray[np.bool_]
Actions = npt.NDArray[np.integer[Any]]

ONE = np.uint64(1)


class Step(NamedTuple):
    """The result of one ply on every board.

    Attributes:
        boards: The positions after the ply, seen by the other player.
        won: `[N]` bool, the move won the game: it completed a line.
        done: `[N]` bool, the game is over: won, or no move is left.
    """

    boards: Boards
    won: Mask
    done: Mask


@dataclass(frozen=True)
class Boards:
    """A batch of positions of one game.

    Attributes:
        game: The rules.
        mover: `[N]` uint64 bitboards of the player to move.
        opponent: `[N]` uint64 bitboards of the other player.
    """

    game: Game
    mover: Bits
    opponent: Bits

    @classmethod
    def empty(cls, game: Game, num_boards: int) -> Boards:
        """Return `num_boards` empty boards."""
        return cls(game, np.zeros(num_boards, np.uint64), np.zeros(num_boards, np.uint64))

    @classmethod
    def of_stones(cls, game: Game, stones: npt.NDArray[np.int8]) -> Boards:
        """Return the positions that `observe` shows.

        Args:
            game: The rules.
            stones: `[N, rows, cols, 2]`, or the same flat, `[N, 2 S]`, in {0, 1}.
        """
        planes = stones.reshape(len(stones), game.num_squares, 2)
        return cls(game, _pack_bits(planes[:, :, 0]), _pack_bits(planes[:, :, 1]))

    def __len__(self) -> int:
        return len(self.mover)

    def __getitem__(self, rows: slice | Actions | Mask) -> Boards:
        return Boards(self.game, self.mover[rows], self.opponent[rows])

    @property
    def ply(self) -> npt.NDArray[np.uint8]:
        """`[N]` number of stones on each board; X is to move where it is even."""
        if self.game.table is not None:
            return self.game.table.ply[self.mover]
        return np.bitwise_count(self.mover | self.opponent)

    def legal_bits(self) -> Bits:
        """`[N]` bitboards whose bit `a` is set where action `a` is legal."""
        if self.game.table is not None:
            return self.game.table.legal_bits[self.mover]
        return ~(self.mover | self.opponent) & np.uint64(self.game.action_bits)

    def legal_mask(self) -> Mask:
        """`[N, A]` bool, True where legal."""
        return unpack_mask(self.legal_bits(), self.game.num_actions)

    def lost(self) -> Mask:
        """`[N]` bool, the mover has lost: the opponent has just completed a line."""
        if self.game.table is not None:
            return self.game.table.lost[self.mover]
        return has_line(self.game, self.opponent)

    def observe(self) -> npt.NDArray[np.int8]:
        """`[N, rows, cols, 2]` int8 in {0, 1}: the mover's stones, then the opponent's.

        The layout is that of PettingZoo's `tictactoe_v3` and `connect_four_v3`. Of a game whose
        rules are a table, it is `[N, W]`, what the game itself shows.
        """
        game = self.game
        if game.table is not None:
            return game.table.planes[self.mover]
        planes = np.empty((len(self), game.num_squares, 2), np.int8)
        planes[:, :, 0] = unpack_bits(self.mover, game.num_squares)
        planes[:, :, 1] = unpack_bits(self.opponent, game.num_squares)
        return planes.reshape(len(self), game.rows, game.cols, 2)

    def step(self, actions: Actions) -> Step:
        """Play one ply on every board.

        Args:
            actions: `[N]` integers in 0..A-1. They must be legal and the games must not
                be over: this is the hot path and does not check.
        """
        after = self.place(actions)
        won = after.lost()
        return Step(after, won, won | (after.legal_bits() == 0))

    def place(self, actions: Actions) -> Boards:
        """Return the positions after one ply on every board; lines are not checked.

        Args:
            actions: As for `step`.
        """
        if self.game.table is not None:
            rows = self.game.table.children[self.mover, actions].astype(np.uint64)
            return Boards(self.game, rows, np.zeros_like(rows))
        return Boards(self.game, self.opponent, self.mover | self._stone(actions))

    def random_actions(self, rng: np.random.Generator) -> npt.NDArray[np.intp]:
        """`[N]` uniformly random legal actions; every board must have one."""
        legal = self.legal_bits()
        count = np.bitwise_count(legal)
        # The rank stays below the count although the product is rounded, because random() is at
        # most 1 - 2^-53.
        rank = (rng.random(len(legal)) * count).astype(np.uint8)
        for skipped in range(int(rank.max(initial=0))):
            legal = np.where(rank > skipped, legal & (legal - ONE), legal)
        lowest = legal & (~legal + ONE)
        return np.bitwise_count(lowest - ONE).astype(np.intp)

    def _stone(self, actions: Actions) -> Bits:
        columns = actions.astype(np.uint64)
        if not self.game.gravity:
            return ONE << columns
        occupied = self.mover | self.opponent
        height = np.bitwise_count(occupied & (np.uint64(self.game.column_bits) << columns))
        rows_down = (self.game.rows - 1 - height.astype(np.int64)).astype(np.uint64)
        return ONE << (rows_down * np.uint64(self.game.cols) + columns)


def has_line(game: Game, stones: Bits) -> Mask:
    """`[N]` bool, the bitboards that hold a line of `game.connect` squares.

    Args:
        game: The rules.
        stones: `[N]` uint64 bitboards of one player.
    """
    found = np.zeros_like(stones)
    for distance, starts in game.lines:
        run = stones & np.uint64(starts)
        for squares in range(1, game.connect):
            run &= stones >> np.uint64(squares * distance)
        found |= run
    return found != 0


def random_openings(
    game: Game, num_boards: int, plies: tuple[int, int], rng: np.random.Generator
) -> Boards:
    """Return boards after a uniformly random number of uniformly random plies.

    A ply that would end the game is not played and ends the opening, so no game
    returned is over.

    Args:
        game: The rules.
        num_boards: `N`.
        plies: Least and greatest number of plies, inclusive.
        rng: The source of all randomness.
    """
    boards = Boards.empty(game, num_boards)
    length = rng.integers(plies[0], plies[1], size=num_boards, endpoint=True)
    mover, opponent = boards.mover, boards.opponent
    playing = np.arange(num_boards)
    for ply in range(plies[1]):
        playing = playing[length[playing] > ply]
        live = Boards(game, mover[playing], opponent[playing])
        after, _, done = live.step(live.random_actions(rng))
        playing = playing[~done]
        mover[playing], opponent[playing] = after.mover[~done], after.opponent[~done]
    return boards


def unpack_bits(bits: Bits, count: int) -> npt.NDArray[np.uint8]:
    """`[N, count]` uint8 in {0, 1}: the lowest `count` bits of each bitboard.

    Args:
        bits: `[N]` uint64 bitboards.
        count: Bits to unpack, at most 64.
    """
    little = bits.astype("<u8", copy=False)
    return np.unpackbits(
        little.view(np.uint8).reshape(-1, 8), axis=1, count=count, bitorder="little"
    )


def unpack_mask(bits: Bits, count: int) -> Mask:
    """`[N, count]` bool: as `unpack_bits`, True where a bit is set."""
    return unpack_bits(bits, count).view(np.bool_)


def _pack_bits(squares: npt.NDArray[np.int8]) -> Bits:
    """`[N]` bitboards of `[N, count]` in {0, 1}: what `unpack_bits` takes apart."""
    packed = np.zeros((len(squares), 8), np.uint8)
    taken = np.packbits(squares.view(np.uint8), axis=1, bitorder="little")
    packed[:, : taken.shape[1]] = taken
    return packed.view("<u8")[:, 0].astype(np.uint64, copy=False)
