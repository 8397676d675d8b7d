"""Settings that are right by themselves, and wrong together.

Each function yields a sentence for every combination that it refuses; which one a reader sees is
the first, so that what explains the others comes before them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ttt_rllib.config.env import NO_OPENING, Env
from ttt_rllib.config.search import Search
from ttt_rllib.config.stopping import Stop
from ttt_rllib.config.training import DQNTraining, PPOTraining, TDTraining
from ttt_rllib.errors import did_you_mean
from ttt_rllib.metrics import CUSTOM, EXACT_GROUPS, PENALISED_MOVES

if TYPE_CHECKING:
    from ttt_rllib.config.experiment import Experiment

__all__ = ["refusals"]

OF_THE_RUN = (
    *("stop.", "checkpoint.", "tracking.", "ray."),
    *("evaluation.certificate", "evaluation.max_positions"),
)
"""Settings that decide nothing in a single trial, so that to search them would do nothing."""

LEAST_KEPT_BY_PBT = 3
"""Checkpoints to keep, so that none is removed while another trial copies it."""


def refusals(experiment: Experiment) -> Iterator[str]:
    """Yield a sentence for every combination of settings that is refused."""
    yield from _without_evaluations(experiment)
    if experiment.search is not None:
        yield from _searching(experiment, experiment.search)
    if not any(limit for _, limit in experiment.stop):
        yield "stop has no limit at all; set one of " + ", ".join(Stop.model_fields)
    if experiment.model.class_ is not None:
        yield from _with_own_network(experiment, f"with model.class {experiment.model.class_}")
    if experiment.model.symmetry_average and experiment.algorithm != "td":
        yield (
            f"model.symmetry_average is true; {experiment.algorithm} chooses moves, and only td "
            "values positions: set it to false, or algorithm to td"
        )
    if experiment.on_pettingzoo:
        yield from _on_pettingzoo(experiment)
    else:
        yield from _on_our_boards(experiment)


def _without_evaluations(experiment: Experiment) -> Iterator[str]:
    """Refuse what lives on evaluations, where there are none."""
    if experiment.evaluation.evaluation_interval:
        return
    for name in ("consecutive_unexploitable_evals", "optimal_move_rate"):
        if getattr(experiment.stop, name):
            yield (
                f"stop.{name} needs exact evaluation; "
                "set evaluation.evaluation_interval to 1 or more"
            )
    if experiment.opening.refuted_starts:
        yield (
            f"opening.refuted_starts is {experiment.opening.refuted_starts:g}, but only "
            "evaluations find such positions; set evaluation.evaluation_interval to 1 or more"
        )


def _searching(experiment: Experiment, search: Search) -> Iterator[str]:
    objective, _ = experiment.objective
    for key in ("initialize_from", "self_play.members"):
        if key in search.space:
            yield (
                f"search.{key}: agents are not searched, as a run has one copy of each; set "
                f"{key} for all trials"
            )
    of_the_run = next((key for key in search.space if key.startswith(OF_THE_RUN)), None)
    if of_the_run is not None:
        yield f"search.{of_the_run}: all trials of a run have the same; set {of_the_run} for all"
    if any(key.split(".")[:2] == ["evaluation", "metrics"] for key in search.space):
        yield (
            "search.evaluation.metrics: trials that measure different things cannot be "
            "compared; set evaluation.metrics for all trials"
        )
    if objective.startswith(CUSTOM):
        yield from _own_objective(experiment, objective)
    yield from _searching_beside_given_agents(experiment, search)
    if objective == PENALISED_MOVES and not experiment.stops_by_proof:
        yield (
            f"search.objective {PENALISED_MOVES} needs both "
            "stop.consecutive_unexploitable_evals and stop.moves"
        )
    if objective.startswith(EXACT_GROUPS) and not experiment.evaluation.evaluation_interval:
        yield (
            f"search.objective {objective} needs exact evaluation; "
            "set evaluation.evaluation_interval to 1 or more"
        )
    kept = experiment.checkpoint.num_to_keep
    if search.algorithm == "pbt" and kept is not None and kept < LEAST_KEPT_BY_PBT:
        yield (
            f"checkpoint.num_to_keep is {kept}; with pbt it is {LEAST_KEPT_BY_PBT} or more, or "
            "null: a checkpoint must not be gone before it is copied"
        )


def _own_objective(experiment: Experiment, objective: str) -> Iterator[str]:
    """Refuse an objective that nothing reports; what a callback reports nobody can tell."""
    known = [f"{CUSTOM}{name}" for name in experiment.evaluation.metrics]
    prefixes = tuple(f"{name}/" for name in known)
    if not experiment.callbacks and not f"{objective}/".startswith(prefixes):
        meant = did_you_mean(objective, known) or "; name it in evaluation.metrics"
        yield f"search.objective: there is no metric {objective!r}{meant}"


def _searching_beside_given_agents(experiment: Experiment, search: Search) -> Iterator[str]:
    """Refuse to search what a given agent decides: most of the trials would not start."""
    given = {
        "initialize_from": ("model.", "env.") if experiment.initialize_from else (),
        "self_play.members": ("env.",) if experiment.self_play.members else (),
    }
    for setting, sections in given.items():
        for key in search.space:
            if key.startswith(sections):
                yield (
                    f"search.{key}: {setting} names an agent with its own game and network; "
                    f"search neither, or leave {setting} out"
                )


def _with_own_network(experiment: Experiment, own: str) -> Iterator[str]:
    """Refuse what a network of one's own cannot do."""
    if experiment.algorithm != "ppo":
        yield f"algorithm is {experiment.algorithm}; {own} only ppo trains: set algorithm to ppo"
    if experiment.on_pettingzoo:
        yield f"env.pettingzoo is set; {own} the game is one of our boards: set env to one"
    if experiment.self_play.is_on:
        yield (
            f"self_play.matchmaking is {experiment.self_play.matchmaking}; {own} there is no "
            "league, whose players are asked without torch: set it to none"
        )
    if experiment.initialize_from is not None:
        yield (
            f"initialize_from is {experiment.initialize_from}; {own} training starts from the "
            "weights that the class gives itself: leave it out"
        )


