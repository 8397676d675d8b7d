"""A certificate from a file is compared with one whose walk may have ended elsewhere."""

from dataclasses import replace

import pytest

from ttt_envs import Game
from ttt_rllib.agents.bundle import Bundle
from ttt_rllib.evaluation.evaluate_agent import evaluate_agent
from ttt_rllib.runs.certificate_check import certificate_fault
from ttt_rllib.runs.certificate_json import certificate_of

WRONG = "does not hold for this agent"
SHORT, LONGER, WHOLE = 1_000, 100_000, 5_000_000


@pytest.fixture(scope="module")
def bundle(new_network):
    return Bundle(new_network(Game(4, 4, 4), seed=1), {})


@pytest.fixture(scope="module")
def certificates(bundle):
    """By the number of positions at which the walk of a seat was given up."""
    return {
        most: certificate_of(
            bundle, evaluate_agent(bundle.policy, max_positions=most, num_games=2).certificate
        )
        for most in (SHORT, LONGER, WHOLE)
    }


def test_the_walks_end_at_different_places(certificates):
    assert [one.unexploitable for one in certificates.values()] == [None, False, False]
    reasons = [(one.incomplete_as_x, one.incomplete_as_o) for one in certificates.values()]
    assert [tuple(map(bool, pair)) for pair in reasons] == [
        (True, True),
        (False, True),
        (False, False),
    ]


@pytest.mark.parametrize("stored", [SHORT, LONGER, WHOLE])
def test_a_certificate_of_a_shorter_walk_holds(bundle, certificates, stored):
    assert certificate_fault(bundle, certificates[WHOLE], certificates[stored]) is None


def test_what_a_longer_walk_claims_cannot_be_checked_by_a_shorter_one(bundle, certificates):
    fault = certificate_fault(bundle, certificates[SHORT], certificates[WHOLE])
    assert fault.startswith("cannot be checked: the limit of positions was reached at ")
    assert fault.endswith("; raise --max-positions")


@pytest.mark.parametrize(
    "changes",
    [
        {"weights_sha256": "0" * 64},
        {"agent_sha256": "0" * 64},
        {"game": Game(4, 4, 3)},
        {"unexploitable": True},
        {"guaranteed_as_x": 1},
        {"moves_sha256_as_x": "0" * 64},
        {"positions_as_o": 10**9},
        {"positions_as_x": 5},
        {"format_version": 1, "game_value": 1},
    ],
)
def test_whatever_contradicts_a_longer_walk_is_wrong(bundle, certificates, changes):
    stored = replace(certificates[LONGER], **changes)
    assert certificate_fault(bundle, certificates[WHOLE], stored) == WRONG


def changed_lines(certificate, **changes):
    first, *rest = certificate.losing_lines
    return replace(certificate, losing_lines=(replace(first, **changes), *rest))


def test_every_losing_game_of_a_shorter_walk_is_played_again(bundle, certificates):
    whole, longer = certificates[WHOLE], certificates[LONGER]
    first = longer.losing_lines[0]
    others = [one for one in range(16) if one not in first.moves]
    mover = 0 if first.seat == "x" else 1
    not_its_move = list(first.moves)
    not_its_move[mover] = others[0]
    for changes in (
        {"result": 0},
        {"moves": first.moves[:-1]},
        {"moves": (*first.moves, others[0])},
        {"moves": (first.moves[0], *first.moves)},
        {"moves": (99, *first.moves[1:])},
        {"moves": tuple(not_its_move)},
        {"moves": ()},
    ):
        stored = changed_lines(longer, **changes)
        assert certificate_fault(bundle, whole, stored) == WRONG, changes
