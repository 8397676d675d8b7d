"""The PettingZoo environment against PettingZoo's own `tictactoe_v3` and `connect_four_v3`.

`ours` and `theirs` play the same moves; after every step both must look the same to both
agents. The whole game tree of tic-tac-toe is walked by stepping copies of the environments.
"""

import copy
import pickle
import re
import warnings

import numpy as np
import pytest

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # pygame and PettingZoo's deprecated import of its games
    from pettingzoo.classic import connect_four_v3, tictactoe_v3
    from pettingzoo.test import api_test, seed_test

from ttt_envs import CONNECT_FOUR, TIC_TAC_TOE, Game
from ttt_envs.aec import env, raw_env

CONNECT_FOUR_ARGS = {"game": CONNECT_FOUR, "agents": ("player_0", "player_1")}
GAMES = ("tictactoe_v3", "connect_four_v3")


def pair(name, wrapped=True):
    """Our environment and PettingZoo's, both reset."""
    module = {"tictactoe_v3": tictactoe_v3, "connect_four_v3": connect_four_v3}[name]
    kwargs = CONNECT_FOUR_ARGS if name == "connect_four_v3" else {}
    both = (env(**kwargs), module.env()) if wrapped else (raw_env(**kwargs), module.raw_env())
    for each in both:
        each.reset(seed=0)
    return both


def assert_same(ours, theirs, moves):
    """Everything that an agent can see of either environment is equal."""
    mine, other = ours.unwrapped, theirs.unwrapped
    for field in ("agents", "agent_selection", "rewards", "terminations", "truncations", "infos"):
        assert getattr(mine, field) == getattr(other, field), (moves, field)
    assert mine._cumulative_rewards == other._cumulative_rewards, moves
    for agent in mine.possible_agents:
        seen, expected = ours.observe(agent), theirs.observe(agent)
        for part in ("observation", "action_mask"):
            assert seen[part].dtype == expected[part].dtype
            assert seen[part].shape == expected[part].shape
            assert seen[part].tobytes() == expected[part].tobytes(), (moves, agent, part)


def assert_same_last(ours, theirs):
    seen, expected = ours.last(), theirs.last()
    assert seen[0]["observation"].tolist() == expected[0]["observation"].tolist()
    assert seen[0]["action_mask"].tolist() == expected[0]["action_mask"].tolist()
    assert seen[1:] == expected[1:]


# ---- the whole game tree -----------------------------------------------------------------


def twin(original):
    """Copy a raw environment so that no step of the one is seen by the other."""
    made = object.__new__(type(original))
    for name, value in vars(original).items():
        vars(made)[name] = value.copy() if isinstance(value, dict | list) else value
    if isinstance(original, tictactoe_v3.raw_env):
        made.board = copy.copy(original.board)
        made.board.squares = original.board.squares.copy()
        made._agent_selector = copy.copy(original._agent_selector)
        made._agent_selector.agent_order = made.agents
    return made


def walk(ours, theirs, known, moves=()):
    """Compare two environments in every game that can follow; return (nodes, games).

    Where both are, attribute by attribute, as they were after other moves, what follows is what
    followed then: `known` has it.
    """
    state = pickle.dumps((vars(ours), vars(theirs)))
    if state in known:
        return known[state]
    assert_same(ours, theirs, moves)
    if ours.terminations[ours.agent_selection]:
        for _ in ours.possible_agents:
            ours.step(None)
            theirs.step(None)
            assert_same(ours, theirs, moves)
        nodes, games = 0, 1
    else:
        nodes = games = 0
        actions = np.flatnonzero(theirs.observe(theirs.agent_selection)["action_mask"])
        for action in actions.tolist():
            after = twin(ours), twin(theirs)
            for each in after:
                each.step(action)
            below = walk(*after, known, (*moves, action))
            nodes, games = nodes + below[0], games + below[1]
    known[state] = nodes + 1, games
    return known[state]


