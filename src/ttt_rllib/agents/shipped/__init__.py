"""The trained agents of tic-tac-toe that come with the package, a folder of files for each.

Each folder is what `ttt export` writes: a bundle, and the certificate that is about it.
"""

from __future__ import annotations

from pathlib import Path

__all__ = ["SHIPPED", "shipped_bundle"]

SHIPPED = {
    "fully_trained": "fully trained player",
    "half_trained": "half-trained player",
}
"""The folders, and the agents' names for people.

Nobody can beat the first one; training was stopped early for the second one.
"""


def shipped_bundle(name: str) -> Path:
    """Return the folder of an agent, which is a key of `SHIPPED`."""
    return Path(__file__).parent / name
