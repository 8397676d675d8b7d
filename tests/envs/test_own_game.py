"""Games of one's own: the examples against what is known of them, and every mistake's sentence."""

import pickle
from functools import reduce
from operator import xor
from pathlib import Path

import numpy as np
import pytest

from ttt_envs import ONGOING, TIC_TAC_TOE, OwnGameError, enumerate_positions, load_own_game
from ttt_envs.own_game import explore
from ttt_envs.own_game_loading import use_own_game
from ttt_envs.table_game import table_game
from ttt_rllib.exact import nash_conv, solve, uniform_table

EXAMPLES = Path(__file__).parents[2] / "examples"


def example(name):
    return load_own_game(f"{EXAMPLES}/{name}")


def solved(game):
    positions = enumerate_positions(game)
    return positions, solve(positions)


def heaps_of(game, row):
    return tuple(line.count("|") for line in game.draw(row).splitlines())


def test_nim_is_lost_exactly_where_the_nim_sum_is_0():
    positions, solution = solved(example("nim.py:Nim"))
    for row in positions.decisions:
        nim_sum = reduce(xor, heaps_of(positions.game, row))
        assert solution.values[row] == (1 if nim_sum else -1)


def test_nim_has_the_positions_of_a_plain_recursion():
    positions = enumerate_positions(example("nim.py:Nim"))
    found = set()

    def visit(heaps, player):
        if (heaps, player) not in found:
            found.add((heaps, player))
            for heap, sticks in enumerate(heaps):
                for left in range(sticks):
                    visit((*heaps[:heap], left, *heaps[heap + 1 :]), 1 - player)

    visit((1, 3, 5), 0)
    rows = range(len(positions))
    ours = {(heaps_of(positions.game, row), 1 - int(positions.x_to_move[row])) for row in rows}
    assert ours == found
    assert len(positions) == len(found)


def test_chomp_is_won_by_the_first_player_and_only_the_last_piece_left_is_lost_at_once():
    positions, solution = solved(example("chomp.py:Chomp"))
    assert solution.game_value == 1
    # Bars that can be left are staircases: 35 of 3 x 4, with and without a player who must pass.
    bars = {positions.game.draw(row) for row in range(len(positions))}
    assert len(bars) == 35
    poison = [row for row in range(len(positions)) if positions.game.draw(row).count("#") == 0]
    ongoing = [row for row in poison if "P" in positions.game.draw(row)]
    assert {int(solution.values[row]) for row in ongoing} == {-1}


def test_dots_and_boxes_has_the_value_of_openspiels_own_rules():
    ours, theirs = (
        solved(game)[1].game_value
        for game in (
            example("dots_and_boxes.py:DotsAndBoxes"),
            load_own_game("openspiel:dots_and_boxes(num_rows=2,num_cols=2)"),
        )
    )
    assert ours == theirs == 1


def test_who_closes_a_box_moves_again_after_a_pass():
    positions, _ = solved(example("dots_and_boxes.py:DotsAndBoxes"))
    row = 0
    # Around the box at the top left: lying 0 and 2, standing 0 and 1.
    for action in (0, 2, 6, 7):
        row = positions.children[row, action]
    assert positions.game.move_names[12] == "pass"
    assert np.flatnonzero(positions.legal[row]).tolist() == [12]
    again = positions.children[row, 12]
    assert bool(positions.x_to_move[row])
    assert not positions.x_to_move[again]
    assert positions.legal[again].sum() == 8


def test_openspiels_tic_tac_toe_has_the_positions_value_and_nash_conv_of_ours():
    ours, theirs = (
        enumerate_positions(game) for game in (TIC_TAC_TOE, load_own_game("openspiel:tic_tac_toe"))
    )
    assert len(theirs) == len(ours) == 5478
    assert solve(theirs).game_value == solve(ours).game_value == 0
    uniform = [nash_conv(one, uniform_table(one)) for one in (ours, theirs)]
    assert uniform[0] == pytest.approx(uniform[1], abs=1e-12)


def test_a_copy_in_another_process_is_the_same_game():
    game = example("nim.py:Nim")
    copy = pickle.loads(pickle.dumps(game))  # noqa: S301 - our own
    assert copy == game
    assert hash(copy) == hash(game)
    assert enumerate_positions(copy) is enumerate_positions(game)
    use_own_game(copy)
    assert load_own_game(game.reference) is copy
    use_own_game(game)


class Count:
    """Say 1 or 2; who comes to 5 wins."""

    goal = 5

    def start(self):
        return np.array([0, 0])

    def legal(self, states):
        return states[:, [1]] + np.array([1, 2]) <= self.goal

    def step(self, states, actions):
        return np.stack([1 - states[:, 0], states[:, 1] + 1 + actions], axis=1)

    def winner(self, states):
        return np.where(states[:, 1] == self.goal, 1 - states[:, 0], ONGOING)

    def observe(self, states):
        return states[:, 1:]


