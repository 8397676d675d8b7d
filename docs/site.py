"""Hooks of the documentation site: pages that lie elsewhere, pages made from the code, and links.

The files of the repository stay as they are and are read well without the site: links that lead out
of `docs/` are rewritten when the site is built.
"""

from __future__ import annotations

import posixpath
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

import ttt_envs
import ttt_rllib
from ttt_rllib.config.settings_table import all_settings

ROOT = Path(__file__).parent.parent

PAGES = {
    "README.md": "index.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "k8s/README.md": "kubernetes.md",
}
"""Where the pages outside of `docs/` are on the site, by their places in the repository."""

LINK = re.compile(r"(?<!!)\[([^\]\[]*)\]\(([^)\s#]*)(#[^)\s]*)?\)")
IMAGE = re.compile(r'(!\[[^\]]*\]\(|<img src=")(?!https?:)([^)"]+)')


def on_files(files: Files, config: Any) -> Files:
    """Add the pages and the experiments that are not in `docs/`."""
    for place, page in PAGES.items():
        files.append(File.generated(config, page, content=(ROOT / place).read_text()))
    for path in sorted((ROOT / "experiments").glob("*.yaml")):
        files.append(File.generated(config, f"experiments/{path.name}", content=path.read_text()))
    for name, lines in (("reference.md", _reference()), ("settings.md", _settings())):
        files.append(File.generated(config, name, content="\n".join(lines)))
    return files


def on_page_markdown(markdown: str, page: Page, config: Any, files: Files) -> str:
    """Point the links of a page to pages of the site; those to other files become their text."""
    site_uri = page.file.src_uri
    place = next((one for one, uri in PAGES.items() if uri == site_uri), f"docs/{site_uri}")
    folder = posixpath.dirname(place)

    def link(match: re.Match[str]) -> str:
        text, target, anchor = match[1], match[2], match[3] or ""
        if not target or ":" in target:
            return match[0]
        there = posixpath.normpath(posixpath.join(folder, target))
        uri = _site_uri(there)
        if files.get_file_from_path(uri) is None:
            # A link that leads nowhere stays as it is, and mkdocs complains.
            return text if (ROOT / there).exists() else match[0]
        return f"[{text}]({posixpath.relpath(uri, posixpath.dirname(site_uri) or '.')}{anchor})"

    def image(match: re.Match[str]) -> str:
        uri = _site_uri(posixpath.normpath(posixpath.join(folder, match[2])))
        return f"{match[1]}{uri}"

    return IMAGE.sub(image, LINK.sub(link, markdown))


def _site_uri(place: str) -> str:
    """Return where on the site a file of the repository would be."""
    return PAGES.get(place, place.removeprefix("docs/"))


def _settings() -> Iterator[str]:
    """Yield the page about all settings."""
    yield "# Settings\n"
    yield "This is everything that an experiment may set, as `ttt settings` shows it.\n"
    yield "A name in brackets, such as (ppo), says what a setting or its default is for.\n"
    is_open = False
    for setting in all_settings():
        if setting.is_section:
            yield f"\n## {setting.key}\n\n{setting.doc}\n"
            is_open = False
            continue
        if not is_open:  # two columns, which a phone has room for
            yield "| setting and default | values and meaning |\n|---|---|"
            is_open = True
        only = f" ({', '.join(setting.only)})" if setting.only else ""
        cells = (
            f"`{setting.key}`<br>`{setting.default}`{only}",
            f"{setting.kind}<br>{setting.doc}",
        )
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _reference() -> Iterator[str]:
    """Yield the page about the public names of both packages."""
    yield "# Python reference\n"
    yield "[From Python](library.md) shows how to use these names.\n"
    yield "## ttt_rllib\n"
    for name in ttt_rllib.__all__:
        if name != "__version__":
            yield f"::: {ttt_rllib.LAZY.get(name, 'ttt_rllib')}.{name}\n"
    yield "## ttt_envs\n"
    for name in ttt_envs.__all__:
        yield f"::: {_module_of(name)}.{name}\n"


def _module_of(name: str) -> str:
    """Return the module of `ttt_envs` that has a name in its `__all__`; constants know none."""
    modules = (one for key, one in sorted(sys.modules.items()) if key.startswith("ttt_envs."))
    return next(one.__name__ for one in modules if name in getattr(one, "__all__", ()))
