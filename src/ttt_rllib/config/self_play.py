"""Opponents that the learner plays beside itself."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, PositiveInt, model_validator

from ttt_rllib.config.section import Section, Share

__all__ = ["SelfPlay"]


class SelfPlay(Section):
    """A league: frozen earlier selves and other players as opponents (ML-Agents' words)."""

    matchmaking: Literal["none", "latest_or_window", "uniform", "pfsp"] = "none"
    """The learner's opponents beside itself: none, its newest snapshots, all snapshots, or those
    that it needs most (AlphaStar's prioritised fictitious self-play); members always take part."""
    play_against_latest_model_ratio: Share = 0.5
    """Share of the boards on which the learner plays both seats itself."""
    window: PositiveInt = 10
    """Snapshots that are drawn from, the newest ones, with latest_or_window."""
    save_steps: PositiveInt = 20_000
    """Moves between snapshots."""
    swap_steps: PositiveInt = 10_000
    """Moves between changes of the opponents."""
    pfsp_weighting: Literal["hard", "variance"] = "hard"
    """Which opponents pfsp prefers: those that beat the learner, or its equals."""
    promotion: Literal["score", "exploitability", "always"] = "score"
    """What a snapshot that is due needs: a mean score of promotion_score or more against the
    snapshots that may be drawn, an exact NashConv no greater than their mean, or nothing."""
    promotion_score: Annotated[float, Field(ge=-1.0, le=1.0)] = 0.0
    """Least mean score, in [-1, 1]; a draw counts 0, so equals are promoted."""
    members: tuple[str, ...] = ()
    """Opponents from the start: random, one_ply, alpha_beta, perfect, paths of runs, checkpoints
    and bundles, or your own agents, module:agent, as for ttt prove."""

    @property
    def is_on(self) -> bool:
        """Whether there is a league."""
        return self.matchmaking != "none"

    @model_validator(mode="after")
    def _check(self) -> SelfPlay:
        changed = [name for name, value in self if value != _default(name)]
        if changed and not self.is_on:
            raise ValueError(
                f"{changed[0]} is set, but matchmaking is none, so there is no opponent; set "
                "matchmaking to latest_or_window, uniform or pfsp"
            )
        for name, owner, value in (
            ("window", "matchmaking", "latest_or_window"),
            ("pfsp_weighting", "matchmaking", "pfsp"),
            ("promotion_score", "promotion", "score"),
        ):
            if name in changed and getattr(self, owner) != value:
                raise ValueError(
                    f"{name} is {getattr(self, name)}, but {owner} is {getattr(self, owner)}, "
                    f"which does not use it; leave {name} out, or set {owner} to {value}"
                )
        return self


def _default(name: str) -> object:
    return SelfPlay.model_fields[name].default
