"""The web app as a Ray Serve deployment; the only file of `play` that needs ray.

    pip install 'ray[serve]'
    serve run ttt_rllib.play.serve_app:app num_replicas=2 results=/shared/results

All replicas give the same answers, because no request depends on another one. A results folder
must be readable on every node; without one, the fixed players and the package's agents are offered.
"""

# No `from __future__ import annotations`: Ray reads the annotation of `app` itself.
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from ray import serve

__all__ = ["Arguments", "app"]


class Arguments(BaseModel):
    """The arguments that `serve run ttt_rllib.play.serve_app:app` takes as `name=value`."""

    model_config = ConfigDict(extra="forbid")

    num_replicas: int = Field(1, ge=1, description="Processes that answer.")
    num_cpus: float = Field(0.5, ge=0, description="Logical CPUs of each of them.")
    agent: str | None = Field(None, description="The agent offered first; none: the newest run.")
    results: Path = Field(Path("results"), description="Folder of all results, on every node.")


def app(arguments: Arguments) -> serve.Application:
    """Build the application.

    Args:
        arguments: Replicas, agent and results.
    """

    def build() -> Any:
        # Imported in the replica, because agents are read where they play.
        from ttt_rllib.play.web.app import listed_app

        return listed_app(arguments.agent, arguments.results)

    @serve.deployment(
        name="ttt_rllib",
        num_replicas=arguments.num_replicas,
        ray_actor_options={"num_cpus": arguments.num_cpus},
    )
    @serve.ingress(build)
    class Web:
        """All requests go to the web app."""

    return Web.bind()  # type: ignore[attr-defined]  # the decorator makes it a deployment
