"""The trials of a run: configurations chosen by Optuna or by a grid, each with its seeds.

Tune asks for one trial at a time and tells how each one ended. The trials are a function of the
experiment, its seed and those answers, and are saved with Tune's own state.
"""

from __future__ import annotations

import copy
import pickle
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from ray.tune.error import TuneError
from ray.tune.experiment import Trial
from ray.tune.search import SearchAlgorithm

from ttt_rllib.config.experiment import Experiment
from ttt_rllib.config.search import Distribution, Search
from ttt_rllib.metrics import flatten
from ttt_rllib.runs.outcome import TrialStatus
from ttt_rllib.tuning.trainable import EXPERIMENT

if TYPE_CHECKING:
    import optuna
    from ray.train._internal.storage import StorageContext

__all__ = [
    "SEARCH_STATE",
    "ExperimentSearch",
    "searched_settings",
    "status_of",
]

STATE_FILE = "search-{}.pkl"

SEARCH_STATE = STATE_FILE.format("*")
"""Pattern of the file with the search's state; Tune names it after the session."""

SAVED = ("_asked", "_live", "_spec", "_configurations")
"""The attributes of `ExperimentSearch` that a resumed run must have; the rest is given to it."""

MIN_KEPT = 2
"""Checkpoints kept while a trial runs: the newest, and the one that Tune's last state knows."""


class ExperimentSearch(SearchAlgorithm):
    """Makes the trials of an experiment: `00000`, `00001`, ..., seeds next to each other.

    Args:
        experiment: The experiment; without a search, it has one trial.
        home: The run directory; that of a resumed run may have moved.
    """

    def __init__(self, experiment: Experiment, home: Path) -> None:
        self._experiment = experiment
        self._home = home
        self._search = experiment.search
        self._asked = 0
        self._live: set[str] = set()
        self._spec: dict[str, Any] = {}
        self._configurations = _Configurations(experiment) if experiment.search else None
        self._staging = uuid4().hex
        self._allowed: int | None = None

    @property
    def metric(self) -> str:
        """The name of the objective."""
        return self._experiment.objective[0]

    @property
    def total_samples(self) -> int:
        """The number of all trials."""
        return self._experiment.num_trials

    def add_configurations(self, experiments: Any) -> None:
        """Take Tune's settings, which all trials share.

        Raises:
            TuneError: If trials were made before: Tune calls this only for a new run, or, without
                saying so, if it could not restore the one it was asked to resume.
        """
        if self._asked:
            raise TuneError("Ray Tune cannot read its own state of the run")
        self._spec = experiments[0].spec
        self.place(self._spec["storage"])

    def place(self, storage: StorageContext) -> None:
        """Tell Tune where the run lies now, and where to put what it has not yet copied there.

        The folder for that, in the Ray session, belongs to this session of the run alone. Tune
        would name it after the second in which the run began: a resumed run, or a copy of it,
        would take the same one again and find what the other one left there.

        Args:
            storage: Tune's places for the run, or for one of its trials.
        """
        storage.storage_fs_path = str(self._home)
        storage._timestamp = self._staging  # noqa: SLF001 - nothing public sets it

    def set_experiment(self, experiment: Experiment) -> None:
        """Make the trial, if it has not been made, with the limits of this experiment."""
        if self._spec:
            config = {**self._spec["config"], EXPERIMENT: experiment.model_dump_json()}
            self._spec = {**self._spec, "config": config, "stop": experiment.stop.limits}

    def is_finished(self) -> bool:
        """Return whether all trials have been made."""
        return self._asked >= self.total_samples

    def set_finished(self) -> None:
        """Make no more trials."""
        self._asked = self.total_samples

    def allow(self, number: int) -> None:
        """Make no more than this number of trials until told again; at first there is no limit."""
        self._allowed = number

    def next_trial(self) -> Trial | None:
        """Return the next trial; None if there is none, or as many as allowed were made."""
        limit = self._search.max_concurrent if self._search else None
        if self.is_finished() or (limit is not None and len(self._live) >= limit):
            return None
        if self._allowed is not None:
            if self._allowed < 1:
                return None
            self._allowed -= 1
        number, trial_id = self._asked, f"{self._asked:05d}"
        self._asked += 1
        self._live.add(trial_id)
        # Tune moves the trials it restores, but not the ones that are made later.
        storage = copy.copy(self._spec["storage"])
        self.place(storage)
        kept = self._experiment.checkpoint.num_to_keep
        return Trial(
            self._spec["run"],
            config={**self._spec["config"], **self._settings(number)},
            trial_id=trial_id,
            experiment_tag=trial_id,
            stopping_criterion=self._spec["stop"],
            checkpoint_config=replace(
                self._spec["checkpoint_config"], num_to_keep=kept and max(kept, MIN_KEPT)
            ),
            trial_name_creator=_name,
            trial_dirname_creator=_name,
            max_failures=self._experiment.max_failures,
            storage=storage,
        )

    def _settings(self, number: int) -> dict[str, Any]:
        if self._search is None or self._configurations is None:
            return {}
        configuration, index = divmod(number, self._search.num_seeds)
        settings = self._configurations.ask(configuration)
        # Members of a population differ in their seed too; otherwise all would play the same games.
        index = number if self._search.algorithm == "pbt" else index
        return {**settings, "seed": (self._experiment.seed + index) % 2**31}

    def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
        """Do nothing: only how a trial ends counts."""

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        """Tell the configurations how a trial ended."""
        self._live.discard(trial_id)
        if self._search is None or self._configurations is None:
            return
        configuration, index = divmod(int(trial_id), self._search.num_seeds)
        value = None if error else (result or {}).get(self.metric)
        self._configurations.tell(configuration, index, value)

    def save_to_dir(self, dirpath: str, session_str: str) -> None:
        """Save all questions and answers so far."""
        state = {name: getattr(self, name) for name in SAVED}
        path = Path(dirpath) / STATE_FILE.format(session_str)
        part = path.with_name(f".{path.name}.part")
        part.write_bytes(pickle.dumps(state))
        part.replace(path)

    def has_checkpoint(self, dirpath: str) -> bool:
        """Return False, so that Tune restores nothing: `restore_state` has done so.

        Tune would read the newest file in a folder of the Ray session, whichever run wrote it.
        """
        return False

    def retry(self, trial_ids: Iterable[str]) -> None:
        """Count trials that had failed among those that run; a resumed run tries them again."""
        self._live.update(trial_ids)

    def restore_from_dir(self, dirpath: str) -> None:
        """Continue from the newest state."""
        newest = max(Path(dirpath).glob(SEARCH_STATE))
        # Our own file, in our own run directory, like Tune's pickles beside it.
        self.__dict__.update(pickle.loads(newest.read_bytes()))  # noqa: S301


