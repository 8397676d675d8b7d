"""The agent that words of a command line name: an object in a module, or a path."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from ttt_rllib.errors import InputError, did_you_mean, error_words
from ttt_rllib.foreign.onnx_file import ONNX_SUFFIX

__all__ = ["FORM", "load"]

FORM = "MODULE:AGENT"


def load(words: str) -> Any:
    """Return an object of a module, or the path of a model or a checkpoint.

    Args:
        words: "my_module:agent", "agent.onnx", or the folder of a checkpoint.

    Raises:
        InputError: If there is no such module, object or path, or if the module fails.
    """
    path = Path(words)
    if words.endswith(ONNX_SUFFIX) or path.exists():
        if not path.exists():
            raise InputError(f"{words}: no such file; give the path of an ONNX model")
        if path.is_file() and not words.endswith(ONNX_SUFFIX):
            raise InputError(f"{words}: is a file; write {FORM}, as in {_example(path)}")
        return path
    module_name, colon, attribute = words.rpartition(":")
    if not colon or not module_name or not attribute:
        raise InputError(
            f"{words}: is neither {FORM}, such as my_module:agent, nor an ONNX file, nor a "
            "checkpoint of RLlib"
        )
    if module_name.endswith(".py"):
        meant = f"{Path(module_name).stem}:{attribute}"
        raise InputError(f"{words}: names a file; write {FORM}, as in {meant}, in its folder")
    found: Any = _import(module_name)
    for part in attribute.split("."):
        if not hasattr(found, part):
            known = [one for one in dir(found) if not one.startswith("_")]
            raise InputError(f"{words}: {module_name} has no {part}{did_you_mean(part, known)}")
        found = getattr(found, part)
    return found


def _example(path: Path) -> str:
    return f"{path.stem}:agent"


def _import(name: str) -> ModuleType:
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        if error.name and f"{name}.".startswith(f"{error.name}."):
            raise InputError(
                f"{name}: there is no such module; run this in its folder, or install it"
            ) from None
        raise InputError(
            f"{name}: needs the module {error.name}, which is not installed"
        ) from error
    except Exception as error:
        # A foreign module may raise anything.
        raise InputError(f"{name}: cannot be imported: {error_words(error)}") from error
