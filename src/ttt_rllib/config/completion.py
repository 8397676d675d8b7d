"""What a shell completes: experiments, settings and runs. Nothing heavy is imported for it."""

from __future__ import annotations

from pathlib import Path

from ttt_rllib.config.experiment_files import EXPERIMENT_SUFFIX, shipped_experiments

__all__ = ["complete_experiment", "complete_override", "complete_run", "complete_setting"]

RESULTS = Path("results")
ANY_VALUE = "VALUE"
"""Stands for a value in the second candidate for a key."""
RUN_MARK = "experiment"
"""A run is a folder with the experiment in it."""


def complete_experiment(incomplete: str) -> list[str]:
    """Return the package's experiments and the YAML files whose names begin so."""
    folder = Path(incomplete) if incomplete.endswith("/") else Path(incomplete).parent
    files = [str(path) for path in sorted(folder.glob(f"*{EXPERIMENT_SUFFIX}"))]
    return [name for name in (*shipped_experiments(), *files) if name.startswith(incomplete)]


def complete_setting(incomplete: str) -> list[str]:
    """Return the settings whose keys begin so."""
    from ttt_rllib.config.settings_table import all_settings

    keys = dict.fromkeys(one.key for one in all_settings())
    return [key for key in keys if key.startswith(incomplete)]


def complete_override(incomplete: str) -> list[str]:
    """Return the settings whose keys begin so, each with "="; nothing once the value begins.

    A single one is followed by itself with a word for the value: a shell inserts what both have in
    common, and stays there. After the only candidate it would put a blank, where the value belongs.
    """
    from ttt_rllib.config.settings_table import all_settings

    if "=" in incomplete:
        return []
    keys = dict.fromkeys(f"{one.key}=" for one in all_settings() if not one.is_section)
    found = [key for key in keys if key.startswith(incomplete)]
    return [*found, f"{found[0]}{ANY_VALUE}"] if len(found) == 1 else found


def complete_run(incomplete: str) -> list[str]:
    """Return the runs below `results` whose paths begin so, newest first."""
    runs = RESULTS.glob(f"*/*/{RUN_MARK}{EXPERIMENT_SUFFIX}")
    paths = sorted((str(path.parent) for path in runs), reverse=True)
    return [path for path in paths if path.startswith(incomplete)]
