"""Naive games on Python tuples, against which the exact evaluation is tested.

A naive board is a tuple of '.', 'X' and 'O'. Nothing here uses bitboards, except to say
which row of the table a naive board is.
"""

from fractions import Fraction
from functools import cache
from itertools import product

import numpy as np
import pytest
from open_spiel.python import policy

from ttt_envs import TIC_TAC_TOE
from ttt_rllib.exact.solved_game import solve_or_raise


class NaiveGame:
    """An m,n,k-game by recursion, value +1 = the mover wins."""

    def __init__(self, game, positions):
        self.game, self.start = game, (".",) * game.num_squares
        self.lines = self._find_lines(game)
        self.lost, self.value = cache(self._lost), cache(self._value)
        self.rows = {self._board(positions, row): row for row in range(len(positions))}
        self.boards = {row: board for board, row in self.rows.items()}

    @staticmethod
    def _find_lines(game):
        squares = {divmod(s, game.cols): s for s in range(game.num_squares)}
        runs = (
            [(row + i * down, col + i * right) for i in range(game.connect)]
            for (row, col), (down, right) in product(squares, ((0, 1), (1, 0), (1, 1), (1, -1)))
        )
        return [[squares[cell] for cell in run] for run in runs if set(run) <= set(squares)]

    @staticmethod
    def _board(positions, row):
        stones = int(positions.boards.mover[row]), int(positions.boards.opponent[row])
        x_stones, o_stones = stones if positions.x_to_move[row] else stones[::-1]
        return tuple(
            "X" if x_stones >> s & 1 else "O" if o_stones >> s & 1 else "."
            for s in range(positions.game.num_squares)
        )

    def mover(self, board):
        return "X" if board.count("X") == board.count("O") else "O"

    def _lost(self, board):
        waiting = "O" if self.mover(board) == "X" else "X"
        return any(all(board[s] == waiting for s in line) for line in self.lines)

    def over(self, board):
        return self.lost(board) or "." not in board

    def legal(self, board):
        if self.over(board):
            return []
        return [action for action in range(self.game.num_actions) if board[action] == "."]

    def play(self, board, action):
        assert board[action] == "."
        square, below = action, action + self.game.cols
        while self.game.gravity and below < len(board) and board[below] == ".":
            square, below = below, below + self.game.cols
        return (*board[:square], self.mover(board), *board[square + 1 :])

    def _value(self, board):
        if self.over(board):
            return -1 if self.lost(board) else 0
        return max(-self.value(self.play(board, action)) for action in self.legal(board))

    def keeping_value(self, board):
        best = self.value(board)
        return [a for a in self.legal(board) if -self.value(self.play(board, a)) == best]

    def result_for(self, seat, board):
        """The result, of a finished game, of the player with the mark `seat`."""
        if not self.lost(board):
            return 0
        return -1 if self.mover(board) == seat else 1

    def outcome(self, x_policy, o_policy):
        """Exact probabilities (X wins, draw, O wins); a policy maps board to {action: p}."""

        @cache
        def results(board):
            if self.over(board):
                score = self.result_for("X", board)
                return Fraction(score == 1), Fraction(score == 0), Fraction(score == -1)
            moves = (x_policy if self.mover(board) == "X" else o_policy)[board]
            below = [(p, results(self.play(board, action))) for action, p in moves.items()]
            return tuple(sum(p * r[i] for p, r in below) for i in range(3))

        return results(self.start)

    def best_score(self, seat, policy):
        """The exact best mean score of the player `seat` against a fixed policy."""

        @cache
        def score(board):
            if self.over(board):
                return Fraction(self.result_for(seat, board))
            if self.mover(board) == seat:
                return max(score(self.play(board, action)) for action in self.legal(board))
            return sum(p * score(self.play(board, a)) for a, p in policy[board].items())

        return score(self.start)

    def table_of(self, policy):
        """The policy as a table `[P, A]` of floats."""
        table = np.zeros((len(self.rows), self.game.num_actions))
        for board, moves in policy.items():
            for action, probability in moves.items():
                table[self.rows[board], action] = float(probability)
        return table

    def decisions(self):
        return [board for board in self.rows if not self.over(board)]

    def uniform_policy(self):
        return self.over_moves(self.legal)

    def over_moves(self, choose):
        """The policy that is uniform over `choose(board)`."""
        chosen = {board: choose(board) for board in self.decisions()}
        return {b: dict.fromkeys(moves, Fraction(1, len(moves))) for b, moves in chosen.items()}

    def random_policy(self, seed):
        """Random weights 0 to 5 on the legal moves, at least one of them positive."""
        rng, policy = np.random.default_rng(seed), {}
        for board in self.decisions():
            legal = self.legal(board)
            weights = rng.integers(0, 6, len(legal))
            weights[rng.integers(len(legal))] += 1
            total = int(weights.sum())
            policy[board] = {
                a: Fraction(int(w), total) for a, w in zip(legal, weights, strict=True) if w
            }
        return policy

    def random_deterministic(self, seed, mistake_rate=1.0):
        """Moves that keep the value, but with probability `mistake_rate` any legal move."""
        rng, policy = np.random.default_rng(seed), {}
        for board in self.decisions():
            free = rng.random() < mistake_rate
            moves = self.legal(board) if free else self.keeping_value(board)
            policy[board] = {int(rng.choice(moves)): Fraction(1)}
        return policy


class OpenSpielPolicy(policy.Policy):
    """A naive policy for OpenSpiel, whose states print as three lines of x, o and dots."""

    def __init__(self, game, moves):
        super().__init__(game, [0, 1])
        self._moves = {
            "".join(board).lower(): {a: float(p) for a, p in dealt.items()}
            for board, dealt in moves.items()
        }

    def action_probabilities(self, state, player_id=None):
        return self._moves[str(state).replace("\n", "")]


@pytest.fixture(scope="session")
def solved():
    """`game -> (truth, naive game)`, computed once a game."""

    @cache
    def solve_both(game):
        found = solve_or_raise(game)
        return found, NaiveGame(game, found.positions)

    return solve_both


@pytest.fixture(scope="session")
def truth(solved):
    """Positions, solution and ceilings of tic-tac-toe."""
    return solved(TIC_TAC_TOE)[0]


@pytest.fixture(scope="session")
def naive(solved):
    """Tic-tac-toe by naive recursion."""
    return solved(TIC_TAC_TOE)[1]


@pytest.fixture(scope="session")
def openspiel_policy():
    """`(OpenSpiel game, naive policy) -> OpenSpiel policy`."""
    return OpenSpielPolicy
