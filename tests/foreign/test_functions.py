"""Functions in every form that they can have: the same table gives the same figures."""

import numpy as np
import pytest

import ttt_rllib
from ttt_envs import TIC_TAC_TOE, Game
from ttt_rllib.agents.policies import PerfectPolicy
from ttt_rllib.errors import InputError
from ttt_rllib.exact import certify, evaluate, greedy_table, walk_both_seats
from ttt_rllib.exact.solved_game import solve_or_raise


def forms(player):
    """Return the same agent in every declared form."""

    def by_boards(boards):
        return player.rows(boards)

    def by_batch(observations, action_masks):
        assert action_masks.shape == (len(observations), player.positions.game.num_actions)
        return player.seen(observations)

    def one_by_one(observation, action_mask):
        probabilities = player.seen(observation[None])[0]
        assert np.array_equal(probabilities > 0, action_mask == 1)
        return probabilities

    def by_dict(observation):
        return one_by_one(**observation)

    class Callable:
        def __call__(self, boards, temperature=1.0):
            return by_boards(boards)

    return [by_boards, by_batch, one_by_one, by_dict, Callable(), lambda: by_boards]


@pytest.mark.parametrize("number", range(6))
@pytest.mark.parametrize("game", [TIC_TAC_TOE, Game(3, 3, 3, gravity=True)], ids=str)
def test_every_form_gives_the_figures_of_the_table(table_player, game, number):
    player, solved = table_player(game), solve_or_raise(game)
    report = ttt_rllib.prove(forms(player)[number], game=game)
    wanted = evaluate(solved, player.table)
    assert {name: getattr(report, name) for name in vars(wanted)} == vars(wanted)
    greedy = greedy_table(solved.positions, player.table).argmax(axis=1)
    walks = walk_both_seats(
        game,
        lambda boards: greedy[solved.positions.find(boards)],
        game_value=solved.solution.game_value,
    )
    assert report.certificate == certify(walks, wanted.facts)


def test_moves_are_probabilities_of_one():
    def numbers(observations, action_masks):
        return action_masks.argmax(axis=1)

    def number(observation, action_mask):
        return int(action_mask.argmax())

    def probabilities(boards):
        return greedy_table(
            solve_or_raise(TIC_TAC_TOE).positions, solve_or_raise(TIC_TAC_TOE).uniform
        )[solve_or_raise(TIC_TAC_TOE).positions.find(boards)]

    reports = [ttt_rllib.prove(agent) for agent in (numbers, number, probabilities)]
    assert reports[0] == reports[1] == reports[2]
    assert reports[0].nash_conv == reports[0].nash_conv_greedy == 2.0


@pytest.mark.parametrize("game", [TIC_TAC_TOE, Game(4, 4, 4)], ids=str)
def test_an_agent_may_overwrite_the_positions_that_it_is_shown(game):
    def first(boards):
        return boards.legal_mask().argmax(axis=1)

    def overwriting(boards):
        moves = first(boards)
        boards.mover[:] = boards.opponent[:] = 0
        return moves

    reports = [
        ttt_rllib.prove(agent, game=game, max_positions=1000) for agent in (first, overwriting)
    ]
    assert reports[0] == reports[1]


def test_the_word_for_what_it_takes_replaces_the_names_of_the_parameters(table_player):
    player = table_player()
    with pytest.raises(InputError, match=r"its parameters are \(x\); name them \(boards\) or "):
        ttt_rllib.prove(lambda x: player.rows(x))
    report = ttt_rllib.prove(lambda x: player.rows(x), takes="boards")
    assert report == ttt_rllib.prove(lambda boards: player.rows(boards))
    with pytest.raises(InputError, match=r"takes is 'board'; did you mean boards\?"):
        ttt_rllib.prove(lambda x: player.rows(x), takes="board")


def test_our_own_policies_are_proved_at_their_own_game():
    assert ttt_rllib.prove(PerfectPolicy(Game(4, 3, 3, gravity=True))).certificate.perfect


@pytest.mark.parametrize(
    ("agent", "words"),
    [
        (3, "int: is of the type int, which cannot be asked; give a function of positions or"),
        (PerfectPolicy, "PerfectPolicy: is a class; give an object of it"),
        (lambda *boards: boards, "its parameters cannot be told"),
        ("nothing.onnx", "nothing.onnx: no such file"),
    ],
)
def test_what_is_no_agent_gets_a_sentence(agent, words):
    with pytest.raises(InputError, match=words):
        ttt_rllib.prove(agent)


def test_a_seat_that_does_not_exist_is_refused():
    with pytest.raises(InputError, match="seat is 'X'; it is 'x' or 'o'"):
        ttt_rllib.prove(lambda boards: boards.legal_mask(), seat="X")
