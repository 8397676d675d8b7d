"""A league's life: snapshots that never change, promotion by score, opponents, resuming."""

from dataclasses import replace

import numpy as np
import pytest

from ttt_envs import CONNECT_FOUR, TIC_TAC_TOE
from ttt_rllib.agents.bundle import policy_sha256, save_bundle
from ttt_rllib.agents.inputs import Inputs
from ttt_rllib.agents.policies import NetworkPolicy
from ttt_rllib.errors import InputError
from ttt_rllib.league import league as module
from ttt_rllib.league.league import OPPONENTS_AT_ONCE, League, LeagueSettings
from ttt_rllib.league.members import find_player, snapshot
from ttt_rllib.league.payoffs import payoffs
from ttt_rllib.league.standing import read_standing, write_standing
from ttt_rllib.metrics import (
    LEAGUE_MEAN_SCORE,
    LEAGUE_NASH_SCORE,
    LEAGUE_RATING,
    LEAGUE_SNAPSHOTS,
    LEAGUE_WIN_RATE,
)

PLAYERS = ("random", "one_ply", "perfect")
RANDOM, ONE_PLY, PERFECT = (find_player(name, TIC_TAC_TOE) for name in PLAYERS)
EVERY = {"save_steps": 100, "swap_steps": 100, "promotion": "always"}


def new_league(**settings):
    return League(LeagueSettings(**{**EVERY, **settings}), TIC_TAC_TOE)


def names(members):
    return [member.name for member in members]


@pytest.fixture(scope="module")
def learners(new_network):
    """Return ten different networks."""
    return [new_network(seed=seed) for seed in range(10)]


def grown(learners, **settings):
    league = new_league(**settings)
    for number, learner in enumerate(learners, 1):
        league.update(learner, 100 * number)
    return league


def test_snapshots_come_when_due_and_opponents_change_when_due(learners):
    league = new_league(save_steps=1_000, swap_steps=500)
    seen = []
    for number, moves in enumerate((400, 900, 1_050, 1_400, 1_600, 2_100)):
        figures = league.update(learners[number], moves)
        seen.append((figures[LEAGUE_SNAPSHOTS], len(league.opponents)))
    drawn = OPPONENTS_AT_ONCE
    assert seen == [(0, 0), (0, 0), (1, drawn), (1, drawn), (1, drawn), (2, drawn)]
    assert names(league.snapshots) == ["snapshot-1050", "snapshot-2100"]


def test_a_snapshot_is_a_copy_that_training_cannot_change(learners):
    weights = {name: array.copy() for name, array in learners[0].weights.items()}
    learner = NetworkPolicy(TIC_TAC_TOE, weights, "relu")
    league = grown([learner])
    (frozen,) = league.snapshots
    before = frozen.sha256
    for array in weights.values():
        array += 1.0
    assert policy_sha256(frozen.policy) == before != policy_sha256(learner)
    with pytest.raises(ValueError, match="read-only"):
        frozen.policy.weights["value.bias"][0] = 0.0


@pytest.mark.parametrize(
    ("settings", "allowed"),
    [
        ({"matchmaking": "latest_or_window", "window": 3}, range(800, 1_100, 100)),
        ({"matchmaking": "uniform"}, range(100, 1_100, 100)),
        ({"matchmaking": "pfsp"}, range(100, 1_100, 100)),
    ],
)
def test_opponents_are_drawn_from_those_that_the_matchmaking_names(learners, settings, allowed):
    league = grown(learners, members=(ONE_PLY,), **settings)
    drawn = set()
    for moves in range(1_100, 9_000, 100):
        league._next_save = 10**9
        league.update(learners[-1], moves)
        assert len(league.opponents) == OPPONENTS_AT_ONCE
        drawn |= set(names(league.opponents))
    possible = {"one_ply", *(f"snapshot-{moves}" for moves in allowed)}
    assert drawn <= possible
    if settings["matchmaking"] != "pfsp":
        assert drawn == possible


def test_pfsp_plays_those_that_beat_the_learner(learners):
    league = new_league(matchmaking="pfsp", members=(RANDOM, PERFECT), save_steps=10**9)
    counts = {"random": 0, "perfect": 0}
    for moves in range(100, 5_000, 100):
        league.update(PERFECT_LIKE, moves)
        for member in league.opponents:
            counts[member.name] += 1
    assert counts["perfect"] > 10 * counts["random"] > 0


