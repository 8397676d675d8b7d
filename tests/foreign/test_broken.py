"""Policies that are broken: one sentence each, on the command line and from Python."""

import pytest

import ttt_rllib
from tests.in_process import call
from ttt_rllib.errors import InputError

MODULE = """
import numpy as np

from ttt_rllib.agents.policies import RandomPolicy
from ttt_envs import CONNECT_FOUR, TIC_TAC_TOE

RNG = np.random.default_rng(0)
uniform = RandomPolicy(TIC_TAC_TOE)


def changed(boards, row, move, value):
    table = uniform(boards)
    table[row % len(boards), move] = value
    return table


def shape(boards):
    return uniform(boards)[:, :8]


def text(boards):
    return np.full((len(boards), 9), "0.1")


def illegal(boards):
    return np.full((len(boards), 9), 1 / 9)


def illegal_move(observation, action_mask):
    return 4


def no_move(boards):
    return np.full(len(boards), 9)


def nan(boards):
    return changed(boards, 0, 3, np.nan)


def above(boards):
    return 2.0 * uniform(boards)


def negative(boards):
    return changed(boards, 0, 8, -0.25)


def sums(boards):
    return 0.5 * uniform(boards)


def drawn(boards):
    return boards.random_actions(RNG)


def raises(boards):
    if (boards.ply == 2).any():
        raise ZeroDivisionError("no second ply")
    return uniform(boards)


def never_alone(boards):
    if len(boards) > 1:
        raise RuntimeError("one at a time, please")
    return uniform(boards)


def ragged(observation, action_mask):
    return action_mask / action_mask.sum() if action_mask.all() else int(action_mask.argmax())


def fails():
    return 1 / 0


other_game = RandomPolicy(CONNECT_FOUR)
"""
BROKEN = {
    # Wrong shape.
    "theirs:shape": "answers 4,520 positions with an array of float64 and shape (4520, 8); give "
    "probabilities of shape (4520, 9), or the numbers of 4520 moves",
    "theirs:text": "with an array of <U3 and shape",
    "theirs:ragged": "answers one position with the shape () and another with (9,)",
    # Illegal moves.
    "theirs:illegal": "in the position after the moves 0 it gives move 0, which is illegal, the "
    "probability 0.111111; mask illegal moves before the softmax",
    "theirs:illegal_move": "it gives move 4, which is illegal, the probability 1; ",
    "theirs:no_move": "on the empty board it plays 9; moves are 0 to 8",
    # No numbers, and no probabilities.
    "theirs:nan": "on the empty board it gives move 3 the probability nan; probabilities are",
    "theirs:above": "the probability 2; probabilities are 0 to 1, logits and Q values need",
    "theirs:negative": "on the empty board it gives move 8 the probability -0.25; ",
    "theirs:sums": "on the empty board its probabilities sum to 0.5; divide them by their sum",
    # Other answers each time.
    "theirs:drawn": "and, asked again, another one; return probabilities instead of drawing a move",
    # An exception.
    "theirs:raises": "raises in the position after the moves 1 0: ZeroDivisionError: no second ply",
    "theirs:never_alone": "raises when it is asked about 2 positions at once: RuntimeError: one at",
    "theirs:fails": "cannot be made: ZeroDivisionError: division by zero",
    # No module.
    "mine.py:agent": "mine.py:agent: names a file; write MODULE:AGENT, as in mine:agent, in its",
    "absent:agent": "absent: there is no such module; run this in its folder, or install it",
    "absent.inside:agent": "absent.inside: there is no such module",
    "failing:agent": "failing: cannot be imported: NameError: name 'undefined' is not defined",
    "lacking:agent": "lacking: needs the module not_installed, which is not installed",
    "theirs:ilegal": "theirs has no ilegal; did you mean illegal?",
    "theirs": "is neither MODULE:AGENT, such as my_module:agent, nor an ONNX file, nor",
    "theirs.py": "theirs.py: is a file; write MODULE:AGENT, as in theirs:agent",
    "absent.onnx": "absent.onnx: no such file",
    "damaged.onnx": "damaged.onnx: is no ONNX model: ",
    ".": ".: holds no RLModule; give the folder that save_to_path() of RLlib has written",
    # The wrong game.
    "theirs:other_game --game tictactoe": "theirs:other_game: plays Connect Four, not Tic-tac-toe",
    "theirs:uniform --game chess": "game: there is no 'chess'; known are tic_tac_toe, connect_four",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("broken")
    (folder / "theirs.py").write_text(MODULE)
    (folder / "failing.py").write_text("undefined\n")
    (folder / "lacking.py").write_text("import not_installed\n")
    (folder / "damaged.onnx").write_bytes(b"\x08\x07 not a model")
    return folder


@pytest.mark.parametrize(("words", "sentence"), BROKEN.items())
def test_a_broken_agent_gets_one_sentence_with_place_value_and_remedy(folder, words, sentence):
    outcome = call(("prove", *words.split()), cwd=folder, env={})
    assert (outcome.code, outcome.stdout) == (2, "")
    assert len(outcome.errors) == 1
    assert sentence in outcome.errors[0]
    assert (
        outcome.errors[0].startswith(f"error: {words.split()[0].split(':')[0]}")
        or "game:" in (outcome.errors[0])
    )


def test_the_same_sentence_is_raised_from_python():
    def agent(boards):
        return boards.legal_mask() * 1.0

    with pytest.raises(InputError) as raised:
        ttt_rllib.prove(agent)
    assert str(raised.value) == (
        "agent: on the empty board its probabilities sum to 9; divide them by their sum"
    )


def test_an_agent_that_differs_in_one_late_position_only_is_found():
    calls = []

    def agent(boards):
        calls.append(len(boards))
        table = boards.legal_mask() / boards.legal_mask().sum(axis=1, keepdims=True)
        full = boards.ply == 7
        if len(calls) % 2 and full.any():
            row = int(full.argmax())
            table[row] = 0.0
            table[row, boards.legal_mask()[row].argmax()] = 1.0
        return table

    with pytest.raises(InputError, match=r"after the moves .* the probability 1 and, asked again"):
        ttt_rllib.prove(agent)
    assert calls == [4520, 4520]
