"""What an agent can be required to be, and how it falls short of that."""

from __future__ import annotations

from enum import StrEnum

from ttt_rllib.exact.certificate import Certificate
from ttt_rllib.exact.solved_game import NOT_EXACT

__all__ = ["Requirement", "shortfall"]


class Requirement(StrEnum):
    """What an agent can be required to be."""

    unexploitable = "unexploitable"
    perfect = "perfect"


def shortfall(certificate: Certificate | None, required: Requirement) -> str | None:
    """Return how an agent falls short of a requirement, as a clause; None if it does not.

    Args:
        certificate: What is proved about it; None if nothing is.
        required: What it has to be.
    """
    is_proved = getattr(certificate, required, None)
    if is_proved is None:
        return f"cannot be proved {required}: {NOT_EXACT}"
    return None if is_proved else f"not {required}"
