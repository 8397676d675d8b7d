"""The code blocks of the markdown pages, as a markdown parser sees them.

A block says what it is: `python`, `yaml`, and commands (`bash`, `sh`, or four spaces in front of
every line) are tried by tests; `text` is what a command printed, or a drawing.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from markdown_it import MarkdownIt

__all__ = [
    "COMMANDS",
    "LANGUAGES",
    "OUTPUT",
    "PAGES",
    "ROOT",
    "Block",
    "blocks",
    "in_page",
    "in_prose",
]

ROOT = Path(__file__).parent.parent.parent

PAGES = (
    "README.md",
    "CONTRIBUTING.md",
    *sorted(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md")),
    *sorted(
        str(path.relative_to(ROOT))
        for folder in ("docs/agents", "k8s")
        for path in (ROOT / folder).rglob("README.md")
    ),
)

COMMANDS, OUTPUT = "bash", "text"
LANGUAGES = {"python": "python", "yaml": "yaml", "bash": COMMANDS, "sh": COMMANDS, "text": OUTPUT}
"""What may stand after the three backticks, and what it means."""

OPTIONAL = re.compile(r"(?<= )\[|\](?= |$)")
"""Brackets around words that may be left out, but not those of a list's value."""

PLACEHOLDER = re.compile(r"<[a-z][a-z ]*>")


class Block(NamedTuple):
    """A code block.

    Attributes:
        page: The page, from the root of the repository.
        line: Where it begins, counted from 1.
        language: A value of LANGUAGES; of a fence that says something else, what it says.
        text: Without fences and indentation.
    """

    page: str
    line: int
    language: str
    text: str

    @property
    def place(self) -> str:
        """Page and line, as an editor opens them."""
        return f"{self.page}:{self.line}"


def blocks(page: str) -> list[Block]:
    """Return the code blocks of a page in their order."""
    return in_page(page, (ROOT / page).read_text(encoding="utf-8"))


def in_page(page: str, markdown: str) -> list[Block]:
    """Return the code blocks of a text; words in angle brackets, such as <address>, become one."""
    found = []
    for token in MarkdownIt().parse(markdown):
        if token.type not in ("fence", "code_block") or token.map is None:
            continue
        said = token.info.strip()
        language = COMMANDS if token.type == "code_block" else LANGUAGES.get(said, said)
        text = token.content
        if language == COMMANDS:
            text = PLACEHOLDER.sub("PLACEHOLDER", text)
        found.append(Block(page, token.map[0] + 1, language, text))
    return found


def in_prose(page: str) -> list[Block]:
    """Return the `ttt` commands within the sentences and tables of a page.

    They are written with words for what the reader has: EXPERIMENT and FILE become `ppo`, and what
    may be left out is there.
    """
    found = []
    parser = MarkdownIt().enable("table")
    for token in parser.parse((ROOT / page).read_text(encoding="utf-8")):
        for part in token.children or ():
            text = part.content.replace("\n", " ")
            if part.type == "code_inline" and re.match(r"ttt \S+ \S", text) and token.map:
                text = re.sub(r"\b(EXPERIMENT|FILE)\b(?!\])", "ppo", OPTIONAL.sub("", text))
                found.append(Block(page, token.map[0] + 1, COMMANDS, text))
    return found