def _on_pettingzoo(experiment: Experiment) -> Iterator[str]:
    """Refuse every setting that RLlib's own path has nothing for."""
    yield from _learning_on_pettingzoo(experiment)
    if experiment.self_play.is_on:
        yield (
            f"self_play.matchmaking is {experiment.self_play.matchmaking}; with env.pettingzoo "
            "RLlib's own env runner plays, which knows no league: set it to none"
        )
    if experiment.initialize_from is not None:
        yield (
            f"initialize_from is {experiment.initialize_from}; with env.pettingzoo RLlib's own "
            "learner learns, which starts from random weights: leave it out"
        )
    if experiment.env_runners.sample_beside_learning:
        yield (
            "env_runners.sample_beside_learning is true; with env.pettingzoo RLlib's own env "
            "runner plays, which learns and samples in turns: set it to false"
        )
    if experiment.learners.num_learners > 1:
        yield (
            f"learners.num_learners is {experiment.learners.num_learners}; with env.pettingzoo "
            "RLlib's own learner learns, which fails where its shards of a batch differ in "
            "their numbers of games: set it to 0 or 1"
        )
    opening = experiment.opening
    if opening.refuted_starts:
        yield (
            f"opening.refuted_starts is {opening.refuted_starts:g}; with env.pettingzoo "
            "games begin as the environment begins them: set it to 0"
        )
    is_given = "random_plies" in opening.model_fields_set
    if is_given and opening.random_plies != NO_OPENING.random_plies:
        yield (
            f"opening.random_plies is {list(opening.random_plies)}; with env.pettingzoo "
            "games begin as the environment begins them: leave it out"
        )


def _learning_on_pettingzoo(experiment: Experiment) -> Iterator[str]:
    model, training = experiment.model, experiment.training
    if isinstance(training, TDTraining):
        yield (
            "algorithm is td; with env.pettingzoo RLlib's own learners learn, and nothing "
            "knows what follows a move without playing it: set it to ppo or dqn"
        )
    if model.threat_planes:
        yield (
            "model.threat_planes is true; with env.pettingzoo the network sees what the "
            "environment shows it, and its lines may not be ours: set it to false"
        )
    if model.tactical_rule:
        yield (
            "model.tactical_rule is true; with env.pettingzoo the environment's own mask says "
            "which moves may be chosen: set it to false"
        )
    if model.lookahead:
        yield (
            f"model.lookahead is {model.lookahead}; with env.pettingzoo nothing knows "
            "what follows a move without playing it: set it to 0"
        )
    if isinstance(training, DQNTraining) and training.zero_sum_targets:
        yield (
            "training.zero_sum_targets is true; with env.pettingzoo RLlib's own DQN learns, "
            "whose targets are the mover's own next turn: set it to false"
        )
    if isinstance(training, PPOTraining) and training.exploring_starts:
        yield (
            f"training.exploring_starts is {training.exploring_starts}; with "
            "env.pettingzoo RLlib's own env runner plays, which has none: set it to 0"
        )


def _on_our_boards(experiment: Experiment) -> Iterator[str]:
    if experiment.multi_agent.policies != "shared":
        yield (
            f"multi_agent.policies is {experiment.multi_agent.policies}; one network plays both "
            "seats of our own boards: set it to shared, or play on env.pettingzoo"
        )
    if not isinstance(experiment.env, Env):
        # How long its games are is known once it is enumerated; a random opening ends before
        # the game does.
        yield from _with_own_game(experiment)
        return
    squares, opening = experiment.env.game.num_squares, experiment.opening
    if "random_plies" in opening.model_fields_set and opening.random_plies[1] >= squares:
        yield (
            f"opening.random_plies is {list(opening.random_plies)}; a game of "
            f"{squares} squares takes at most {squares - 1}"
        )


def _with_own_game(experiment: Experiment) -> Iterator[str]:
    """Refuse what needs squares and lines, or a position from what the network sees of it."""
    refused = {"threat_planes": False, "tactical_rule": False, "lookahead": 0}
    for name, plain in refused.items():
        if getattr(experiment.model, name) != plain:
            yield (
                f"model.{name} knows lines on a board, and env.own_game has none: set it to "
                f"{json.dumps(plain)}"
            )
    if experiment.algorithm == "td":
        yield (
            "algorithm is td, which plays moves to value what follows them; with env.own_game "
            "set it to ppo or dqn"
        )
