"""Experiments by name: those that come with the package, and files.

A file wins over a name. The package's experiments lie beside the modules in a wheel, and in the
repository's `experiments/` otherwise.
"""

from __future__ import annotations

from pathlib import Path

from ttt_rllib.errors import InputError, did_you_mean

__all__ = ["EXPERIMENT_SUFFIX", "find_experiment", "shipped_experiments"]

EXPERIMENT_SUFFIX = ".yaml"

PACKAGE = Path(__file__).parents[1]
FOLDERS = (PACKAGE / "experiments", PACKAGE.parents[1] / "experiments")
"""Where the package's experiments are: in a wheel, and in the repository."""


def shipped_experiments() -> dict[str, Path]:
    """Return the experiments that come with the package: their files by their names."""
    folder = next((folder for folder in FOLDERS if folder.is_dir()), FOLDERS[0])
    return {path.stem: path for path in sorted(folder.glob(f"*{EXPERIMENT_SUFFIX}"))}


def find_experiment(word: str | Path) -> Path:
    """Return the file of an experiment.

    Args:
        word: A path; or a name, with or without ".yaml". What is a file is taken: `ppo`, then
            `ppo.yaml`; only then is `ppo` one of the package's.

    Raises:
        InputError: If there is neither a file nor an experiment of that name.
    """
    path = Path(word)
    if path.exists() and not (path.is_dir() and _is_name(path)):
        return path
    if not _is_name(path):
        raise InputError(f"{path}: no such file{_nearest_file(path)}")
    name = path.name.removesuffix(EXPERIMENT_SUFFIX)
    beside = path.with_name(name + EXPERIMENT_SUFFIX)
    if beside.is_file():
        return beside
    shipped = shipped_experiments()
    if name in shipped:
        return shipped[name]
    what = "no such file" if path.suffix else "no such file or experiment"
    files = [
        str(file)
        for file in sorted(path.parent.glob(f"*{EXPERIMENT_SUFFIX}"))
        if not file.name.startswith(".")  # settings of other programs
    ]
    close = did_you_mean(name, [*shipped, *files])
    if close.startswith("; known are"):  # files here may be anything, such as a compose.yaml
        raise InputError(f"{path}: {what}{did_you_mean(name, list(shipped))}")
    raise InputError(f"{path}: {what}{close} Known are {', '.join(shipped)}")


def _is_name(path: Path) -> bool:
    """Tell whether a path has no folder, so that it may be an experiment's name."""
    return str(path) == path.name


def _nearest_file(path: Path) -> str:
    name = path.stem
    near = sorted(str(other) for other in path.parent.glob(f"*{EXPERIMENT_SUFFIX}"))
    if not near and name in shipped_experiments():
        return f"; the package's own experiment of that name is {name}: ttt train {name}"
    return did_you_mean(str(path), near) or did_you_mean(name, list(shipped_experiments()))
