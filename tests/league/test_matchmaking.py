"""Who is drawn how often, by hand."""

import numpy as np
import pytest

from ttt_rllib.league.matchmaking import (
    ODDS_LEFT,
    pfsp_odds,
    shares_of_opponents,
    uniform_odds,
)


@pytest.mark.parametrize(
    ("weighting", "raw"), [("hard", [0.0, 0.25, 1.0]), ("variance", [0.0, 0.25, 0.0])]
)
def test_alphastars_weightings_with_draws_as_half_a_win(weighting, raw):
    odds = pfsp_odds(np.array([1.0, 0.0, -1.0]), weighting)
    wanted = (1 - ODDS_LEFT) * np.array(raw) / sum(raw) + ODDS_LEFT / 3
    assert odds == pytest.approx(wanted)
    assert odds.sum() == pytest.approx(1.0)


def test_where_everybody_is_beaten_all_are_played_alike():
    assert pfsp_odds(np.ones(4), "hard") == pytest.approx(uniform_odds(4))


def test_everyone_gets_its_share_rounded_up_or_down():
    odds, counts = np.array([0.5, 0.3, 0.2]), np.zeros(3)
    rng = np.random.default_rng(0)
    for _ in range(2_000):
        drawn = np.bincount(shares_of_opponents(odds, 4, rng), minlength=3)
        assert drawn.sum() == 4
        assert (np.floor(4 * odds) <= drawn).all()
        assert (drawn <= np.ceil(4 * odds)).all()
        counts += drawn
    assert counts / counts.sum() == pytest.approx(odds, abs=0.01)