class _PerfectLike(NetworkPolicy):
    """A learner that plays perfectly; its weights do not matter."""

    def __call__(self, boards):
        return PERFECT.policy(boards)


PERFECT_LIKE = _PerfectLike(
    TIC_TAC_TOE,
    {
        "policy.weight": np.zeros((9, 18), np.float32),
        "policy.bias": np.zeros(9, np.float32),
        "value.weight": np.zeros((1, 18), np.float32),
        "value.bias": np.zeros(1, np.float32),
    },
    "relu",
)


def test_perfect_draws_are_promoted_where_wins_alone_would_never_be():
    league = new_league(promotion="score")
    wins = []
    for number in range(1, 9):
        policy = replace(PERFECT_LIKE, weights={**PERFECT_LIKE.weights, "n": np.full(1, number)})
        wins.append(league.update(policy, 100 * number).get(LEAGUE_WIN_RATE))
    assert len(league.snapshots) == 8, "one every time that it was due"
    assert wins[1:] == pytest.approx([0.0] * 7), "RLlib's rule, above 0.95, would have stopped"


def test_a_learner_that_scores_less_than_asked_waits_until_it_does_not(learners):
    league = new_league(promotion="score", promotion_score=0.0, save_steps=1_000)
    assert league.update(PERFECT_LIKE, 1_000)[LEAGUE_SNAPSHOTS] == 1
    figures = league.update(learners[0], 2_000)
    assert figures[LEAGUE_MEAN_SCORE] < 0.0
    assert figures[LEAGUE_SNAPSHOTS] == 1
    assert league.update(learners[0], 2_050) == {LEAGUE_SNAPSHOTS: 1}, "not in every iteration"
    assert league.update(PERFECT_LIKE, 2_100)[LEAGUE_SNAPSHOTS] == 2, "at the next swap"


@pytest.mark.parametrize("promotion", ["score", "exploitability"])
def test_a_perfect_member_holds_no_learner_up(learners, promotion):
    league = new_league(promotion=promotion, members=(PERFECT,))
    assert league.update(learners[0], 100)[LEAGUE_SNAPSHOTS] == 1


def test_promotion_by_exploitability_compares_with_those_that_may_be_drawn(learners):
    league = new_league(promotion="exploitability")
    assert league.update(PERFECT_LIKE, 100)[LEAGUE_SNAPSHOTS] == 1
    assert league.update(learners[0], 200)[LEAGUE_SNAPSHOTS] == 1
    assert league.update(PERFECT_LIKE, 300)[LEAGUE_SNAPSHOTS] == 2


def test_figures_are_exact_and_come_with_a_snapshot(learners):
    league = new_league(members=(RANDOM,))
    figures = league.update(PERFECT_LIKE, 100)
    wanted = payoffs([PERFECT.policy, RANDOM.policy]).scores[0, 1]
    assert 0.9 < wanted < (191 / 192 + 874 / 945) / 2, "below the ceilings of random play"
    assert figures[LEAGUE_MEAN_SCORE] == pytest.approx(wanted, abs=1e-12)
    assert figures[LEAGUE_NASH_SCORE] == pytest.approx(0.0, abs=1e-9)
    assert figures[LEAGUE_RATING] > 400
    assert LEAGUE_RATING not in league.update(PERFECT_LIKE, 110)


def test_a_league_continues_from_its_state_as_if_nothing_had_happened(learners):
    settings = {"matchmaking": "pfsp", "members": (ONE_PLY,), "seed": 3}
    whole, first = new_league(**settings), new_league(**settings)
    for number, learner in enumerate(learners[:5], 1):
        whole.update(learner, 100 * number)
        first.update(learner, 100 * number)
    second = new_league(**settings)
    second.set_state(first.get_state(), "relu")
    for number, learner in enumerate(learners[5:], 6):
        figures = whole.update(learner, 100 * number)
        assert second.update(learner, 100 * number) == figures
        assert names(second.opponents) == names(whole.opponents)
    hashes = [[one.sha256 for one in league.snapshots] for league in (whole, second)]
    assert hashes[0] == hashes[1]
    one, other = whole.standing(learners[0]), second.standing(learners[0])
    assert one.players == other.players
    assert np.array_equal(one.ratings, other.ratings)
    assert np.array_equal(one.payoffs.x_wins, other.payoffs.x_wins)


