"""`certificate.json`: what is proved about an agent, and for which weights.

It needs neither ray nor torch.
"""

from __future__ import annotations

import platform
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field

import ttt_rllib
from ttt_envs.game import Game
from ttt_rllib.agents.bundle import Bundle
from ttt_rllib.errors import InputError
from ttt_rllib.exact.certificate import Certificate
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

Claim = Literal["perfect", "unexploitable", "exploitable", "undecided"]

FORMAT_VERSION = 2
EARLIER_DEFAULTS: dict[str, Any] = {
    "format_version": 1,
    "agent_sha256": None,
    "guaranteed_as_x": None,
    "guaranteed_as_o": None,
    "incomplete_as_x": "",
    "incomplete_as_o": "",
    "moves_sha256_as_x": None,
    "moves_sha256_as_o": None,
    "replies": None,
    "losing_replies": None,
}
"""What certificates of version 1 may lack; they are compared in what they have."""


@dataclass(frozen=True)
class AgentCertificate(Certificate):
    """A certificate that names the agent it is about; its fields are the keys of the file.

    Attributes:
        game: The rules; of a game of one's own, where it comes from and its digest.
        weights_sha256: Hash of the agent's weights.
        agent_sha256: Hash of everything that decides the agent's moves; None in certificates
            that were written before there was one.
        versions: Versions of the packages that made it, by name; they are not part of the claim.
        format_version: Of the file.
    """

    # From left to right, since a `Game` would be read with its defaults for what is missing.
    game: Annotated[dict[str, str] | Game, Field(union_mode="left_to_right")]
    weights_sha256: str
    agent_sha256: str | None
    versions: dict[str, str]
    format_version: int = FORMAT_VERSION

    @property
    def claim(self) -> Claim:
        """The strongest claim that is proved."""
        if self.perfect:
            return "perfect"
        if self.unexploitable is None:
            return "undecided"
        return "unexploitable" if self.unexploitable else "exploitable"

    def is_about(self, bundle: Bundle) -> bool:
        """Tell whether it is about this agent; an earlier one, without its hash, is about none."""
        return self.agent_sha256 == bundle.agent_sha256

    def as_json(self) -> dict[str, Any]:
        """Return the content of the file."""
        return asdict(self)


def certificate_of(bundle: Bundle, certificate: Certificate) -> AgentCertificate:
    """Return a certificate with the name of the agent that it is about.

    Args:
        bundle: The agent.
        certificate: What is proved about it.
    """
    game = bundle.policy.game
    return AgentCertificate(
        **vars(certificate),
        game=game if game.table is None else game.as_json(),
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
    if "format_version" not in content:
        content = {**EARLIER_DEFAULTS, **content}
    certificate = validated(path, content, AgentCertificate)
    if certificate.format_version not in (1, FORMAT_VERSION):
        raise InputError(
            f"{path}: format_version is {certificate.format_version}; this version of ttt_rllib "
            f"reads {FORMAT_VERSION} and earlier ones"
        )
    return certificate


def same_certificate(ours: AgentCertificate, theirs: AgentCertificate) -> bool:
    """Tell whether two certificates say the same about the same agent; versions may differ.

    Args:
        ours: One that was just made.
        theirs: One from a file; one of version 1 is compared in all that it has.
    """
    if theirs.format_version == 1:
        missing = [
            name for name, default in EARLIER_DEFAULTS.items() if getattr(theirs, name) == default
        ]
        theirs = replace(theirs, **{name: getattr(ours, name) for name in missing})
    return replace(ours, versions={}) == replace(theirs, versions={})
