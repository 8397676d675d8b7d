"""The adapter: every game of tic-tac-toe against our own bookkeeping, and odd environments.

The bookkeeping knows the eight lines and whose turn it is, and nothing of PettingZoo.
"""

from __future__ import annotations

import sys
from collections import Counter
from functools import partial

import gymnasium as gym
import numpy as np
import pytest
from gymnasium import spaces
from pettingzoo import AECEnv
from pettingzoo.classic.connect_four import connect_four as connect_four_v3
from pettingzoo.classic.tictactoe import tictactoe as tictactoe_v3
from ray.rllib.env.env_context import EnvContext
from ray.rllib.env.multi_agent_env_runner import MultiAgentEnvRunner

from ttt_envs import CONNECT_FOUR, TIC_TAC_TOE, aec
from ttt_rllib.config.pettingzoo_envs import check_env, make_env
from ttt_rllib.config.pettingzoo_traits import traits_of
from ttt_rllib.errors import EnvironmentFailedError, InputError
from ttt_rllib.rl.pettingzoo_adapter import MaskedAECEnv, flat_space
from ttt_rllib.rl.stock import StockPPOConfig
from ttt_rllib.rl.stock_env_runner import StockEnvRunner

X, O = "player_1", "player_2"  # noqa: E741 - the game's own letter
LINES = ((0, 1, 2), (3, 4, 5), (6, 7, 8), (0, 3, 6), (1, 4, 7), (2, 5, 8), (0, 4, 8), (2, 4, 6))


def adapter(factory):
    return MaskedAECEnv({"make_env": factory})


def seen(marks, agent, mask=()):
    """What an agent should see: own marks, the other's, then the legal squares if on move."""
    own, other = "XO" if agent == X else "OX"
    board = [mark == player for mark in marks for player in (own, other)]
    return np.array([*board, *(square in mask for square in range(9))], np.int8).tobytes()


def winner(marks):
    return next((marks[a] for a, b, c in LINES if marks[a] == marks[b] == marks[c] != " "), None)


class AllGames:
    """Plays every game through the adapter by going back a move, and checks each step."""

    def __init__(self):
        self.env = adapter(tictactoe_v3.raw_env)
        self.raw = self.env.env
        self.results = Counter()
        self.rewards = {X: [], O: []}

    def remember(self):
        raw, env = self.raw, self.env
        dicts = (raw.rewards, raw._cumulative_rewards, raw.terminations, raw.truncations)
        selector = raw._agent_selector
        return (
            raw.board.squares[:],
            [dict(d) for d in dicts],
            (raw.agents[:], raw.agent_selection, selector._current_agent, selector.selected_agent),
            (env._shown.copy(), env._left.copy()),
        )

    def go_back(self, memory):
        raw, env = self.raw, self.env
        squares, dicts, (agents, mover, current, selected), (shown, left) = memory
        raw.board.squares = squares[:]
        raw.rewards, raw._cumulative_rewards, raw.terminations, raw.truncations = map(dict, dicts)
        # PettingZoo's selector holds the very list of agents.
        raw.agents[:] = agents
        raw.agent_selection = mover
        raw.infos = {agent: {} for agent in agents}
        raw._agent_selector._current_agent = current
        raw._agent_selector.selected_agent = selected
        env.agents = agents[:]
        env._shown, env._left = shown.copy(), left.copy()

    def play(self, marks, mover):
        memory = self.remember()
        other = O if mover == X else X
        for square in [square for square in range(9) if marks[square] == " "]:
            step = self.env.step({mover: square})
            self.check(marks, mover, other, square, step)
            self.go_back(memory)

    def check(self, marks, mover, other, square, step):
        observations, rewards, terminateds, truncateds, _ = step
        marks = [*marks[:square], "X" if mover == X else "O", *marks[square + 1 :]]
        legal = [square for square in range(9) if marks[square] == " "]
        won = winner(marks)
        assert truncateds == {"__all__": False}
        if not won and legal:
            # Only the next on move hears anything, and nothing has been won yet.
            assert {agent: obs.tobytes() for agent, obs in observations.items()} == {
                other: seen(marks, other, legal)
            }
            assert rewards == {other: 0.0}
            assert terminateds == {"__all__": False}
            self.play(marks, other)
            return
        assert terminateds == {X: True, O: True, "__all__": True}
        score = {"X": 1.0, "O": -1.0, None: 0.0}[won]
        assert rewards == {X: score, O: -score}
        boards = {agent: obs[:18].tobytes() for agent, obs in observations.items()}
        assert boards == {agent: seen(marks, agent)[:18] for agent in (X, O)}
        self.results[won] += 1


