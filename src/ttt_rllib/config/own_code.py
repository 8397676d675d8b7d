"""A user's own classes by dotted path, `my_module:Net`: finding, importing and copying them.

A module is looked for where Python looks: in the working directory and among what is installed;
and then beside the experiment file. A run keeps a copy of a module that is not installed, so that
its trials, on other nodes too, and those that resume it run the code that it began with.
This module must not know ray or torch.
"""

from __future__ import annotations

import hashlib
import importlib
import re
import shutil
import sys
import sysconfig
from collections.abc import Iterable
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ttt_rllib.errors import InputError, did_you_mean, error_words

__all__ = [
    "DOTTED_PATH",
    "copy_modules",
    "import_own",
    "make_findable",
    "source_of",
    "source_sha256",
]

DOTTED_PATH = r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*"
"""Pattern of a module's name and, after a colon, that of something in it."""


def make_findable(folder: Path, *, first: bool = False) -> None:
    """Let modules in a folder be imported, by this process.

    Args:
        folder: The folder.
        first: Whether its modules win over others of their name. A run's copies do; modules
            beside an experiment must not hide what is installed.
    """
    place = str(folder)
    if place in sys.path and not first:
        return
    if first:
        sys.path[:] = [place, *(other for other in sys.path if other != place)]
    else:
        sys.path.append(place)
    importlib.invalidate_caches()


def import_own(setting: str, path: str) -> Any:
    """Import what a setting names.

    Args:
        setting: The setting's key, for messages.
        path: `module:name`.

    Raises:
        InputError: If it is no such path, or there is no such module or name, or if the module
            raises.
    """
    module_name, name = _parts(setting, path)
    if _spec(setting, module_name) is None:
        raise InputError(
            f"{setting}: there is no module {module_name!r}, neither in the working directory nor "
            "installed nor beside the experiment file; mind the spelling"
        )
    try:
        module = importlib.import_module(module_name)
    except Exception as error:
        # A user's module may raise anything.
        raise InputError(
            f"{setting}: {module_name} cannot be imported: {error_words(error)}"
        ) from error
    if not hasattr(module, name):
        known = [one for one in vars(module) if not one.startswith("_")]
        raise InputError(
            f"{setting}: {module_name} has no {name}{did_you_mean(name, known).partition('; k')[0]}"
        )
    return getattr(module, name)


def source_of(setting: str, path: str) -> Path | None:
    """Return the file of the module that a setting names, without importing it; None = none found.

    The packages that a module is in are imported.

    Raises:
        InputError: If `path` is no dotted path, or a package above the module raises.
    """
    spec = _spec(setting, _parts(setting, path)[0])
    if spec is None or spec.origin is None or not spec.origin.endswith(".py"):
        return None
    return Path(spec.origin)


def source_sha256(file: Path) -> str:
    """Return the hash of a source file."""
    return hashlib.sha256(file.read_bytes()).hexdigest()


def copy_modules(paths: Iterable[tuple[str, str]], folder: Path) -> None:
    """Copy modules that are not installed, or the Python files of the packages that they are in.

    Args:
        paths: Settings with the dotted paths that they name.
        folder: Where the copies go; it is made if there are any.

    Raises:
        InputError: If one is not found.
        OSError: If a copy cannot be written.
    """
    for setting, path in paths:
        spec = _spec(setting, _parts(setting, path)[0].split(".")[0])
        if spec is None or spec.origin is None:
            continue
        file = Path(spec.origin)
        if _is_installed(file):
            continue
        folder.mkdir(parents=True, exist_ok=True)
        if not spec.submodule_search_locations:
            shutil.copy(file, folder)
            continue
        for one in sorted(file.parent.rglob("*.py")):
            place = folder / file.parent.name / one.relative_to(file.parent)
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(one, place)


def _parts(setting: str, path: str) -> tuple[str, str]:
    if not re.fullmatch(DOTTED_PATH, path):
        raise InputError(f"{setting}: is {path!r}; write module:name, as in my_module:Net")
    module, _, name = path.partition(":")
    return module, name


def _spec(setting: str, module: str) -> ModuleSpec | None:
    try:
        return find_spec(module)
    except (ModuleNotFoundError, ValueError):
        # A package above it is not there; or what runs as a program has no place, as __main__.
        return None
    except Exception as error:
        raise InputError(f"{setting}: {module} cannot be imported: {error_words(error)}") from error


def _is_installed(file: Path) -> bool:
    roots = {sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    return any(file.is_relative_to(root) for root in roots)
