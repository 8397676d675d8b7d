"""What the report shows of a league: ratings in order, all pairs, the curves."""

import re
from types import SimpleNamespace

import numpy as np

from ttt_envs import TIC_TAC_TOE
from ttt_rllib.league.league import League, LeagueSettings
from ttt_rllib.league.standing import LEAGUE_FILE, write_standing
from ttt_rllib.metrics import LEAGUE_MEAN_SCORE, LEAGUE_RATING, MOVES
from ttt_rllib.report.charts.heat_map import heat_map
from ttt_rllib.report.league_section import league_section
from ttt_rllib.runs.metrics_csv import Curves


def test_a_run_with_a_league_shows_its_standing(tmp_path, new_network):
    league = League(LeagueSettings(save_steps=10, promotion="always"), TIC_TAC_TOE)
    rows = [
        {MOVES: 10.0 * number, **league.update(new_network(seed=number), 10 * number)}
        for number in (1, 2, 3)
    ]
    standing = league.standing(new_network(seed=4))
    write_standing(standing, tmp_path / LEAGUE_FILE)
    record = SimpleNamespace(checkpoint=tmp_path, curves=Curves(rows))
    section = league_section(record)
    assert section.rows[0][0] == "perfect"
    ratings = [float(row[1]) for row in section.rows]
    assert ratings == sorted(ratings, reverse=True)
    assert {row[0] for row in section.rows} == {player.name for player in standing.players}
    titles = [figure.title for figure in section.gallery.figures]
    assert titles == ["Rating of the newest snapshot", "Score against the league"]
    assert {LEAGUE_RATING, LEAGUE_MEAN_SCORE} <= set(rows[-1])
    cells = re.findall(r"<td[^>]*>([^<]*)</td>", section.matrix.__html__())
    order = standing.order
    wanted = standing.payoffs.scores[order][:, order].ravel()
    assert np.allclose([float(cell) for cell in cells], wanted, atol=0.0051)


def test_a_run_without_a_league_shows_none(tmp_path):
    for checkpoint in (None, tmp_path):
        assert league_section(SimpleNamespace(checkpoint=checkpoint, curves=None)) is None


def test_a_cell_is_as_strong_as_its_score_and_names_are_escaped():
    html = heat_map("t", ["a<b", "c"], np.array([[0.0, 0.5], [-0.5, 0.0]])).__html__()
    assert "a&lt;b" in html
    assert 'class="win" style="--share: 30%"' in html
    assert 'class="loss" style="--share: 30%"' in html
    assert html.count(">0.00<") == 2