def table(game):
    return table_game(explore(game), "test:Count", "Count")


def test_the_smallest_game_is_won_by_who_leaves_a_multiple_of_3():
    positions, solution = solved(table(Count()))
    assert solution.game_value == 1
    assert positions.children[0].tolist() != [-1, -1]
    assert not solution.optimal[0][0]
    assert positions.game.draw(0) == "state [0, 0]"


def raises(states):
    raise RuntimeError("no luck")


BROKEN = {
    "legal() of 2 states has the shape (2, 3); it is (2, 2)": {
        "legal": lambda states: np.ones((len(states), 2 + bool(states[0, 1])), bool)
    },
    "legal() returns int64; it returns bool": {
        "legal": lambda states: np.ones((len(states), 2), int)
    },
    "legal() of one state has the shape (1, 65); it is [1, A] with 1 to 64 actions A": {
        "legal": lambda states: np.ones((len(states), 65), bool)
    },
    "state [1, 1] has no legal move, but winner() says -1: the game is not over": {
        "legal": lambda states: (states[:, [1]] == 0) & np.ones(2, bool)
    },
    "step() of 2 states has the shape (2, 1); it is (2, 2)": {
        "step": lambda states, actions: states[:, :1]
    },
    "step() returns float64; it returns whole numbers": {
        "step": lambda states, actions: states + 0.5
    },
    "step() returns a state that begins with 2; it begins with the player to move, 0 or 1": {
        "step": lambda states, actions: states + 2
    },
    "a game can come to the same position again, such as state [0, 0]; give the state a count of "
    "moves, and end the game after so many": {
        "step": lambda states, actions: np.stack([1 - states[:, 0], 0 * actions], axis=1)
    },
    "a game can last 70 moves; at most 64 are handled: choose a smaller size": {"goal": 70},
    "winner() returns 3 for state [0, 0]; it returns 0 or 1 for a player, 2 for a draw and -1 if "
    "the game goes on": {"winner": lambda states: np.full(len(states), 3)},
    "winner() raised RuntimeError: no luck": {"winner": raises},
    "observe() returns numbers from 0 to 500; they are -128 to 127": {
        "observe": lambda states: 100 * states[:, 1:]
    },
    "start() has the shape (1, 2); it returns one state [F]": {"start": lambda: np.array([[0, 0]])},
    "start() begins with 1; it begins with the player to move, 0": {
        "start": lambda: np.array([1, 0])
    },
    "move_names has 1 names; each of the 2 actions has one of its own": {"move_names": ("one",)},
}


@pytest.mark.parametrize("sentence", BROKEN, ids=lambda sentence: sentence[:30])
def test_a_mistake_in_a_game_is_told_in_one_sentence(sentence):
    game = Count()
    vars(game).update(BROKEN[sentence])
    with pytest.raises(OwnGameError) as error:
        table(game)
    assert str(error.value) == sentence


def test_a_game_with_too_many_positions_is_refused_before_all_are_found(monkeypatch):
    monkeypatch.setattr("ttt_envs.own_game.MAX_POSITIONS", 4)
    with pytest.raises(OwnGameError, match="more than 4 positions; choose a smaller size"):
        table(Count())


@pytest.mark.parametrize(
    ("reference", "sentence"),
    [
        ("no_such_module:Game", "no_such_module cannot be imported: ModuleNotFoundError: No mod"),
        ("nowhere.py:Game", "there is no file nowhere.py in the working directory"),
        ("math:Game", "there is no class Game in math"),
        ("math:pi", "there is no class pi in math"),
        ("fractions:Fraction", "Fraction has no function start; a game has start, legal, step,"),
        ("nonsense", "no reference of a game; write module:Class"),
        ("openspiel:no_such_game", "OpenSpiel says: Unknown game 'no_such_game'"),
        ("openspiel:kuhn_poker", "is no deterministic zero-sum game of two players who move in"),
        ("openspiel:go", "it has 362 actions; at most 64 are handled"),
    ],
)
def test_a_game_that_is_not_there_is_told_in_one_sentence(reference, sentence):
    with pytest.raises(OwnGameError) as error:
        load_own_game(reference)
    assert str(error.value).startswith(f"{reference}: {sentence}")
    assert "\n" not in str(error.value)


def test_the_guide_shows_nim_as_it_is_and_every_example_is_short():
    guide = (EXAMPLES.parent / "docs" / "own_game.md").read_text()
    assert (EXAMPLES / "nim.py").read_text() in guide
    assert {
        path.name: len(path.read_text().splitlines()) < 60 for path in EXAMPLES.glob("*.py")
    } == {
        "nim.py": True,
        "chomp.py": True,
        "dots_and_boxes.py": True,
    }
