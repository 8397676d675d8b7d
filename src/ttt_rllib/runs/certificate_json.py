"""`certificate.json`: what is proved about an agent, and for which weights.

It needs neither ray nor torch.
"""

from __future__ import annotations

import platform
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

import ttt_rllib
from ttt_envs.game import Game
from ttt_rllib.agents.bundle import Bundle
from ttt_rllib.errors import InputError
from ttt_rllib.exact.certificate import Certificate
from ttt_rllib.exact.evaluation import ExactReport
from ttt_rllib.runs.files import read_json, validated, write_json

__all__ = [
    "CERTIFICATE_FILE",
    "AgentCertificate",
    "Claim",
    "certificate_of",
    "read_certificate",
    "same_certificate",
    "write_certificate",
]

CERTIFICATE_FILE = "certificate.json"

Claim = Literal["perfect", "unexploitable", "exploitable"]


@dataclass(frozen=True)
class AgentCertificate(Certificate):
    """A certificate that names the agent it is about; its fields are the keys of the file.

    Attributes:
        game: The rules.
        weights_sha256: Hash of the agent's weights.
        agent_sha256: Hash of everything that decides the agent's moves; None in certificates
            that were written before there was one.
        versions: Versions of the packages that made it, by name; they are not part of the claim.
    """

    game: Game
    weights_sha256: str
    agent_sha256: str | None
    versions: dict[str, str]

    @property
    def claim(self) -> Claim:
        """The strongest claim that is proved."""
        if self.perfect:
            return "perfect"
        return "unexploitable" if self.unexploitable else "exploitable"

    def is_about(self, bundle: Bundle) -> bool:
        """Tell whether it is about this agent; an earlier one, without its hash, is about none."""
        return self.agent_sha256 == bundle.agent_sha256

    def as_json(self) -> dict[str, Any]:
        """Return the content of the file."""
        return asdict(self)


def certificate_of(bundle: Bundle, report: ExactReport) -> AgentCertificate:
    """Return the certificate of an agent.

    Args:
        bundle: The agent.
        report: Its exact evaluation.
    """
    return AgentCertificate(
        **vars(report.certificate),
        game=bundle.policy.game,
        weights_sha256=bundle.weights_sha256,
        agent_sha256=bundle.agent_sha256,
        versions={
            "ttt_rllib": ttt_rllib.__version__,
            "numpy": np.__version__,
            "python": platform.python_version(),
        },
    )


def write_certificate(path: Path, certificate: AgentCertificate) -> None:
    """Write `certificate.json`."""
    write_json(path, certificate.as_json())


def read_certificate(path: Path) -> AgentCertificate | None:
    """Read `certificate.json`; None if it is not there.

    Raises:
        InputError: If it is damaged, or claims something that cannot be checked.
    """
    if not path.is_file():
        return None
    content = read_json(path)
    unknown = sorted(content.keys() - {field.name for field in fields(AgentCertificate)})
    if unknown:
        raise InputError(f"{path}: {unknown[0]}: no key of a certificate; remove it")
    return validated(path, {"agent_sha256": None, **content}, AgentCertificate)


def same_certificate(ours: AgentCertificate, theirs: AgentCertificate) -> bool:
    """Tell whether two certificates say the same about the same agent; versions may differ.

    Args:
        ours: One that was just made.
        theirs: One from a file; without `agent_sha256` it is compared in all that it has.
    """
    if theirs.agent_sha256 is None:
        theirs = replace(theirs, agent_sha256=ours.agent_sha256)
    return replace(ours, versions={}) == replace(theirs, versions={})