@pytest.mark.long
def test_the_last_transition_of_each_agent_has_the_result_in_all_255168_games():
    games = AllGames()
    observations, _ = games.env.reset()
    assert observations[X].tobytes() == seen([" "] * 9, X, range(9))
    games.play([" "] * 9, X)
    # The counts of won, lost and drawn games of tic-tac-toe are well known.
    assert games.results == {"X": 131_184, "O": 77_904, None: 46_080}


def play(env, rng, seed=None):
    """Play a game of random legal moves; yields everything that the adapter returns."""
    observations, _ = env.reset(seed=seed)
    is_over = False
    while not is_over:
        ((mover, observation),) = observations.items()
        actions = int(env.action_spaces[mover].n)
        action = int(rng.choice(np.flatnonzero(observation[-actions:])))
        step = env.step({mover: action})
        yield mover, action, step
        observations, _, terminateds, truncateds, _ = step
        is_over = terminateds["__all__"] or truncateds["__all__"]


@pytest.mark.parametrize(
    ("wrapped", "other"),
    [
        (tictactoe_v3.env, tictactoe_v3.raw_env),
        (tictactoe_v3.env, aec.env),
        (connect_four_v3.env, partial(aec.env, game=CONNECT_FOUR, agents=("player_0", "player_1"))),
    ],
    ids=["raw", "ours", "connect four"],
)
def test_through_the_wrappers_and_through_our_env_a_game_looks_the_same(wrapped, other):
    for seed in range(20):
        games = [
            list(play(adapter(factory), np.random.default_rng(seed)))
            for factory in (wrapped, other)
        ]
        for one, two in zip(*games, strict=True):
            assert one[:2] == two[:2]
            assert one[2][1:4] == two[2][1:4]
            # Masks differ once a game is over, where they mean nothing.
            is_over = one[2][2]["__all__"]
            shown = slice(0, None if not is_over else 84 if len(one[2][0]["player_1"]) > 84 else 18)
            boards = [{a: o[shown].tolist() for a, o in step[0].items()} for *_, step in (one, two)]
            assert boards[0] == boards[1]


def test_an_illegal_move_ends_the_game_for_both_and_costs_the_mover_alone():
    env = adapter(tictactoe_v3.env)
    env.reset()
    env.step({X: 4})
    observations, rewards, terminateds, truncateds, _ = env.step({O: 4})
    assert set(observations) == {X, O}
    assert rewards == {X: 0.0, O: -1.0}
    assert terminateds == {X: True, O: True, "__all__": True}
    assert truncateds == {"__all__": False}
    observations, _ = env.reset()
    assert observations[X].tobytes() == seen([" "] * 9, X, range(9))


def test_spaces_are_those_of_the_env_with_the_mask_at_the_end_and_hold_what_is_observed():
    for factory, board in ((tictactoe_v3.env, 18), (connect_four_v3.env, 84)):
        env = adapter(factory)
        agent = env.possible_agents[0]
        space, actions = env.observation_spaces[agent], int(env.action_spaces[agent].n)
        assert (space.shape, space.dtype) == ((board + actions,), np.int8)
        for *_, step in play(env, np.random.default_rng(0)):
            assert all(space.contains(observation) for observation in step[0].values())


