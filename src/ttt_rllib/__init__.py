"""Self-play reinforcement learning on RLlib, on games whose truth is known exactly.

The names of `__all__` are what the library offers to Python; `docs/library.md` shows how to use
them. A name brings its modules along when it is first used, so that `import ttt_rllib` loads
neither Ray nor torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ttt_rllib.agents.lookahead import BundledPolicy
    from ttt_rllib.config.experiment import Experiment
    from ttt_rllib.evaluation.evaluate_agent import evaluate_agent
    from ttt_rllib.foreign.prove import prove
    from ttt_rllib.rl.dqn import SelfPlayDQNConfig
    from ttt_rllib.rl.ppo import SelfPlayPPOConfig
    from ttt_rllib.rl.td import SelfPlayTDConfig
    from ttt_rllib.runs.record import RunRecord

__all__ = [
    "Experiment",
    "SelfPlayDQNConfig",
    "SelfPlayPPOConfig",
    "SelfPlayTDConfig",
    "__version__",
    "evaluate_agent",
    "load_agent",
    "load_experiment",
    "prove",
    "read_run",
]

__version__ = "0.2.0"

LAZY = {
    "Experiment": "ttt_rllib.config.experiment",
    "SelfPlayDQNConfig": "ttt_rllib.rl.dqn",
    "SelfPlayPPOConfig": "ttt_rllib.rl.ppo",
    "SelfPlayTDConfig": "ttt_rllib.rl.td",
    "evaluate_agent": "ttt_rllib.evaluation.evaluate_agent",
    "prove": "ttt_rllib.foreign.prove",
}
"""Modules that are imported when the name is first used."""


def __getattr__(name: str) -> Any:
    if name not in LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    # Kept in the module, so that this function is called only once for each name.
    found = globals()[name] = getattr(import_module(LAZY[name]), name)
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *LAZY})


def load_agent(path: str | Path) -> BundledPolicy:
    """Load the agent of a run, of a checkpoint or of a bundle.

    Args:
        path: The folder, or a file in it. Of a run that has no summary yet, the agent of the
            leading trial's newest checkpoint is loaded.

    Returns:
        A policy, which maps positions (`ttt_envs.Boards`) to move probabilities.

    Raises:
        BundleError: If there is no agent, or it is damaged.
    """
    from pathlib import Path

    from ttt_rllib.runs.bundles import find_bundle

    return find_bundle(Path(path)).policy


def load_experiment(path: str | Path, overrides: Sequence[str] = ()) -> Experiment:
    """Read an experiment from a YAML file and check it.

    Args:
        path: The file, or the name of an experiment that comes with the package, such as "ppo".
        overrides: `"key=value"` each, as for the command's `--set`; values are YAML.

    Raises:
        InputError: If anything is wrong with it.
    """
    from ttt_rllib.config.experiment_files import find_experiment
    from ttt_rllib.config.loading import load_experiment as load

    return load(find_experiment(path), tuple(overrides))


def read_run(path: str | Path) -> RunRecord:
    """Read a run directory: the experiment, the summary, the metrics, the proof and the agent.

    Args:
        path: The run directory. The run may be done, failed, interrupted or still training.

    Raises:
        InputError: If it is no run directory, or a file in it is damaged.
    """
    import os
    from pathlib import Path

    from ttt_rllib.runs.directory import RunDir
    from ttt_rllib.runs.record import read_run as read

    return read(RunDir(Path(os.path.realpath(path))))
