"""A trial that takes no time: each iteration's agent is a function of the one before.

A process that starts imports no torch, so that a session takes a second. All around the numbers
is real: Tune, checkpoints, bundles and the exact evaluation. A trial that were resumed from
another checkpoint than its newest, or from another trial's, would end with other agents.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np

from ttt_envs import TIC_TAC_TOE
from ttt_rllib.agents.bundle import BUNDLE_FOLDER, save_bundle
from ttt_rllib.agents.policies import NetworkPolicy
from ttt_rllib.metrics import ITERATION, MOVES, NASH_CONV, nest
from ttt_rllib.tuning.trainable import SelfPlayTrainable, _searched_metric, experiment_of

MOVES_PER_ITERATION = 100
LAYERS = {
    "trunk.0": (2 * TIC_TAC_TOE.num_squares, 4),
    "policy": (4, TIC_TAC_TOE.num_actions),
    "value": (4, 1),
}


class ChainedAlgorithm:
    """In place of RLlib's: its weights are a hash of its seed, its settings and its iterations.

    Attributes:
        iteration: Iterations so far.
    """

    def __init__(self, seed: int, settings: str) -> None:
        self.iteration = 0
        self._settings = settings
        self._state = self._hashed(str(seed))

    def train(self) -> dict[str, Any]:
        """Run an iteration."""
        self.iteration += 1
        self._state = self._hashed(self._state)
        row = {
            ITERATION: float(self.iteration),
            MOVES: float(MOVES_PER_ITERATION * self.iteration),
            NASH_CONV: int(self._state[:8], 16) / 2**32,
        }
        return nest(row)

    def save_to_path(self, path: str) -> None:
        """Save the state, and the agent."""
        state = {"state": self._state, "iteration": self.iteration}
        (Path(path) / "state.json").write_text(json.dumps(state))
        save_bundle(self._policy(), Path(path) / BUNDLE_FOLDER, {"iteration": self.iteration})

    def load_checkpoint(self, path: str) -> None:
        """Restore the state."""
        saved = json.loads((Path(path) / "state.json").read_text())
        self._state, self.iteration = saved["state"], saved["iteration"]

    def stop(self) -> None:
        """Do nothing."""

    def _hashed(self, state: str) -> str:
        return hashlib.sha256(f"{state} {self._settings}".encode()).hexdigest()

    def _policy(self) -> NetworkPolicy:
        rng = np.random.default_rng(int(self._state, 16))
        weights = {}
        for name, (inputs, outputs) in LAYERS.items():
            weights[f"{name}.weight"] = rng.normal(size=(outputs, inputs)).astype(np.float32)
            weights[f"{name}.bias"] = rng.normal(size=outputs).astype(np.float32)
        return NetworkPolicy(TIC_TAC_TOE, weights, "relu")


class ChainedTrainable(SelfPlayTrainable):
    """Our own Trainable, around a ChainedAlgorithm."""

    def setup(self, config: dict[str, Any]) -> None:
        """Make the algorithm."""
        self._experiment = experiment_of(config)
        self._searched = _searched_metric(config)
        self._objective = None
        self._algorithm = ChainedAlgorithm(
            self._experiment.seed, self._experiment.training.model_dump_json()
        )
