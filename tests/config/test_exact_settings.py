"""Settings that need exact evaluation, on games that have it and on games that do not."""

import sys
from importlib import resources
from pathlib import Path

import pytest

from ttt_rllib.config import pettingzoo_traits
from ttt_rllib.config.exact_settings import not_exact_reason
from ttt_rllib.config.loading import dump_experiment, load_experiment, load_saved_experiment
from ttt_rllib.config.reported_metrics import LABELLED_GAMES
from ttt_rllib.errors import InputError
from ttt_rllib.evaluation.own_metrics import check_own_metrics

DEBUG = Path(__file__).parents[2] / "experiments" / "debug.yaml"
SEARCH = "search.training.lr={choice: [1e-3]}"
LIMIT = "stop.consecutive_unexploitable_evals=1"
UNKNOWN = "env={pettingzoo: unknown_rules}"

ENVIRONMENT = """
import numpy as np
from pettingzoo.utils.env import AECEnv
from gymnasium.spaces import Box, Dict, Discrete

class Rules(AECEnv):
    metadata = {"name": "rules_v0"}
    possible_agents = ["a", "b"]
    def observation_space(self, agent):
        return Dict({"observation": Box(0, 1, (3,)), "action_mask": Box(0, 1, (2,))})
    def action_space(self, agent):
        return Discrete(2)
    def reset(self, seed=None, options=None):
        self.agents, self.agent_selection = ["a", "b"], "a"
        self.rewards, self._cumulative_rewards = ({"a": 0, "b": 0} for _ in range(2))
        self.terminations, self.truncations = ({"a": False, "b": False} for _ in range(2))
        self.infos = {"a": {}, "b": {}}
    def observe(self, agent):
        return {"observation": np.zeros(3, np.float32), "action_mask": np.ones(2, np.int8)}
    def step(self, action):
        agent = self.agent_selection
        if self.terminations[agent]:
            return self._was_dead_step(action)
        self.rewards = {"a": 1, "b": -1}
        self.terminations = {"a": True, "b": True}
        self.agent_selection = "b"
        self._accumulate_rewards()

env = Rules
"""


@pytest.fixture
def unknown_rules(tmp_path, monkeypatch):
    """A PettingZoo environment whose rules are not known here."""
    (tmp_path / "unknown_rules.py").write_text(ENVIRONMENT)
    monkeypatch.syspath_prepend(tmp_path)
    yield
    sys.modules.pop("unknown_rules", None)
    pettingzoo_traits._env_traits.cache_clear()


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        (
            ["env={rows: 6, cols: 6, connect: 5}", LIMIT],
            "stop.consecutive_unexploitable_evals can never be met: the positions of a 6 x 6 board "
            "do not fit 64 bits; stop by moves, train_s or iterations",
        ),
        (
            ["env=connect_four", "stop.optimal_move_rate=1.0"],
            "stop.optimal_move_rate can never be met: the game has too many "
            "positions for exact evaluation; stop by moves, train_s or iterations",
        ),
        (
            [UNKNOWN, LIMIT],
            "stop.consecutive_unexploitable_evals can never be met: the rules of this environment "
            "are not known here, so there is no agent/ and no proof; stop by moves, train_s or "
            "iterations",
        ),
        (
            ["env=connect_four", SEARCH],
            "search.objective exact/nash_conv can never be measured: the game has too many "
            "positions for exact evaluation; set one of eval/ or play/",
        ),
    ],
)
def test_what_can_never_be_measured_is_refused_when_the_experiment_is_loaded(
    unknown_rules, overrides, expected
):
    with pytest.raises(InputError) as error:
        load_experiment(DEBUG, tuple(overrides))
    place, _, problem = str(error.value).partition(": " + expected[:8])
    assert expected[:8] + problem == expected
    assert place in {str(DEBUG), *(one[:60] for one in overrides)}


@pytest.mark.parametrize(
    "overrides",
    [
        [LIMIT],
        [SEARCH],
        ["env=connect_four"],
        ["env=connect_four", LIMIT],
        ["env=connect_four", LIMIT, SEARCH, "search.objective=search/penalised_moves"],
        ["env=connect_four", SEARCH, "search.objective=eval/score_vs_random"],
        ["env={pettingzoo: tictactoe_v3}", LIMIT],
        [UNKNOWN],
    ],
)
def test_what_can_be_measured_or_does_not_need_to_be_is_accepted(unknown_rules, overrides):
    load_experiment(DEBUG, tuple(overrides))


NO_LEAGUE = "self_play.matchmaking is none"
SCORE = "checkpoint.checkpoint_score_attribute="