def test_all_255168_games_of_549946_nodes_equal_tictactoe_v3():
    known = {}
    assert walk(*pair("tictactoe_v3", wrapped=False), known) == (549_946, 255_168)
    assert len(known) == 5_478, "the positions that can occur"


# ---- whole games through all wrappers ----------------------------------------------------


def play(ours, theirs, rng, illegal_chance=0.0):
    """Play one random game to the last dead step, comparing all the way; return its moves."""
    moves = []
    while ours.agents:
        assert_same(ours, theirs, moves)
        assert_same_last(ours, theirs)
        action = None
        if not ours.terminations[ours.agent_selection]:
            mask = theirs.observe(theirs.agent_selection)["action_mask"]
            wrong = not mask.all() and rng.random() < illegal_chance
            action = int(rng.choice(np.flatnonzero(mask == (0 if wrong else 1))))
            moves.append(action)
        for each in (ours, theirs):
            each.step(action)
    assert_same(ours, theirs, moves)
    return moves


@pytest.mark.parametrize("name", GAMES)
def test_300_random_games_equal_pettingzoos_step_by_step(name):
    both, rng = pair(name), np.random.default_rng(0)
    lengths = set()
    for _ in range(300):
        lengths.add(len(play(*both, rng)))
        for each in both:
            each.reset()
    assert min(lengths) >= (5 if name == "tictactoe_v3" else 7)
    assert len(lengths) > 3


@pytest.mark.parametrize("name", GAMES)
def test_200_games_with_illegal_moves_end_as_pettingzoos_do(name):
    both, rng, ended_early = pair(name), np.random.default_rng(1), 0
    for _ in range(200):
        play(*both, rng, illegal_chance=0.2)
        ended_early += any(both[0].unwrapped.boards.legal_bits() != 0)
        for each in both:
            each.reset()
    assert ended_early > 20


def test_an_illegal_move_costs_its_maker_1_and_ends_the_game():
    game = env()
    game.reset()
    game.step(4)
    game.step(4)
    assert game.rewards == {"player_1": 0, "player_2": -1}
    assert game.terminations == {"player_1": True, "player_2": True}
    assert game.truncations == {"player_1": True, "player_2": True}
    assert game.agent_selection == "player_1"
    game.step(None)
    assert game.agents == ["player_2"]
    assert game.last()[1] == -1
    game.step(None)
    assert game.agents == []


def test_a_dead_agent_still_sees_its_own_stones_first():
    #   X X X      player_1 has won, player_2 leaves first
    #   O O .
    #   . . .
    game = env()
    game.reset()
    for action in (0, 3, 1, 4, 2, None):
        game.step(action)
    assert game.agent_selection == "player_1"
    own = game.last()[0]["observation"][:, :, 0]
    assert own.tolist() == [[1, 1, 1], [0, 0, 0], [0, 0, 0]]


# ---- misuse ------------------------------------------------------------------------------


@pytest.mark.parametrize("action", [9, -1, 1.5, None])
def test_actions_out_of_bounds_are_refused_as_in_tictactoe_v3(action):
    for each in pair("tictactoe_v3"):
        with pytest.raises(AssertionError, match="action is not in action space"):
            each.step(action)


@pytest.mark.parametrize(
    "use",
    [
        lambda each: each.step(0),
        lambda each: each.observe("player_1"),
        lambda each: each.last(),
        lambda each: each.render(),
        lambda each: each.agent_iter(),
        lambda each: each.agents,
        lambda each: each.agent_selection,
    ],
)
def test_use_before_reset_is_refused_with_the_words_of_tictactoe_v3(use):
    with pytest.raises((AssertionError, AttributeError)) as theirs:
        use(tictactoe_v3.env())
    with pytest.raises(theirs.type, match=re.escape(str(theirs.value))):
        use(env())


def test_an_action_for_a_dead_agent_is_refused_as_in_tictactoe_v3():
    for each in pair("tictactoe_v3"):
        for action in (0, 3, 1, 4, 2):
            each.step(action)
        with pytest.raises(ValueError, match="when an agent is dead"):
            each.step(5)


