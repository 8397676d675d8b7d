"""What `docs/scaling.json` holds, with the model fitted to it again."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from statistics import fmean
from typing import Any

from benchmarks.scaling_advice import Adviser
from benchmarks.scaling_model import Model, fit
from benchmarks.scaling_setting import Phases, Setting, Timing

__all__ = ["ADVISED", "CLUSTERS", "LARGE", "Json", "Report", "enlarged", "overrides", "setting_of"]

ADVISED = {
    "experiments/ppo.yaml": Setting("tic_tac_toe"),
    "4 x 4, as Connect Four": Setting("4x4x4", (256, 256), batch_size=8192),
    "experiments/connect_four_ppo.yaml": Setting("connect_four", (256, 256), batch_size=8192),
}
"""What the predictions are for; env runners, boards and learners are the model's."""
CLUSTERS = (8, 64, 1000)
LARGE = 16
"""How many times larger the batch and the minibatch of the second prediction are."""

Json = dict[str, Any]


@dataclass(frozen=True)
class Report:
    """The figures of one session.

    Attributes:
        document: The JSON file.
    """

    document: Json

    @property
    def cores(self) -> int:
        """Those of the machine."""
        return int(self.document["machine"]["cores"])

    @cached_property
    def measured(self) -> dict[Setting, Timing]:
        """All iterations, the largest last."""
        return dict(map(_iteration, self.rows("iteration")))

    @cached_property
    def fitted(self) -> dict[Setting, Timing]:
        """Those that the model is fitted to."""
        rows = [row for row in self.rows("iteration") if row["detail"]["fitted"]]
        return dict(map(_iteration, rows))

    @cached_property
    def model(self) -> Model:
        """The model."""
        learning = {
            setting_of(row): setting_of(row).num_epochs * setting_of(row).moves / row["value"]
            for row in self.rows("learning")
        }
        return fit(self.fitted, self.cores, learning)

    def rows(self, kind: str = "") -> list[Json]:
        """Return the rows of a kind, or those without one."""
        return [
            row for row in self.document["rows"] if row.get("detail", {}).get("kind", "") == kind
        ]

    def moves_per_game(self, game: str) -> float:
        """Return the mean length of a game, as measured."""
        lengths = [one.moves_per_game for s, one in self.measured.items() if s.game == game]
        return fmean(lengths)

    def predict(self, setting: Setting, timing: Timing) -> Phases:
        """Predict what was measured."""
        return self.model.predict(setting, timing.moves_per_game, self.cores)

    def adviser(self, asked: Setting) -> Adviser:
        """Return what chooses processes for an experiment."""
        return Adviser(self.model, asked, self.moves_per_game(asked.game))


def setting_of(row: Json) -> Setting:
    """Return the setting of a row that has one."""
    setting = row["detail"]["setting"]
    return Setting(**{**setting, "hidden_sizes": tuple(setting["hidden_sizes"])})


def enlarged(asked: Setting) -> Setting:
    """Return a setting with a batch and minibatches `LARGE` times larger."""
    return replace(
        asked,
        batch_size=LARGE * asked.batch_size,
        minibatch_size=LARGE * asked.minibatch_size,
    )


def overrides(setting: Setting) -> list[str]:
    """Return the processes of a setting as `train --set` wants them."""
    options: dict[str, int | str] = {
        "env_runners.num_env_runners": setting.num_env_runners,
        "env_runners.num_envs_per_env_runner": setting.num_boards,
    }
    if setting.sample_beside_learning:
        options["env_runners.sample_beside_learning"] = "true"
    if setting.num_learners:
        options["learners.num_learners"] = setting.num_learners
        options["training.train_batch_size_per_learner"] = setting.batch_size
        options["training.minibatch_size"] = setting.minibatch_size
    return [f"{key}={value}" for key, value in options.items()]


def _iteration(row: Json) -> tuple[Setting, Timing]:
    return setting_of(row), Timing(**row["detail"]["timing"])