class Counting(AECEnv):
    """Agents count on in turn; each move pays its number to the *next* agent.

    Args:
        agents: Names in order of their turns.
        truncate_at: Ply after which the game is cut off for all who are still there.
        leave_at: Ply after which an agent's game ends; `{agent: ply}`.
        board: Another space of the board.
        mask: Another space of the mask.
    """

    metadata = {"name": "counting", "render_modes": []}  # noqa: RUF012 - PettingZoo's way

    def __init__(self, agents=("a", "b"), truncate_at=None, leave_at=None, board=None, mask=None):
        super().__init__()
        self.possible_agents = list(agents)
        self.truncate_at, self.leave_at = truncate_at, leave_at or {}
        self.observation_spaces = {
            agent: spaces.Dict(
                {
                    "observation": board or spaces.Box(-5.0, 99.0, (2, 2), np.float32),
                    "action_mask": mask or spaces.Box(0, 1, (3,), np.int8),
                }
            )
            for agent in agents
        }
        self.action_spaces = {agent: spaces.Discrete(3) for agent in agents}
        self.seeds = []

    def observation_space(self, agent):
        return self.observation_spaces[agent]

    def action_space(self, agent):
        return self.action_spaces[agent]

    def reset(self, seed=None, options=None):
        if seed is not None or not self.seeds:
            self.rng = np.random.default_rng(seed or 0)
        self.seeds.append(seed)
        self.agents = self.possible_agents[:]
        self.agent_selection = self.agents[0]
        self.ply = 0
        self.draw = float(self.rng.integers(90))
        self.rewards = dict.fromkeys(self.agents, 0)
        self._cumulative_rewards = dict.fromkeys(self.agents, 0)
        self.terminations = dict.fromkeys(self.agents, False)
        self.truncations = dict.fromkeys(self.agents, False)
        self.infos = {agent: {} for agent in self.agents}

    def observe(self, agent):
        board = np.full((2, 2), self.ply, np.float32)
        board[0, 0] = self.draw
        return {"observation": board, "action_mask": np.array([1, 0, 1], np.int8)}

    def step(self, action):
        agent = self.agent_selection
        if self.terminations[agent] or self.truncations[agent]:
            self._was_dead_step(action)
            return
        self.ply += 1
        self._cumulative_rewards[agent] = 0
        following = self.agents[(self.agents.index(agent) + 1) % len(self.agents)]
        self.rewards = dict.fromkeys(self.agents, 0)
        self.rewards[following] = self.ply
        for leaver, ply in self.leave_at.items():
            if ply == self.ply:
                self.terminations[leaver] = True
        if self.ply == self.truncate_at:
            self.truncations = {a: not self.terminations[a] for a in self.agents}
        self._accumulate_rewards()
        if self.terminations[following] and not all(self.terminations.values()):
            following = self.agents[(self.agents.index(following) + 1) % len(self.agents)]
        self.agent_selection = following
        self._deads_step_first()


def runner(factory, *, envs=2, seed=0, **settings):
    """RLlib's own env runner on an adapter."""
    config = StockPPOConfig().pettingzoo(factory, **settings)
    config.env_runners(num_env_runners=0, num_envs_per_env_runner=envs).debugging(seed=seed)
    return MultiAgentEnvRunner(config=config)


def test_a_truncated_game_is_truncated_and_not_terminated_also_in_rllibs_episodes():
    *_, (_, _, step) = play(adapter(partial(Counting, truncate_at=5)), np.random.default_rng(0))
    observations, rewards, terminateds, truncateds, _ = step
    assert (terminateds["__all__"], truncateds["__all__"]) == (False, True)
    assert set(observations) == {"a", "b"}
    # Ply 5 is a's and pays b; ply 4 was b's and paid a.
    assert rewards == {"a": 0.0, "b": 5.0}
    for episode in runner(partial(Counting, truncate_at=5)).sample(num_episodes=4):
        assert len(episode) == 5
        for agent, moves in episode.agent_episodes.items():
            assert (moves.is_terminated, moves.is_truncated) == (False, True), agent
            # The greatest bound of the board is 99, and all that is seen is scaled to 1.
            assert moves.get_observations(-1)[3] == np.float32(5.0 / 99.0), "the last observation"
        assert episode.agent_episodes["a"].get_rewards().tolist() == [2.0, 4.0, 0.0]
        assert episode.agent_episodes["b"].get_rewards().tolist() == [3.0, 5.0]


@pytest.mark.parametrize("leaver", ["a", "b", "c"])
@pytest.mark.parametrize("ply", [1, 2, 4])
def test_an_agent_that_leaves_early_has_its_last_reward_and_the_others_play_on(leaver, ply):
    factory = partial(Counting, "abc", truncate_at=9, leave_at={leaver: ply})
    for episode in runner(factory).sample(num_episodes=3):
        assert len(episode) == 9
        moves = episode.agent_episodes
        others = [agent for agent in "abc" if agent != leaver]
        assert all(moves[a].is_truncated and not moves[a].is_terminated for a in others)
        turns = turns_of(leaver, ply)
        if leaver in moves and len(moves[leaver]):
            assert (moves[leaver].is_terminated, len(moves[leaver])) == (True, turns[leaver])
        else:
            assert turns[leaver] == 0
        assert {a: len(moves[a]) for a in others} == {a: turns[a] for a in others}


def turns_of(leaver, leaves_at):
    """Count whose turn each of nine plies is when one agent leaves after a ply."""
    alive, turns, agent = ["a", "b", "c"], Counter(), "a"
    for ply in range(1, 10):
        turns[agent] += 1
        following = alive[(alive.index(agent) + 1) % len(alive)]
        if ply == leaves_at:
            if following == leaver:
                following = alive[(alive.index(leaver) + 1) % len(alive)]
            alive.remove(leaver)
        agent = following
    return turns