class _Configurations:
    """The configurations of a search: grids are counted through, an Optuna study draws the rest."""

    def __init__(self, experiment: Experiment) -> None:
        import optuna

        search = experiment.search
        assert search is not None  # noqa: S101 - the caller asked
        self._search = search
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        samplers = optuna.samplers
        _, mode = experiment.objective
        by_tpe = search.algorithm == "optuna"
        sampler = (samplers.TPESampler if by_tpe else samplers.RandomSampler)(seed=experiment.seed)
        direction = optuna.study.StudyDirection[{"min": "MINIMIZE", "max": "MAXIMIZE"}[mode]]
        self._study = optuna.create_study(sampler=sampler, direction=direction)
        self._drawn: dict[int, optuna.Trial] = {}
        self._values: dict[int, dict[int, float | None]] = {}

    def ask(self, number: int) -> dict[str, Any]:
        """Return configuration `number`, which is drawn the first time it is asked for."""
        space = self._search.space
        if number not in self._drawn:
            drawn = {key: _optuna(one) for key, one in space.items() if one.kind != "grid"}
            self._drawn[number] = self._study.ask(drawn)
        # The digits of `place`, in a number system with one base per grid (its length), are the
        # indices into the grids: counting up visits every combination once, the first grid
        # fastest. With several samples, the count starts again after the last combination.
        settings, place = {}, number % self._search.grid_size
        for key, one in space.items():
            if one.kind == "grid":
                place, index = divmod(place, len(one.values))
                settings[key] = one.values[index]
            else:
                value = self._drawn[number].params[key]
                settings[key] = one.values[value] if one.kind == "choice" else value
        return settings

    def tell(self, number: int, index: int, value: float | None) -> None:
        """Tell the study the mean over the seeds once all of them have ended.

        Args:
            number: The configuration.
            index: Which of its seeds ended.
            value: Its objective; None if it failed.
        """
        import optuna

        values = self._values.setdefault(number, {})
        is_new = len(values) < self._search.num_seeds
        values[index] = value
        if len(values) < self._search.num_seeds or not is_new:
            # A failed trial that is resumed ends twice; Optuna takes one answer per question.
            return
        known = [one for one in values.values() if one is not None]
        if len(known) < len(values):
            self._study.tell(self._drawn[number], state=optuna.trial.TrialState.FAIL)
        else:
            self._study.tell(self._drawn[number], sum(known) / len(known))


def status_of(trial: Trial, tunes_status: str) -> TrialStatus:
    """Return how a trial ended, or that it has not ended.

    Args:
        trial: The trial.
        tunes_status: Its status before Tune ended; then all trials become TERMINATED.
    """
    if tunes_status == Trial.ERROR:
        return "failed"
    if tunes_status != Trial.TERMINATED:
        return "unfinished"
    return "done" if trial.should_stop(flatten(trial.last_result or {})) else "stopped early"


def searched_settings(search: Search | None, config: dict[str, Any]) -> dict[str, Any]:
    """Return the searched settings of a trial's config, by dotted keys."""
    return {key: config[key] for key in search.space} if search else {}


def _optuna(one: Distribution) -> optuna.distributions.BaseDistribution:
    from optuna.distributions import (
        CategoricalDistribution,
        FloatDistribution,
        IntDistribution,
    )

    if one.kind == "choice":
        # By index, since Optuna does not accept lists as categories.
        return CategoricalDistribution(range(len(one.values)))
    low, high = one.values
    if one.kind == "randint":
        return IntDistribution(low, high)
    return FloatDistribution(low, high, log=one.kind == "loguniform")


def _name(trial: Trial) -> str:
    return str(trial.trial_id)