@pytest.mark.parametrize(
    ("kwargs", "moves", "illegal"),
    [
        ({}, (4,), 4),
        ({}, (), 9),
        ({"game": CONNECT_FOUR}, (3,) * 6, 3),
        ({"game": CONNECT_FOUR}, (), 7),
    ],
)
def test_the_raw_environment_names_an_illegal_action_and_stays_as_it_was(kwargs, moves, illegal):
    game = raw_env(**kwargs)
    for action in moves:
        game.step(action)
    before = game.agent_selection, game.render_text()
    with pytest.raises(ValueError, match=f"action {illegal} is illegal"):
        game.step(illegal)
    assert (game.agent_selection, game.render_text()) == before


# ---- PettingZoo's own tests --------------------------------------------------------------


# PettingZoo lists its own games that may have a dict and an empty board, by their names.
@pytest.mark.filterwarnings("ignore:Observation numpy array is all zeros:UserWarning")
@pytest.mark.filterwarnings("ignore:Observation is not a NumPy array:UserWarning")
@pytest.mark.filterwarnings("ignore:Observation space for each agent probably:UserWarning")
@pytest.mark.parametrize("kwargs", [{}, CONNECT_FOUR_ARGS, {"game": Game(4, 5, 3)}], ids=str)
def test_pettingzoos_api_test_and_seed_test_pass(kwargs, capsys):
    api_test(env(**kwargs), num_cycles=200)
    seed_test(lambda: env(**kwargs), num_cycles=50)
    assert "Passed API test" in capsys.readouterr().out


@pytest.mark.parametrize("name", GAMES)
def test_spaces_equal_those_of_pettingzoo(name):
    ours, theirs = pair(name)
    assert ours.possible_agents == theirs.possible_agents
    for agent in ours.possible_agents:
        assert ours.observation_space(agent) == theirs.observation_space(agent)
        assert ours.action_space(agent) == theirs.action_space(agent)
        assert ours.observation_space(agent) is ours.observation_space(agent)


# ---- the rest ----------------------------------------------------------------------------


@pytest.mark.parametrize("make", [env, raw_env])
def test_a_pickled_environment_keeps_its_arguments_and_plays_on(make):
    original = make(game=Game(4, 5, 3), render_mode="ansi", agents=("a", "b"))
    loaded = pickle.loads(pickle.dumps(original))  # noqa: S301 - our own bytes
    assert loaded.possible_agents == ["a", "b"]
    assert loaded.render_mode == "ansi"
    assert loaded.unwrapped.game == Game(4, 5, 3)
    loaded.reset()
    loaded.step(19)
    assert loaded.agent_selection == "b"
    assert loaded.render() == ". . . . .\n" * 3 + ". . . . X"


def test_rendering_is_the_board_by_hand_in_mode_ansi_only():
    shown, silent = raw_env(render_mode="ansi"), raw_env()
    for action, drawn in ((4, ". . .\n. X .\n. . ."), (0, "O . .\n. X .\n. . .")):
        shown.step(action)
        silent.step(action)
        assert shown.render() == silent.render_text() == drawn
        assert silent.render() is None


def test_reset_forgets_the_game_before():
    game = raw_env()
    for action in (0, 3, 1, 4, 2, None):
        game.step(action)
    game.reset()
    assert_same(game, pair("tictactoe_v3", wrapped=False)[1], "after reset")
    assert game.game == TIC_TAC_TOE


def test_a_board_may_be_named_or_written_down_as_in_a_yaml_file():
    assert raw_env(game="connect_four").game == CONNECT_FOUR
    assert raw_env(game={"rows": 4, "cols": 5, "connect": 3}).game == Game(4, 5, 3)
    with pytest.raises(ValueError, match="game is 'chess'; known are tic_tac_toe, connect_four"):
        raw_env(game="chess")
    with pytest.raises(ValueError, match="a board has 1 to 64 squares"):
        raw_env(game={"rows": 9, "cols": 9})
