"""Ways in which a file, a value or a path can be wrong, drawn from a generator.

They know no command: each takes a `random.Random`, so that a seed repeats all of them.
"""

from __future__ import annotations

import csv
import io
import json
import math
import os
import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

__all__ = [
    "ODD_VALUES",
    "changed_bytes",
    "changed_csv",
    "changed_json",
    "changed_text",
    "odd_path",
    "places",
    "replaced_file",
]

HUGE = 10**400
ODD_VALUES: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 3.0, 0.5, -0.0, 1e308, 2**31, 2**63, 2**64, HUGE, math.nan,
    math.inf, "", "0", "1", "true", "null", "NaN", "x", "\x00", "\ud800", "\u202e\x1b[31m", "a\nb",
    "../../x", "/", "~", "x" * 5000, [], [[]], [1, 2], [[0, 1.0], [10, 0.5]], {}, {"a": 1},
    {"": None}, [None] * 1000, {"min": 0, "max": 1},
)  # fmt: skip
"""Values of the wrong type, out of range, not finite, too long, or not text that can be shown."""

ODD_TEXTS = (
    b"", b"\x00", b"\n", b"\xff\xfe", b"\xef\xbb\xbf", b"[" * 100_000, b'{"a":' * 5000, b"null",
    b"[]", b"{}", b"NaN", b"1" * 5000, b"'", b'"', b"\r", b"&a [*a]", b"a: *b", b"!!python/name:os",
    b"%YAML 9.9\n---\n", b"---\n---\n", b"? [a, b]\n: c\n", b"<<: 1\n", b"- 1\n", b"\t",
    b"2026-01-01", b"a" * 200_000, b"\x1b[2J", b"PK\x03\x04", b"\x93NUMPY\x01\x00",
)  # fmt: skip

ODD_CELLS = (
    "", "x", "nan", "inf", "-1", "1e999", "1" * 5000, "\x00", '"', "3.5", "true", "9" * 400,
    "a,b", "x" * 200_000,
)  # fmt: skip


def changed_bytes(rng: random.Random, content: bytes) -> bytes:
    """Return a content that was cut, overwritten, filled up or replaced."""
    at = rng.randrange(len(content) + 1)
    odd = rng.choice(ODD_TEXTS)
    kind = rng.randrange(6)
    if kind == 0:
        return content[:at]
    if kind == 1:
        return rng.randbytes(rng.randrange(300))
    if kind == 2:
        return odd
    if kind == 3:
        return content[:at] + odd + content[at:]
    if kind == 4:
        return content[:at] + odd + content[at + len(odd) :]
    end = min(len(content), at + rng.randrange(1, 40))
    return content[:at] + content[end:]


def changed_text(rng: random.Random, text: str) -> bytes:
    """Return a text of which a line was lost, doubled, indented or moved, or a word replaced."""
    lines = text.splitlines(keepends=True) or [""]
    at, other = rng.randrange(len(lines)), rng.randrange(len(lines))
    kind = rng.randrange(6)
    if kind == 0:
        del lines[at]
    elif kind == 1:
        lines.insert(other, lines[at])
    elif kind == 2:
        lines[at] = " " * rng.randrange(1, 4) + lines[at]
    elif kind == 3:
        lines[at], lines[other] = lines[other], lines[at]
    elif kind == 4:
        key, colon, _ = lines[at].partition(":")
        lines[at] = f"{key}{colon} {_shown(rng.choice(ODD_VALUES))}\n"
    else:
        words = text.split(" ")
        words[rng.randrange(len(words))] = _shown(rng.choice(ODD_VALUES))
        return " ".join(words).encode("utf-8", "surrogatepass")
    return "".join(lines).encode("utf-8", "surrogatepass")


def places(data: Any) -> Iterator[tuple[Any, Any]]:
    """Yield every container in some data with each of its keys or indices."""
    keys = (
        list(data) if isinstance(data, dict) else range(len(data)) if isinstance(data, list) else []
    )
    for key in keys:
        yield data, key
        yield from places(data[key])


