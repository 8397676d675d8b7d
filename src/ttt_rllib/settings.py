"""`ttt settings [KEY]`: all settings of an experiment, from its schema; no ray, no torch."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Iterator
from typing import Annotated

import typer

from ttt_rllib.commands import EXIT_DONE
from ttt_rllib.config.completion import complete_setting
from ttt_rllib.config.settings_table import Setting, all_settings, find_settings

__all__ = ["settings"]

NARROWEST, WIDEST = 30, 100
"""Columns of the text."""
INDENT = "    "


def settings(
    key: Annotated[
        str | None,
        typer.Argument(
            metavar="KEY",
            help="A setting or a section, such as training.lr or stop; all of them if left out.",
            autocompletion=complete_setting,
            show_default=False,
        ),
    ] = None,
) -> None:
    """Show settings with type, default and meaning.

    Exit codes: 0 done, 2 there is no such setting.
    """
    found = all_settings() if key is None else find_settings(key)
    width = min(max(shutil.get_terminal_size().columns, NARROWEST), WIDEST)
    print("\n".join(line for one in found for line in _lines(one, width)).lstrip("\n"))
    raise typer.Exit(EXIT_DONE)


def _lines(setting: Setting, width: int) -> Iterator[str]:
    tag = f" [{', '.join(setting.only)}]" if setting.only else ""
    if setting.is_section:
        yield ""
        yield from _wrapped(f"# {setting.key}{tag}: {setting.doc}", width, later="# ")
        return
    yield from _wrapped(f"{setting.key}: {setting.default}{tag}", width, later=INDENT)
    yield from _wrapped(f"{INDENT}{setting.kind}. {setting.doc}", width, later=INDENT)


def _wrapped(text: str, width: int, later: str) -> list[str]:
    # A key stays whole, so that it can be copied.
    return textwrap.wrap(
        text, width, subsequent_indent=later, break_long_words=False, break_on_hyphens=False
    )
