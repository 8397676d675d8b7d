"""Executes the notebooks and keeps what they show: `python -m benchmarks.notebooks`.

The first one trains `experiments/ppo.yaml`, the second one looks at the agent that it trained.
Needs the extra `notebooks`; takes a minute.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import nbclient
import nbformat

__all__ = ["NOTEBOOKS", "execute", "shown"]

NOTEBOOKS = sorted((Path(__file__).parent.parent / "notebooks").glob("*.ipynb"))
TIMEOUT_S = 600


def main() -> None:
    """Write what the notebooks show into them."""
    for path in NOTEBOOKS:
        nbformat.write(execute(path), path)
        print(path.name)


def execute(path: Path, **parameters: Any) -> Any:
    """Run a notebook where it lies, and return it with its outputs.

    What differs without need is left out: times, the version of Python, the folder of the clone,
    and in how many pieces a command's output arrived.

    Args:
        path: The notebook; it is not changed.
        **parameters: Values for names of the cell with the tag `parameters`.
    """
    notebook = nbformat.read(path, as_version=4)
    (cell,) = (one for one in notebook.cells if one.metadata.get("tags") == ["parameters"])
    source = cell.source
    cell.source += "".join(f"\n{name} = {value!r}" for name, value in parameters.items())
    place = {"metadata": {"path": str(path.parent)}}
    client = nbclient.NotebookClient(
        notebook, timeout=TIMEOUT_S, resources=place, record_timing=False, coalesce_streams=True
    )
    client.execute()
    cell.source = source
    notebook.metadata.language_info = {"name": "python"}
    for output in (one for cell in notebook.cells for one in cell.get("outputs", ())):
        if "text" in output:
            output.text = output.text.replace(f"{path.parent.resolve()}/", "")
    return notebook


def shown(notebook: Any) -> list[list[str]]:
    """Return what each code cell shows, text as text and HTML as HTML."""
    return [
        [
            output["text"]
            if "text" in output
            else output["data"].get("text/html") or output["data"]["text/plain"]
            for output in cell.outputs
        ]
        for cell in notebook.cells
        if cell.cell_type == "code"
    ]


def without_figures(text: str) -> str:
    """Return a text in which every figure and hash is `#`, and every space as wide as the next."""
    return re.sub(r"\s+", " ", re.sub(r"-?\b(?=[0-9a-f]*\d)[0-9a-f][0-9a-f.,%-]*", "#", text))


if __name__ == "__main__":
    main()