def seeds_after(*seeds, runner=0):
    config = EnvContext({"make_env": partial(Counting, truncate_at=4)}, worker_index=runner)
    env = MaskedAECEnv(config)
    for seed in seeds:
        env.reset(seed=seed)
    return env.env.seeds


def test_every_game_gets_a_seed_that_follows_from_seed_runner_and_number_of_the_game():
    games = seeds_after(7, None, None)
    assert games == seeds_after(7, None, None)
    assert len(set(games)) == 3
    # A new seed starts a new row, and another runner has others.
    assert seeds_after(7, None, 7, None) == [*games[:2], *games[:2]]
    assert not set(games) & set(seeds_after(7, None, None, runner=1))
    assert not set(games) & set(seeds_after(8, None, None))
    assert all(0 <= seed < 2**31 for seed in games), "what gymnasium takes"
    assert seeds_after(None, None) == [None, None]


def test_a_seed_gives_the_same_episodes_again():
    def sampled(seed):
        episodes = runner(partial(Counting, truncate_at=4), seed=seed).sample(num_episodes=6)
        return [
            (agent, moves.get_actions().tolist(), moves.get_observations().tolist())
            for episode in episodes
            for agent, moves in sorted(episode.agent_episodes.items())
        ]

    assert sampled(3) == sampled(3) != sampled(4)


IMAGE = spaces.Box(0, 255, (2, 2), np.uint8)


@pytest.mark.parametrize(
    ("board", "factor", "dtype"),
    [
        (IMAGE, 1 / 255, np.float32),
        (spaces.Box(-400.0, 100.0, (2, 2)), 1 / 400, np.float32),
        (spaces.Box(-np.inf, np.inf, (2, 2)), 1.0, np.float32),
        (spaces.Box(0, 1, (2, 2), np.int8), 1.0, np.int8),
    ],
    ids=["an image", "large numbers", "no bounds", "planes"],
)
def test_observations_are_scaled_to_magnitudes_of_1_by_their_bounds(board, factor, dtype):
    space = flat_space(spaces.Dict({"observation": board, "action_mask": mask_of(3)}))
    assert (space.shape, space.dtype) == ((7,), dtype)
    np.testing.assert_allclose(space.high[:4], board.high.ravel() * factor, rtol=1e-6)
    np.testing.assert_allclose(space.low[:4], board.low.ravel() * factor, rtol=1e-6)
    env = adapter(partial(Counting, truncate_at=5, board=board))
    observations, _ = env.reset(seed=1)
    raw = env.env.observe("a")["observation"].ravel()
    np.testing.assert_allclose(observations["a"][:4], raw * factor, rtol=1e-6)
    assert observations["a"][4:].tolist() == [1, 0, 1]


class Failing(Counting):
    """Raises at the beginning of a game, or after three moves, as it is told to."""

    def __init__(self, at, **settings):
        super().__init__(**settings)
        self.at = at

    def reset(self, seed=None, options=None):
        super().reset(seed, options)
        if self.at == "reset" and len(self.seeds) > 1:
            raise ConnectionError("the simulator is gone\nfor good")

    def step(self, action):
        super().step(action)
        if self.at == "step" and self.ply == 3:
            raise ConnectionError("the simulator is gone\nfor good")


@pytest.mark.parametrize("at", ["reset", "step"])
def test_what_an_environment_raises_is_told_in_its_own_words_by_rllibs_env_runner(at):
    config = StockPPOConfig().pettingzoo(partial(Counting, truncate_at=5))
    config.environment(
        env_config={
            **config.env_config,
            "make_env": partial(Failing, at=at, truncate_at=5),
        }
    )
    config.env_runners(num_env_runners=0, num_envs_per_env_runner=2)
    failing = StockEnvRunner(config=config)
    words = "env.pettingzoo: counting failed: ConnectionError: the simulator is gone for good"
    with pytest.raises(EnvironmentFailedError, match=f"^{words}$") as error:
        failing.sample(num_timesteps=100)
    assert failing.failure is error.value
    assert isinstance(error.value.__cause__, ConnectionError)


def test_the_result_of_a_game_has_what_an_agent_got_before_its_first_move():
    env = adapter(partial(Counting, truncate_at=5))
    for _ in play(env, np.random.default_rng(0)):
        pass
    (result,) = env.results
    # Plies 1, 3 and 5 are a's and pay b, the first of them before b has moved.
    assert result.returns == {"a": 2.0 + 4.0, "b": 1.0 + 3.0 + 5.0}
    assert result.first == "a"