def changed_json(rng: random.Random, text: str) -> bytes:
    """Return JSON of which a value was replaced, or a key removed, renamed or added."""
    data = json.loads(text)
    container, key = rng.choice(list(places(data)) or [({}, "a")])
    kind = rng.randrange(5)
    if kind == 0:
        del container[key]
    elif kind == 1 and isinstance(container, dict):
        container[f"{key}_"] = container.pop(key)
    elif kind == 2 and isinstance(container, dict):
        container[rng.choice(("", "x", "\ud800", "__class__", "game"))] = rng.choice(ODD_VALUES)
    elif kind == 3:
        container[key] = _other_type(container[key])
    else:
        container[key] = rng.choice(ODD_VALUES)
    return json.dumps(data).encode()


def changed_csv(rng: random.Random, text: str) -> bytes:
    """Return a table with an odd cell, a column or a row less or more, or without its header."""
    rows = list(csv.reader(io.StringIO(text))) or [[""]]
    row = rng.randrange(len(rows))
    column = rng.randrange(len(rows[0]))
    kind = rng.randrange(6)
    if kind == 0:
        rows[row][column] = rng.choice(ODD_CELLS)
    elif kind == 1:
        rows = [cells[:column] + cells[column + 1 :] for cells in rows]
    elif kind == 2:
        rows[row] = rows[row][:column]
    elif kind == 3:
        rows[row] += ["1"] * rng.randrange(1, 5)
    elif kind == 4:
        del rows[0]
    else:
        rows[row] = [rng.choice(ODD_CELLS) for _ in rows[row]]
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(rows)
    return out.getvalue().encode()


def replaced_file(rng: random.Random, path: Path) -> str:
    """Put something else than a file in its place; return what."""
    kinds: dict[str, Callable[[], object]] = {
        "nothing": lambda: None,
        "a folder": path.mkdir,
        "a full folder": lambda: (path / "inner").mkdir(parents=True),
        "a loop of links": lambda: path.symlink_to(path.name),
        "a link to nothing": lambda: path.symlink_to("nowhere"),
        "a link to itself's folder": lambda: path.symlink_to(".", target_is_directory=True),
        "no end": lambda: path.symlink_to("/dev/zero"),
        "a null device": lambda: path.symlink_to("/dev/null"),
        "no rights": lambda: path.touch(mode=0),
    }
    what = rng.choice(list(kinds))
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()
    kinds[what]()
    return what


def odd_path(rng: random.Random, folder: Path) -> str:
    """Return a path that is no run, no experiment and no bundle, and make what it needs."""
    plain = folder / "plain.txt"
    plain.write_text("plain\n", encoding="utf-8")
    (folder / "empty").mkdir(exist_ok=True)
    if not (folder / "loop").is_symlink():
        (folder / "loop").symlink_to("loop")
    (folder / "closed").mkdir(mode=0, exist_ok=True)
    odd_name = os.fsdecode(b"n\xff\xfe")
    (folder / odd_name).mkdir(exist_ok=True)
    (folder / "a\nb\x1b[31m").mkdir(exist_ok=True)
    return rng.choice(
        (
            f"{folder}/missing", f"{folder}/{'n' * 256}", "/".join(["d" * 200] * 40), str(plain),
            f"{plain}/x", f"{folder}/empty", f"{folder}/loop", f"{folder}/loop/x",
            f"{folder}/closed", f"{folder}/closed/x", f"{folder}/closed/x/y.yaml",
            f"{folder}/{odd_name}", f"{folder}/{odd_name}/x", f"{folder}/a\nb\x1b[31m",
            f"{folder}/a\nb\x1b[31m/x.yaml", "", ".", "..", "/", "//", "x//y", "~", "~nobody/x",
            "*", "**", "[", "?", "-", "--x", "-1", "/dev/null", "/dev/zero", "/dev/full",
            "/dev/null/x", "/proc/self/mem", "/proc/self/environ", "s3://bucket/run", "http://x/",
            "\u202ex", "\xe9" * 130, "a b", "${HOME}", "con:", "x\ty", "x\rerror: y",
        )
    )  # fmt: skip


def _other_type(value: Any) -> Any:
    """Return a value that equals this one for Python or for people, but has another type."""
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, int):
        return float(value) if abs(value) < 2**53 else str(value)
    if isinstance(value, float):
        return str(value)
    if isinstance(value, str):
        return [value]
    return {"value": value} if value is not None else False


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
