"""Policies of OpenSpiel, whose own NashConv is the independent one."""

import numpy as np
import pyspiel
import pytest
from open_spiel.python import policy as spiel_policy
from open_spiel.python import rl_environment
from open_spiel.python.algorithms import exploitability
from open_spiel.python.algorithms.tabular_qlearner import QLearner
from open_spiel.python.rl_agent_policy import JointRLAgentPolicy, RLAgentPolicy

import ttt_rllib
from ttt_envs import CONNECT_FOUR, Game
from ttt_rllib.errors import InputError
from ttt_rllib.foreign.recognition import recognise

EXACT = 1e-9


class ByObservation(spiel_policy.Policy):
    """Random probabilities that depend on the position alone, as a table by its drawing has."""

    def __init__(self, game, players=(0, 1)):
        super().__init__(game, list(players))
        self._rows = {}
        self._rng = np.random.default_rng(0)

    def action_probabilities(self, state, player_id=None):
        legal = state.legal_actions()
        key = str(state)
        if key not in self._rows:
            odds = self._rng.random(len(legal))
            self._rows[key] = dict(zip(legal, odds / odds.sum(), strict=True))
        return self._rows[key]


class Remembered(spiel_policy.Policy):
    """Asks another policy once per position: OpenSpiel asks after each of 550,000 histories."""

    def __init__(self, policy):
        super().__init__(policy.game, policy.player_ids)
        self._policy, self._rows = policy, {}

    def action_probabilities(self, state, player_id=None):
        key = str(state)
        if key not in self._rows:
            self._rows[key] = self._policy.action_probabilities(state)
        return self._rows[key]


class ByHistory(spiel_policy.Policy):
    """Plays the move after the last one: no policy of positions."""

    def __init__(self, game):
        super().__init__(game, [0, 1])

    def action_probabilities(self, state, player_id=None):
        legal, history = state.legal_actions(), state.history()
        later = [action for action in legal if history and action > history[-1]]
        return {(later or legal)[0]: 1.0}


class Drawn(ByHistory):
    """Draws its move."""

    rng = np.random.default_rng(0)

    def action_probabilities(self, state, player_id=None):
        return {int(self.rng.choice(state.legal_actions())): 1.0}


def q_policy(num_games, seed=0):
    """Train OpenSpiel's tabular Q-learning against itself."""
    np.random.seed(seed)  # noqa: NPY002 - OpenSpiel draws from the global generator
    environment = rl_environment.Environment("tic_tac_toe")
    agents = [QLearner(seat, 9) for seat in range(2)]
    for _ in range(num_games):
        moment = environment.reset()
        while not moment.last():
            player = moment.observations["current_player"]
            moment = environment.step([agents[player].step(moment).action])
        for agent in agents:
            agent.step(moment)
    return JointRLAgentPolicy(environment.game, dict(enumerate(agents)), use_observation=True)


@pytest.mark.parametrize(
    ("name", "game"),
    [
        ("connect_four(rows=3,columns=3,x_in_row=3)", Game(3, 3, 3, gravity=True)),
        ("connect_four(rows=2,columns=4,x_in_row=3)", Game(2, 4, 3, gravity=True)),
        ("mnk(m=4,n=2,k=3)", Game(2, 4, 3)),
    ],
)
def test_nash_conv_of_a_stochastic_policy_is_openspiels(name, game):
    spiel = pyspiel.load_game(name)
    policy = ByObservation(spiel)
    report = ttt_rllib.prove(policy)
    assert recognise(policy).game == game
    wanted = exploitability.nash_conv(spiel, policy)
    assert report.nash_conv == pytest.approx(wanted, abs=EXACT, rel=0)
    assert wanted > 0.5


@pytest.mark.long
def test_nash_conv_of_a_tabular_q_policy_is_openspiels():
    policy = q_policy(3_000)
    report = ttt_rllib.prove(policy)
    wanted = exploitability.nash_conv(policy.game, Remembered(policy))
    assert report.nash_conv == pytest.approx(wanted, abs=EXACT, rel=0)
    assert wanted > 0.1
    # It has learnt something.
    assert report.optimal_move_rate > ttt_rllib.prove(q_policy(0)).optimal_move_rate + 0.05


def test_an_untrained_tabular_q_policy_is_the_uniform_one():
    # All of its values are 0, and of equal ones it plays each as often.
    report = ttt_rllib.prove(q_policy(0))
    assert report.nash_conv == pytest.approx(116101 / 60480, abs=EXACT)


def test_a_policy_of_one_player_is_proved_in_its_seat_only():
    game = pyspiel.load_game("tic_tac_toe")
    second = RLAgentPolicy(game, QLearner(1, 9), player_id=1, use_observation=True)
    with pytest.raises(InputError, match="RLAgentPolicy: plays only as O; add --seat o"):
        ttt_rllib.prove(second)
    report = ttt_rllib.prove(second, seat="o")
    assert report.certificate.guaranteed_as_o == -1
    assert report.certificate.positions_as_x == 0


def test_a_policy_in_cpp_needs_no_game_of_its_own():
    policy = pyspiel.UniformRandomPolicy(pyspiel.load_game("tic_tac_toe"))
    assert ttt_rllib.prove(policy).nash_conv == pytest.approx(116101 / 60480, abs=EXACT)


def test_an_answer_that_depends_on_the_history_is_refused():
    game = pyspiel.load_game("tic_tac_toe")
    words = "answers after the moves .* which lead to the same position, are not the same"
    with pytest.raises(InputError, match=words):
        ttt_rllib.prove(ByHistory(game))
    with pytest.raises(InputError, match="and, asked again, another one"):
        ttt_rllib.prove(Drawn(game))


def test_another_game_is_refused_by_name():
    policy = ByObservation(pyspiel.load_game("tic_tac_toe"))
    with pytest.raises(InputError, match="plays Tic-tac-toe, not Connect Four"):
        ttt_rllib.prove(policy, game=CONNECT_FOUR)
    checkers = ByObservation(pyspiel.load_game("breakthrough"))
    with pytest.raises(InputError, match="plays OpenSpiel's breakthrough, whose rules are not"):
        ttt_rllib.prove(checkers)


def test_a_walk_of_connect_four_asks_openspiel_too():
    low = ByHistory(pyspiel.load_game("connect_four"))
    low.action_probabilities = lambda state, player_id=None: {state.legal_actions()[0]: 1.0}
    assert recognise(low).game == CONNECT_FOUR
    report = ttt_rllib.prove(low, seat="x", max_positions=5_000)

    def lowest(boards):
        return boards.legal_mask().argmax(axis=1)

    wanted = ttt_rllib.prove(lowest, game=CONNECT_FOUR, seat="x", max_positions=5_000)
    assert report.certificate == wanted.certificate
    assert 1_000 < report.certificate.positions_as_x <= 5_000