class Duel(Counting):
    """The player who did not begin wins after four plies; `first` begins."""

    def __init__(self, first):
        super().__init__(leave_at={"a": 4, "b": 4})
        self.first = first

    def reset(self, seed=None, options=None):
        super().reset(seed, options)
        self.agent_selection = self.first

    def step(self, action):
        was_over = any(self.terminations.values())
        super().step(action)
        if not was_over:
            is_over = any(self.terminations.values())
            self.rewards = {a: (-1 if a == self.first else 1) * is_over for a in "ab"}
            self._cumulative_rewards = dict(self.rewards)


@pytest.mark.parametrize("first", ["a", "b"])
def test_x_is_the_agent_that_moved_first_whatever_its_name(first):
    sampling = runner(partial(Duel, first))
    sampling.sample(num_episodes=4)
    results = sampling.get_metrics()
    assert [results[key].peek() for key in ("x_wins", "draws", "o_wins")] == [0, 0, 4]
    returns = {agent: results["returns"][agent].peek() for agent in "ab"}
    assert returns == {first: -4.0, "ab".replace(first, ""): 4.0}


def mask_of(size):
    return spaces.Box(0, 1, (size,), np.int8)


REFUSED = {
    "no mask": (lambda: Masked({"observation": spaces.Box(0, 1, (3,))}), 'no "action_mask"'),
    "no board": (lambda: Masked({"action_mask": mask_of(3)}), 'no Box "observation"'),
    "a short mask": (lambda: Counting(mask=mask_of(2)), "a mask of shape (2,) for 3 actions"),
    "a discrete board": (lambda: Counting(board=spaces.Discrete(4)), 'no Box "observation"'),
    "other actions": (lambda: Masked(None, spaces.Box(0, 1, (2,))), "it must be Discrete, from 0"),
    "actions from 1": (lambda: Masked(None, spaces.Discrete(3, start=1)), "it must be Discrete"),
    "a gym env": (lambda: gym.make("CartPole-v1"), "is no AEC environment but a "),
}


class Masked(Counting):
    def __init__(self, entries, action=None):
        super().__init__()
        if entries:
            self.observation_spaces = dict.fromkeys("ab", spaces.Dict(entries))
        if action:
            self.action_spaces = dict.fromkeys("ab", action)


@pytest.mark.parametrize("name", REFUSED)
def test_an_env_that_cannot_be_trained_on_is_refused_with_one_sentence(name):
    factory, expected = REFUSED[name]
    with pytest.raises(InputError) as error:
        check_env(factory(), "odd_v0")
    message = str(error.value)
    assert message.startswith("env.pettingzoo: odd_v0 ")
    assert expected in message
    assert "\n" not in message


@pytest.mark.parametrize(
    ("name", "kwargs", "expected"),
    [
        ("tictacto_v3", {}, "no module 'pettingzoo.classic.tictacto_v3'; did you mean tictactoe"),
        ("no.such.module", {}, "env.pettingzoo: there is no module 'no.such.module'"),
        ("ttt_envs", {}, "the module ttt_envs has no function env()"),
        ("rps_v2", {}, 'rps_v2 cannot be trained on: player_0 has no "action_mask"'),
        ("tictactoe_v3", {"size": 4}, "tictactoe_v3 cannot be made with {'size': 4}: TypeError"),
        ("chess_v6", {}, "chess_v6 needs the package chess, which is not installed"),
    ],
)
def test_a_wrong_name_is_one_sentence(monkeypatch, name, kwargs, expected):
    without_package(monkeypatch, "chess")
    with pytest.raises(InputError) as error:
        make_env(name, kwargs)
    assert expected in str(error.value)
    assert "\n" not in str(error.value)


def test_without_pygame_the_message_says_what_to_install(monkeypatch):
    without_package(monkeypatch, "pygame")
    with pytest.raises(InputError, match=r"needs the package pygame.*pip install pygame"):
        make_env("tictactoe_v3")


def without_package(monkeypatch, package):
    """Let PettingZoo's games find the package missing, installed or not."""
    for module in [name for name in sys.modules if name.startswith("pettingzoo.classic")]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, package, None)


def test_games_whose_rules_are_ours_are_known_and_no_others():
    games = {
        make_env("tictactoe_v3"): TIC_TAC_TOE,
        make_env("connect_four_v3"): CONNECT_FOUR,
        make_env("ttt_envs.aec", {"game": CONNECT_FOUR}): CONNECT_FOUR,
        Counting(): None,
    }
    for env, game in games.items():
        assert traits_of(env, "env").game == game
