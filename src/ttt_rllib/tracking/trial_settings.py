"""What differs between the trials of a search, in few characters.

A setting gets the shortest name that no other one has, and a list shows only the entries that
differ, so that a schedule `[[0, 2e-3], [200_000, 2e-4]]` among others is `0.002`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ttt_rllib.config.search import Distribution, Search

__all__ = ["TrialSettings"]

DIGITS = 4
SEED = "seed"

Config = Mapping[str, Any]


class TrialSettings:
    """Names and values of the searched settings, shortened.

    Args:
        search: The search; with several trials of a configuration, their seeds differ as well.
    """

    def __init__(self, search: Search) -> None:
        keys = [*search.space, *([SEED] if search.num_seeds > 1 else [])]
        self._names = _short_names(keys)
        self._places = {key: _differing_places(one) for key, one in search.space.items()}

    def names(self, configs: Sequence[Config]) -> dict[str, str]:
        """Return the short names of the settings that differ, by their keys.

        Args:
            configs: The settings of all trials so far, by dotted keys. One trial differs from
                those to come in any of them.
        """
        return {
            key: name
            for key, name in self._names.items()
            if len(configs) == 1 or any(one[key] != configs[0][key] for one in configs)
        }

    def value(self, key: str, config: Config) -> str:
        """Return a value, of a list only the entries that differ between trials."""
        places = self._places.get(key)
        if places is None:
            return _text(config[key])
        entries = list(_entries(config[key]))
        return ",".join(_text(entries[place]) for place in places)

    def words(self, config: Config) -> str:
        """Return all searched settings as `name=value`, for a line of text."""
        return " ".join(f"{name}={self.value(key, config)}" for key, name in self._names.items())


def _short_names(keys: Sequence[str]) -> dict[str, str]:
    """Return the fewest last words of each dotted key that no other one ends with."""
    return {key: next(end for end in _ends(key) if _is_unique(end, keys)) for key in keys}


def _ends(key: str) -> Iterator[str]:
    words = key.split(".")
    for start in reversed(range(len(words))):
        yield ".".join(words[start:])


def _is_unique(end: str, keys: Sequence[str]) -> bool:
    return end in keys or sum(f".{key}".endswith(f".{end}") for key in keys) == 1


def _differing_places(one: Distribution) -> list[int] | None:
    """Return which entries differ, of lists in the same form; None = show the whole value."""
    if one.kind not in {"choice", "grid"} or len({_form(value) for value in one.values}) != 1:
        return None
    rows = [list(_entries(value)) for value in one.values]
    return [
        place
        for place, column in enumerate(zip(*rows, strict=True))
        if len(set(map(repr, column))) > 1
    ] or None


def _form(value: Any) -> str:
    """Return a value without its entries."""
    return f"[{','.join(map(_form, value))}]" if isinstance(value, (list, tuple)) else ""


def _entries(value: Any) -> Iterator[Any]:
    if isinstance(value, (list, tuple)):
        for one in value:
            yield from _entries(one)
    else:
        yield value


def _text(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return f"[{','.join(map(_text, value))}]"
    return f"{value:.{DIGITS}g}" if isinstance(value, float) else str(value)
