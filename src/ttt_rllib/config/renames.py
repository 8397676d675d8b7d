"""Settings and metrics of earlier versions under the names they have now.

An old name is refused with its new one. Nothing is translated: an experiment then reads the
same in every file, and no code has to know two names.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from ttt_rllib.metrics import RENAMED_METRICS

__all__ = ["RENAMED_SETTINGS", "VERSION_BEFORE_RENAMES", "Renamed", "find_renamed"]

VERSION_BEFORE_RENAMES = "0.1.0"
"""The last version that knows the old names."""

RENAMED_SETTINGS = {
    "evaluation.exact_interval": "evaluation.evaluation_interval",
    "model.hiddens": "model.hidden_sizes",
    "search.seeds": "search.num_seeds",
    "stop.unexploitable_evals": "stop.consecutive_unexploitable_evals",
}
"""The new key of every setting that was renamed, by its old key."""

SETTINGS_THAT_NAME_METRICS = ("search.objective", "checkpoint.checkpoint_score_attribute")

SEARCH = "search"


class Renamed(NamedTuple):
    """An old name in an experiment.

    Attributes:
        key: The setting where it stands.
        old: The old name: that of the setting itself, or of the metric that is its value.
        new: What it is called now.
    """

    key: str
    old: str
    new: str

    @property
    def complaint(self) -> str:
        """What is wrong, and what to write."""
        subject = "" if self.old == self.key else f"{self.old} "
        return f"{self.key}: {subject}was renamed; write {self.new}"


def find_renamed(data: Mapping[str, Any]) -> Renamed | None:
    """Return the first old name in an experiment as it was read, None if there is none."""
    return next(_renamed(data), None)


def _renamed(data: Mapping[str, Any]) -> Iterator[Renamed]:
    searched = data.get(SEARCH)
    for old, new in RENAMED_SETTINGS.items():
        if _has(data, old):
            yield Renamed(old, old, new)
        # A searched setting is a single key with dots in it.
        if isinstance(searched, Mapping) and old in searched:
            yield Renamed(f"{SEARCH}.{old}", f"{SEARCH}.{old}", f"{SEARCH}.{new}")
    for key in SETTINGS_THAT_NAME_METRICS:
        section, name = key.split(".")
        metric = data[section][name] if _has(data, key) else None
        if isinstance(metric, str) and metric in RENAMED_METRICS:
            yield Renamed(key, metric, RENAMED_METRICS[metric])


def _has(data: Mapping[str, Any], key: str) -> bool:
    section, name = key.split(".")
    inner = data.get(section)
    return isinstance(inner, Mapping) and name in inner
