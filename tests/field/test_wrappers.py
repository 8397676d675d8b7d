"""A wrapper that changes observation, mask, rules or rewards makes another game."""

from __future__ import annotations

import pytest

from tests.field.envs.wrapped import WRAPPERS
from ttt_envs import CONNECT_FOUR, TIC_TAC_TOE
from ttt_rllib.config.pettingzoo_traits import env_traits
from ttt_rllib.runs.metrics_csv import read_curves


@pytest.mark.parametrize("wrapper", WRAPPERS)
def test_a_game_behind_a_wrapper_that_changes_it_is_not_the_known_game(wrapper):
    assert env_traits("tests.field.envs.wrapped", {"wrapper": wrapper}).game is None


@pytest.mark.parametrize(
    ("name", "game"),
    [
        ("tictactoe_v3", TIC_TAC_TOE),
        ("connect_four_v3", CONNECT_FOUR),
        ("ttt_envs.aec", TIC_TAC_TOE),
    ],
)
def test_the_known_games_are_still_known_behind_pettingzoos_own_wrappers(name, game):
    assert env_traits(name).game == game


@pytest.mark.long
@pytest.mark.parametrize("wrapper", sorted(WRAPPERS.keys() - {"other mask"}))
def test_a_changed_game_trains_without_agent_certificate_and_exact_figures(train, run_dir, wrapper):
    done = train("wrapped", kwargs={"wrapper": wrapper}, stop={"iterations": 1})
    assert done.returncode == 0, done.stderr
    assert "the rules of this environment are not known here" in done.stdout
    assert not (run_dir / "agent").exists()
    assert not (run_dir / "certificate.json").exists()
    (row,) = read_curves(run_dir / "metrics.csv").rows
    assert not any(figure for name, figure in row.items() if name.startswith("exact/"))
    assert float(row["play/moves"]) >= 400
