"""The Ray cluster that a run starts for itself."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, PositiveInt

from ttt_rllib.config.section import Section

__all__ = ["Ray"]


class Ray(Section):
    """The Ray cluster that a run starts for itself (`ray.init`), unless it joins one."""

    include_dashboard: bool = False
    """Start the dashboard: Ray's web page on processes, logs and memory."""
    dashboard_host: Annotated[str, Field(min_length=1)] = "127.0.0.1"
    """Address it listens at; the default can be reached from this machine only."""
    dashboard_port: Annotated[PositiveInt, Field(lt=2**16)] = 8265
    """Port it listens at."""