def test_a_state_whose_snapshot_was_changed_is_refused(learners):
    state = grown(learners[:2]).get_state()
    state["snapshots"][1]["weights"] = learners[5].weights
    with pytest.raises(ValueError, match="snapshot-200 of the league is not the player"):
        new_league().set_state(state, "relu")


def test_snapshots_keep_their_inputs_through_a_state(new_network):
    inputs = Inputs(threat_planes=True, tactical_rule=True)
    first = grown([new_network(seed=seed, inputs=inputs) for seed in range(2)])
    assert {member.policy.inputs for member in first.snapshots} == {inputs}
    second = new_league()
    second.set_state(first.get_state(), "relu", inputs)
    hashes = [[one.sha256 for one in league.snapshots] for league in (first, second)]
    assert hashes[0] == hashes[1]
    with pytest.raises(ValueError, match="snapshot-100 of the league is not the player"):
        new_league().set_state(first.get_state(), "relu", Inputs(threat_planes=True))


def test_standing_survives_its_file(tmp_path, learners):
    standing = grown(learners[:3]).standing(learners[4])
    write_standing(standing, tmp_path / "league.json")
    again = read_standing(tmp_path / "league.json")
    assert again.players == standing.players
    assert [player.name for player in again.players][-1] == "learner"
    for one, other in zip(vars(again).values(), vars(standing).values(), strict=True):
        if isinstance(one, np.ndarray):
            assert np.array_equal(one, other)
    assert np.array_equal(again.payoffs.x_wins, standing.payoffs.x_wins)
    assert read_standing(tmp_path / "none.json") is None


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("{", r"league\.json: damaged"),
        ("[]", r"league\.json: damaged"),
        ('{"format_version": 1}', r"league\.json: damaged"),
        ('{"format_version": 9}', r"^[^ ]*league\.json: is of format 9, not 1$"),
        (
            '{"format_version": 1, "players": [], "x_wins": [[1]], "o_wins": [], '
            '"standard_errors": []}',
            "its matrices are not of 0 players",
        ),
    ],
)
def test_a_damaged_file_is_named(tmp_path, text, complaint):
    (tmp_path / "league.json").write_text(text)
    with pytest.raises(InputError, match=complaint):
        read_standing(tmp_path / "league.json")


def test_tables_that_do_not_fit_the_memory_are_made_in_parts(monkeypatch, learners):
    whole = grown(learners[:4], members=(ONE_PLY,))
    monkeypatch.setattr(module, "TABLE_BYTES", 1)
    parts = grown(learners[:4], members=(ONE_PLY,))
    one, other = whole.standing(learners[5]), parts.standing(learners[5])
    assert np.allclose(one.payoffs.x_wins, other.payoffs.x_wins, atol=1e-12)
    assert len(parts._tables) == 1


def test_a_league_of_a_large_game_samples_its_payoffs(new_network):
    one_ply = find_player("one_ply", CONNECT_FOUR)
    league = League(LeagueSettings(**EVERY, members=(one_ply,)), CONNECT_FOUR)
    figures = league.update(new_network(CONNECT_FOUR), 100)
    assert -1.0 <= figures[LEAGUE_MEAN_SCORE] < 0.5
    standing = league.standing(new_network(CONNECT_FOUR, seed=1))
    assert not standing.payoffs.is_exact
    assert [player.name for player in standing.players] == [
        *("random", "one_ply", "snapshot-100", "learner")
    ]


def test_players_are_found_by_name_or_by_path(tmp_path, new_network):
    save_bundle(new_network(), tmp_path / "agent", {})
    found = find_player(str(tmp_path / "agent"), TIC_TAC_TOE)
    assert found.sha256 == policy_sha256(new_network())
    assert found.sha256 == snapshot(new_network(), 7).sha256


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("rnadom", "rnadom: neither a fixed player .*did you mean random"),
        ("perfect", "perfect: no perfect player is known: a 6 x 7 board"),
        ("agent", "plays Tic-tac-toe, not Connect Four"),
        ("empty", "empty: holds no agent"),
    ],
)
def test_a_player_that_is_not_there_is_refused(tmp_path, monkeypatch, new_network, name, complaint):
    monkeypatch.chdir(tmp_path)
    save_bundle(new_network(), tmp_path / "agent", {})
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=complaint):
        find_player(name, CONNECT_FOUR)
