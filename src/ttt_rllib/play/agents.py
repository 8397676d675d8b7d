"""The agents that can be chosen: fixed players, the agents of runs, and those of the package.

A slug names an agent permanently. Looking one up only compares it with those of the list,
so a slug from outside never becomes a path.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ttt_envs.boards import Boards
from ttt_envs.game import GAMES, TIC_TAC_TOE, Game
from ttt_envs.positions import MAX_ENUMERATED_SQUARES, too_many_positions
from ttt_rllib.agents.bundle import SAVED_AT, Bundle, BundleError, load_bundle
from ttt_rllib.agents.fixed_players import (
    ALPHA_BETA_DEPTH,
    FIXED_PLAYERS,
    PERFECT,
    fixed_player,
    knows_game,
)
from ttt_rllib.agents.lookahead import LookaheadPolicy, knowledge
from ttt_rllib.agents.policies import NetworkPolicy, Policy, SeatPolicies
from ttt_rllib.agents.shipped import SHIPPED, shipped_bundle
from ttt_rllib.errors import InputError, did_you_mean
from ttt_rllib.evaluation.matches import greedy_actions, sampled_actions
from ttt_rllib.runs.bundles import claim_about, find_bundle, run_folders
from ttt_rllib.runs.certificate_json import Claim

__all__ = [
    "OWN_SLUG",
    "Agent",
    "AgentList",
    "Skipped",
    "agent_at",
    "choose_agent",
    "choose_move",
    "fixed_players",
    "list_agents",
    "newest_run",
    "shipped_agents",
]

NAMES = {
    "perfect": "perfect player",
    "random": "random player",
    "one_ply": "one-ply player",
    "alpha_beta": f"alpha-beta player, {ALPHA_BETA_DEPTH} plies",
}
"""Slugs of the fixed players of tic-tac-toe, and their names for people."""

OWN_SLUG = "own"
"""The slug of an agent outside the results folder; only a command can add one."""

RUN_SEPARATOR = "~"
"""Separates experiment and run in a slug: safe in a URL, and not allowed in either name."""

NAME = re.compile(r"[A-Za-z0-9_.-]+")


@dataclass(frozen=True)
class Agent:
    """A player that can be chosen.

    Attributes:
        slug: Its permanent name: letters, digits and `_.-~`.
        name: Its name for people.
        policy: Chooses the moves.
        is_trained: Whether it comes from a bundle. A trained agent plays its most probable move,
            as its certificate assumes; a fixed player draws its moves at random.
        verdict: What the certificate in the run proves; None where there is none for this
            agent.
        sha256: Hash of everything that decides a trained agent's moves; None for the others.
    """

    slug: str
    name: str
    policy: Policy
    is_trained: bool
    verdict: Claim | None
    sha256: str | None = None

    @property
    def game(self) -> Game:
        """The rules it plays by."""
        return self.policy.game

    @property
    def knowledge(self) -> str:
        """What a trained agent knows of the game without having learnt it, for people; else ""."""
        if isinstance(self.policy, (NetworkPolicy, SeatPolicies, LookaheadPolicy)):
            return knowledge(self.policy)
        return ""


@dataclass(frozen=True)
class Skipped:
    """A run that offers no agent: where, relative to the results folder, and why."""

    place: str
    reason: str


@dataclass(frozen=True)
class AgentList:
    """The agents that can be chosen.

    Attributes:
        agents: Fixed players of every game, then runs, the newest first, then the agents of the
            package; slugs are unique.
        skipped: Runs whose agent cannot be loaded.
    """

    agents: tuple[Agent, ...]
    skipped: tuple[Skipped, ...]

    def find(self, slug: str) -> Agent:
        """Return the agent with this slug.

        Raises:
            InputError: If there is none.
        """
        for agent in self.agents:
            if agent.slug == slug:
                return agent
        known = [agent.slug for agent in self.agents]
        raise InputError(f"no agent is called {slug[:80]!r}{did_you_mean(slug[:80], known)}")


def list_agents(results: Path, own: Agent | None = None) -> AgentList:
    """List the fixed players, the agents of all runs, finished or not, and those of the package.

    Args:
        results: Folder of all results; it need not exist.
        own: A further agent, as returned by `agent_at` or `choose_agent`.
    """
    found, skipped = _runs(results)
    shipped = shipped_agents()
    fixed = [
        agent for game in _games(([own] if own else []) + found) for agent in fixed_players(game)
    ]
    known = {agent.slug for agent in (*fixed, *found, *shipped)}
    extra = [own] if own is not None and own.slug not in known else []
    return AgentList((*fixed, *extra, *found, *shipped), tuple(skipped))


def fixed_players(game: Game) -> tuple[Agent, ...]:
    """Return the fixed players of a game; a perfect one only where the game is solved."""
    known = [
        name
        for name in FIXED_PLAYERS
        if knows_game(name, game) and (name != PERFECT or too_many_positions(game) is None)
    ]
    return tuple(_fixed(name, game) for name in known)


def shipped_agents() -> tuple[Agent, ...]:
    """Return the trained agents of tic-tac-toe that come with the package."""
    return tuple(
        _trained(slug, name, shipped_bundle(slug), load_bundle(shipped_bundle(slug)))
        for slug, name in SHIPPED.items()
    )


def newest_run(results: Path) -> Agent | None:
    """Return the agent that was saved last, as it says itself; None if no run offers one."""
    found, _ = _runs(results)
    return found[0] if found else None


def agent_at(path: Path) -> Agent:
    """Load the agent of a run, checkpoint or bundle at any path; only commands may call this.

    Raises:
        BundleError: If there is no agent, or it is damaged.
    """
    bundle = find_bundle(path)
    return _trained(OWN_SLUG, str(path), path, bundle)


def choose_agent(choice: str | None, results: Path) -> Agent:
    """Return the agent that a user named on the command line.

    Args:
        choice: A slug, else a path of a run, checkpoint or bundle; None takes the newest
            run, and the first agent of the package where there is none.
        results: Folder of all results.

    Raises:
        InputError: If it is neither.
        BundleError: If it is a path without a usable agent.
    """
    if choice is None:
        return newest_run(results) or shipped_agents()[0]
    found, _ = _runs(results)
    trained = {agent.slug: agent for agent in (*found, *shipped_agents())}
    # Not `list_agents`, which has to look how large every game is; a refusal must come at once.
    fixed = {
        _fixed_slug(name, game): (name, game)
        for game in _games(found)
        for name in FIXED_PLAYERS
        if knows_game(name, game)
    }
    if choice in fixed:
        return _fixed(*fixed[choice])
    if choice in trained:
        return trained[choice]
    path = Path(choice)
    if not path.exists():
        known = [
            slug
            for slug, (name, game) in fixed.items()
            if name != PERFECT or game.num_squares <= MAX_ENUMERATED_SQUARES
        ]
        raise InputError(
            f"{choice}: neither an agent nor a run, checkpoint or bundle"
            + did_you_mean(choice, [*known, *trained])
        )
    place = _place(path, results)
    return (trained.get(_slug(*place)) if place else None) or agent_at(path)


def choose_move(agent: Agent, board: Boards, rng: np.random.Generator) -> int:
    """Return the agent's move: trained ones play their best, fixed ones draw theirs.

    Args:
        agent: The agent to move.
        board: A batch of one, the game not over.
        rng: The source of all randomness.
    """
    if agent.is_trained:
        return int(greedy_actions(agent.policy, board)[0])
    return int(sampled_actions(agent.policy, board, rng)[0])


def _games(agents: Iterable[Agent]) -> Iterable[Game]:
    """Return the named games and those of some agents, each once."""
    return dict.fromkeys((*GAMES.values(), *(agent.game for agent in agents)))


def _fixed_slug(name: str, game: Game) -> str:
    return name if game == TIC_TAC_TOE else f"{name}.{game.name}"


def _fixed(name: str, game: Game) -> Agent:
    """Return a fixed player.

    Raises:
        InputError: If no perfect player of this game is known.
    """
    player = fixed_player(name, game)
    return Agent(_fixed_slug(name, game), NAMES[name], player, is_trained=False, verdict=None)


def _runs(results: Path) -> tuple[list[Agent], list[Skipped]]:
    """Load every run's agent, the one saved last first."""
    saved: list[tuple[str, Agent]] = []
    skipped = []
    for run in run_folders(results):
        experiment, name = run.parent.name, run.name
        try:
            slug, bundle = _slug(experiment, name), find_bundle(run)
            agent = _trained(slug, f"{experiment}/{name}", run, bundle)
            saved.append((str(bundle.provenance.get(SAVED_AT, "")), agent))
        except (BundleError, InputError, OSError) as error:
            skipped.append(Skipped(f"{experiment}/{name}", str(error)))
    saved.sort(key=lambda one: one[0], reverse=True)
    return [agent for _, agent in saved], skipped


def _slug(experiment: str, run: str) -> str:
    if not NAME.fullmatch(experiment) or not NAME.fullmatch(run):
        raise InputError(
            f"{experiment}/{run}: names of runs have letters, digits, '.', '_' and '-' only"
        )
    return f"{experiment}{RUN_SEPARATOR}{run}"


def _place(path: Path, results: Path) -> tuple[str, str] | None:
    """Return experiment and run if the path is a run in the results folder; else None."""
    # `Path.resolve` raises where links form a loop.
    resolved = Path(os.path.realpath(path))
    if resolved.parent.parent != Path(os.path.realpath(results)):
        return None
    return resolved.parent.name, resolved.name


def _trained(slug: str, name: str, folder: Path, bundle: Bundle) -> Agent:
    return Agent(
        slug,
        name,
        bundle.policy,
        is_trained=True,
        verdict=claim_about(folder, bundle),
        sha256=bundle.agent_sha256,
    )