@pytest.mark.parametrize(
    ("metric", "overrides", "reason"),
    [
        ("eval/score_vs_random", [], "the game is solved, so that nothing is sampled"),
        ("eval/optimal_rate_quiet", [], "only connect_four has labelled test positions"),
        ("eval/score_vs_random", ["env=connect_four", "evaluation.evaluation_interval=0"],
         "evaluation.evaluation_interval is 0; set it to 1 or more"),
        ("eval/score_vs_random", [UNKNOWN], "the rules of this environment are not known here"),
        ("league/rating", [], NO_LEAGUE),
        ("perf/runner_cpu_s", [], "env_runners.num_env_runners is 0"),
        ("perf/learner_cpu_s", [], "learners.num_learners is 0"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("key", ["search.objective", "checkpoint.checkpoint_score_attribute"])
def test_nothing_is_chosen_by_a_metric_that_is_never_reported(
    unknown_rules, key, metric, overrides, reason
):
    search = (SEARCH,) if key.startswith("search") else ()
    with pytest.raises(InputError, match=f"{key} {metric} can never be measured: {reason}"):
        load_experiment(DEBUG, (*overrides, *search, f"{key}={metric}"))


@pytest.mark.parametrize(
    ("overrides", "reason"),
    [
        ([SEARCH, "search.objective=learner/td_loss", "search.mode=min"],
         "algorithm is ppo; the metric is one of dqn"),
        ([SEARCH, "search.objective=exact/shortest_refutation"],
         "the game is solved; take exact/nash_conv"),
        ([f"{SCORE}exact/nash_conv", "evaluation.evaluation_interval=0"],
         "evaluation.evaluation_interval is 0; set it to 1 or more"),
        ([f"{SCORE}exact/optimal_move_rate", "env=connect_four"],
         "the game has too many positions for exact evaluation"),
        ([f"{SCORE}exact/nash_conv_greedy", "env={rows: 6, cols: 6, connect: 5}"],
         "the positions of a 6 x 6 board do not fit 64 bits"),
        ([f"{SCORE}search/penalised_moves"],
         "it needs both stop.consecutive_unexploitable_evals and stop.moves"),
    ],
)  # fmt: skip
def test_nothing_is_chosen_by_what_this_algorithm_or_game_does_not_have(overrides, reason):
    with pytest.raises(InputError, match=f"can never be measured: {reason}"):
        load_experiment(DEBUG, tuple(overrides))


@pytest.mark.parametrize(
    "overrides",
    [
        ["search.self_play.matchmaking={choice: [none, pfsp]}", "search.objective=league/rating"],
        ["search.env.gravity={choice: [true]}", "search.objective=eval/score_vs_random"],
        [f"{SCORE}exact/nash_conv"],
        [f"{SCORE}exact/nash_conv_greedy", "env=connect_four"],
        [f"{SCORE}eval/optimal_rate_quiet", "env=connect_four"],
        [f"{SCORE}league/min_score", "self_play.matchmaking=uniform"],
        [f"{SCORE}search/penalised_moves", LIMIT],
        [SEARCH, "search.asha.grace_period=3", "search.scheduler=none"],
    ],
)
def test_what_may_be_reported_can_be_chosen_by(overrides):
    load_experiment(DEBUG, tuple(overrides))


def test_all_games_with_labelled_positions_are_known():
    files = resources.files("ttt_rllib.evaluation").joinpath("positions").iterdir()
    assert {file.name for file in files} == {f"{name}.npz" for name in LABELLED_GAMES}


def test_metrics_of_ones_own_are_refused_where_there_is_no_agent(unknown_rules):
    experiment = load_experiment(DEBUG, (UNKNOWN, "evaluation.metrics.mine=my_module:mine"))
    with pytest.raises(InputError, match="so there is no agent to measure; leave it out"):
        check_own_metrics(experiment)


def test_the_reason_is_that_of_the_game(unknown_rules):
    reasons = [
        not_exact_reason(load_experiment(DEBUG, (f"env={env}",)))
        for env in ("tic_tac_toe", "connect_four", "{pettingzoo: unknown_rules}")
    ]
    assert reasons[0] is None
    assert "too many positions" in reasons[1]
    assert "rules of this environment are not known" in reasons[2]


def test_a_run_is_read_although_its_environment_is_not_installed_here(tmp_path):
    saved = tmp_path / "experiment.yaml"
    experiment = load_experiment(DEBUG, ("env={pettingzoo: tictactoe_v3}", LIMIT))
    saved.write_text(dump_experiment(experiment).replace("tictactoe_v3", "not_here_v0"))
    assert load_saved_experiment(saved).env.pettingzoo == "not_here_v0"
