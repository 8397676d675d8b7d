"""What a shell completes: experiments, settings and runs. Nothing heavy is imported for it."""

from __future__ import annotations

from pathlib import Path

from ttt_rllib.config.experiment_files import EXPERIMENT_SUFFIX, shipped_experiments

__all__ = ["complete_experiment", "complete_override", "complete_run", "complete_setting"]

RESULTS = Path("results")
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
    """Return the settings whose keys begin so, each with "="; nothing once the value begins."""
    from ttt_rllib.config.settings_table import all_settings

    keys = dict.fromkeys(f"{one.key}=" for one in all_settings() if not one.is_section)
    return [key for key in keys if key.startswith(incomplete) and "=" not in incomplete]


def complete_run(incomplete: str) -> list[str]:
    """Return the runs below `results` whose paths begin so, newest first."""
    runs = RESULTS.glob(f"*/*/{RUN_MARK}{EXPERIMENT_SUFFIX}")
    paths = sorted((str(path.parent) for path in runs), reverse=True)
    return [path for path in paths if path.startswith(incomplete)]
