"""YAML as people write settings: no dates, no tags, and numbers that are what they look like.

Whatever a text holds, it gives plain data of bounded size or one `InputError`.
"""

from __future__ import annotations

import math
import re
from typing import Any

import yaml
from yaml.events import AliasEvent

from ttt_rllib.errors import InputError

__all__ = ["MAX_CHARACTERS", "dump_yaml", "parse_yaml"]

MAX_CHARACTERS = 1_000_000
MAX_DEPTH = 40
"""Mappings and lists inside each other; settings need five."""
MAX_NODES = 100_000
"""Keys and values once all aliases are written out."""
MAX_DIGITS = 100

INT, FLOAT, BOOL = (f"tag:yaml.org,2002:{name}" for name in ("int", "float", "bool"))
TIMESTAMP = "tag:yaml.org,2002:timestamp"
PREFIXES = ("0x", "0o", "0b")
NUMBER_STARTS = list("-+.0123456789")


def parse_yaml(text: str, source: str) -> Any:
    """Return the data of a YAML text: mappings, lists, strings, numbers, true, false and null.

    Numbers are those of YAML 1.2, with `_` between digits: 012 is twelve, and a number with an
    exponent is an integer if its value is one, so that 1e6 may be a number of moves. `on`,
    `off`, `yes` and `no` are words.

    Args:
        text: The text.
        source: What it is, for the message.

    Raises:
        InputError: If it is no YAML, has dates, tags or a key twice, or grows too large.
    """
    if len(text) > MAX_CHARACTERS:
        raise InputError(
            f"{source}: is longer than {MAX_CHARACTERS:,} characters; an experiment is a page"
        )
    try:
        return yaml.load(text, Loader=_Loader)  # noqa: S506 - _Loader is a SafeLoader
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f"{source}:{mark.line + 1}:{mark.column + 1}" if mark else source
        raise InputError(f"{where}: not YAML: {error.problem}") from None
    except yaml.YAMLError as error:
        raise InputError(f"{source}: not YAML: {' '.join(str(error).split())}") from None
    except (ValueError, TypeError, RecursionError, OverflowError) as error:
        # PyYAML's own conversions, for example of a merge key without a mapping.
        raise InputError(f"{source}: not YAML: {type(error).__name__}: {error}") from None


def dump_yaml(data: Any, *, compact: bool = False) -> str:
    """Return the text of plain data, which `parse_yaml` and any other YAML reader read alike.

    Args:
        data: Mappings, lists, strings, numbers, booleans and None.
        compact: Whether mappings and lists of plain values take one line, as in `{moves: 1}`.
    """
    style = None if compact else False
    return str(yaml.dump(data, Dumper=_Dumper, sort_keys=False, default_flow_style=style))


class _Dumper(yaml.SafeDumper):
    """Quotes each string that any version of YAML would read as something else."""


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader with these rules."""

    # Without those of YAML 1.1 for numbers, switches and dates.
    yaml_implicit_resolvers = {  # noqa: RUF012 - PyYAML's own
        first: [(tag, pattern) for tag, pattern in rules if tag not in (INT, FLOAT, BOOL)]
        for first, rules in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._open: list[Any] = []
        self._sizes: dict[int, tuple[int, int]] = {}
        self._nodes = self._characters = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        """Compose a node, unless the document grows too large by it."""
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]  # PyYAML's
        if isinstance(event, AliasEvent):
            return self._alias(event)
        if getattr(event, "tag", None) is not None:
            raise _problem(event, f"the tag {event.tag}: leave it out")
        if len(self._open) >= MAX_DEPTH:
            raise _problem(event, f"nested more than {MAX_DEPTH} deep")
        nodes, characters = self._nodes, self._characters
        self._count(event, 1, len(getattr(event, "value", "")))
        self._open.append(event.anchor)
        node = super().compose_node(parent, index)
        self._open.pop()
        self._sizes[id(node)] = self._nodes - nodes, self._characters - characters
        return node

    def _alias(self, event: Any) -> Any:
        if event.anchor in self._open:
            raise _problem(event, f"*{event.anchor} holds itself")
        node = super().compose_node(None, 0)
        self._count(event, *self._sizes[id(node)])
        return node

    def _count(self, event: Any, nodes: int, characters: int) -> None:
        self._nodes += nodes
        self._characters += characters
        for count, most, what in (
            (self._nodes, MAX_NODES, "values"),
            (self._characters, MAX_CHARACTERS, "characters"),
        ):
            if count > most:
                raise _problem(event, f"more than {most:,} {what}, aliases written out")

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Return a mapping, whose keys must differ."""
        seen = set()
        for key_node, _ in node.value:
            key = str(key_node.value)
            if key in seen:
                raise _problem(key_node, f"key {key!r} twice")
            seen.add(key)
        return super().construct_mapping(node, deep)

    def construct_integer(self, node: yaml.ScalarNode) -> int:
        """Return an integer, with or without 0x, 0o or 0b; leading zeros do not count."""
        text = _number_text(node)
        # With base 0, Python refuses leading zeros.
        return int(text, 0 if text.lstrip("+-")[:2] in PREFIXES else 10)

    def construct_number(self, node: yaml.ScalarNode) -> float | int:
        """Return a number with a point or an exponent."""
        text = _number_text(node)
        value = float(text.replace(".inf", "inf").replace(".nan", "nan"))
        if math.isinf(value) and "inf" not in text:
            raise _problem(node, f"{node.value} is too large for a number")
        if value == 0.0 and text.partition("e")[0].strip("+-.0"):
            raise _problem(node, f"{node.value} is too small for a number")
        return int(value) if "e" in text and value.is_integer() else value

    def construct_switch(self, node: yaml.ScalarNode) -> bool:
        """Return true or false."""
        return str(node.value).lower() == "true"

    def refuse_date(self, node: yaml.ScalarNode) -> None:
        """Refuse a date, which no setting has."""
        raise _problem(node, f"{node.value} is a date; put it in quotes")


def _number_text(node: yaml.ScalarNode) -> str:
    text = str(node.value).replace("_", "").lower()
    if len(text) > MAX_DIGITS:
        raise _problem(node, f"a number of {len(text):,} digits")
    return text


def _problem(place: Any, problem: str) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=problem, problem_mark=place.start_mark)


for tag, pattern, starts, construct in (
    (BOOL, r"true|True|TRUE|false|False|FALSE", list("tTfF"), _Loader.construct_switch),
    (
        INT,
        r"[-+]?(?:[0-9][0-9_]*|0x[0-9a-fA-F]+|0o[0-7]+|0b[01]+)",
        NUMBER_STARTS,
        _Loader.construct_integer,
    ),
    (
        FLOAT,
        r"[-+]?(?:[0-9][0-9_]*(?:\.[0-9_]*)?|\.[0-9][0-9_]*)(?:[eE][-+]?[0-9]+)?"
        r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)",
        NUMBER_STARTS,
        _Loader.construct_number,
    ),
):
    for class_ in (_Loader, _Dumper):
        class_.add_implicit_resolver(tag, re.compile(rf"(?:{pattern})\Z"), starts)
    _Loader.add_constructor(tag, construct)
_Loader.add_constructor(TIMESTAMP, _Loader.refuse_date)
