"""Puzzles of agents of other boards: the goal may be a draw, and large games have none."""

from dataclasses import dataclass

import numpy as np

from ttt_envs import TIC_TAC_TOE, Boards
from ttt_envs.game import CONNECT_FOUR, Game
from ttt_rllib.evaluation.puzzles import MAX_PUZZLES, find_puzzles, no_puzzles_reason
from ttt_rllib.exact.solved_game import solve_or_raise

X_WINS = Game(4, 4, 3, gravity=True)
WINS_BY_FORCE, DRAWS = 1, 0


@dataclass(frozen=True)
class Generous:
    """Gives away every win that it can turn into a draw; else it plays the first best move."""

    game: Game

    def __call__(self, boards):
        solved = solve_or_raise(self.game)
        children = solved.positions.children[solved.positions.find(boards)]
        legal = boards.legal_mask()
        values = np.where(legal, -solved.solution.values[children], -2)
        merits = np.where(values == DRAWS, 2, values)
        return np.eye(self.game.num_actions)[merits.argmax(axis=1)]


@dataclass(frozen=True)
class First:
    """Plays the first legal square, which loses in very many ways."""

    game: Game

    def __call__(self, boards):
        return np.eye(self.game.num_actions)[boards.legal_mask().argmax(axis=1)]


def after(game, moves):
    boards = Boards.empty(game, 1)
    for move in moves:
        boards = boards.place(np.array([move]))
    return boards


def value_for_mover(game, moves):
    solved = solve_or_raise(game)
    return int(solved.solution.values[solved.positions.find(after(game, moves))][0])


def test_a_draw_is_the_goal_where_the_agent_gave_away_a_win_only():
    puzzles = find_puzzles(Generous(X_WINS))
    assert {puzzle.wins for puzzle in puzzles} == {False}
    for puzzle in puzzles:
        assert value_for_mover(X_WINS, puzzle.moves[:-1]) == WINS_BY_FORCE
        assert value_for_mover(X_WINS, puzzle.moves) == DRAWS
        end = after(X_WINS, puzzle.moves + puzzle.solution)
        assert not end.legal_mask().any()
        assert not end.lost()[0]


def test_of_a_bad_agent_only_as_many_are_made_as_fit_and_every_solution_wins():
    game = Game(3, 4, 3)
    puzzles = find_puzzles(First(game))
    assert len(puzzles) == MAX_PUZZLES
    assert any(puzzle.num_lines > 1 for puzzle in puzzles)
    for puzzle in puzzles:
        assert puzzle.wins
        assert puzzle.num_moves == (len(puzzle.solution) + 1) // 2
        assert after(game, puzzle.moves + puzzle.solution).lost()[0]


def test_a_game_that_is_not_solved_has_none_and_says_why():
    assert "too many positions" in no_puzzles_reason(CONNECT_FOUR)
    assert no_puzzles_reason(TIC_TAC_TOE) is None
