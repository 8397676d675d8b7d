"""`python -m ttt_rllib.train EXPERIMENT.yaml`: train, prove, and leave a run directory.

A door: it loads, plans, runs and writes down. Heavy imports come late, so that bad input
and `--help` answer at once.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from ttt_envs.positions import TooManyPositionsError
from ttt_rllib.cluster import check_plan, cluster_size, connect, make_plan
from ttt_rllib.door import EXIT_BAD_INPUT, EXIT_DONE, EXIT_FAILED, EXIT_INTERRUPTED
from ttt_rllib.door import run as run_door
from ttt_rllib.exact.report import truth_of
from ttt_rllib.experiment import Experiment
from ttt_rllib.experiment_file import load_experiment
from ttt_rllib.rundir import RunDir, create_run_dir, open_run_dir
from ttt_rllib.wrong_input import InputError

if TYPE_CHECKING:
    from ttt_rllib.tuning import TrialOutcome

__all__ = ["train"]


@dataclass(frozen=True)
class Request:
    """What the command line asks for; see `train` for the meaning of each."""

    experiment: Path | None
    overrides: tuple[str, ...]
    name: str | None
    storage: Path
    address: str | None
    resume: Path | None
    plan: bool


def train(
    experiment: Annotated[
        Path | None, typer.Argument(metavar="EXPERIMENT.yaml", help="What to train.")
    ] = None,
    overrides: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Override a setting.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="Run id instead of date and time.")] = None,
    storage: Annotated[Path, typer.Option(help="Folder of all results.")] = Path("results"),
    address: Annotated[
        str | None, typer.Option(help="Ray cluster to join; without it one is started here.")
    ] = None,
    resume: Annotated[
        Path | None, typer.Option(metavar="RUN_DIR", help="Go on with an earlier run.")
    ] = None,
    plan: Annotated[bool, typer.Option("--plan", help="Show what would run, and end.")] = False,
) -> None:
    """Train an agent by self-play, and prove how good it is.

    Exit codes: 0 done, 1 the run failed, 2 the input is wrong, 130 interrupted.
    """
    request = Request(experiment, tuple(overrides or ()), name, storage, address, resume, plan)
    try:
        code = _run(request, Console(highlight=False))
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        code = EXIT_BAD_INPUT
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        code = EXIT_INTERRUPTED
    raise typer.Exit(code)


def _run(request: Request, console: Console) -> int:
    started_s = _process_start_s()
    run, experiment = _load(request)
    plan = make_plan(experiment)
    if request.address is not None:
        connect(request.address)
    cpus, gpus = cluster_size(request.address)
    check_plan(plan, cpus, gpus)
    console.print(plan.describe(cpus, gpus), soft_wrap=True)
    if request.plan:
        return EXIT_DONE
    ceilings = _ceilings(experiment)
    if ceilings is None:
        console.print("the game has too many positions for exact evaluation: no exact/* metrics")
    run = run or create_run_dir(experiment, request.storage, request.name)
    console.print("starting Ray and the trial ...")
    if request.address is None:
        connect(None)

    from ttt_rllib.conclusion import conclude
    from ttt_rllib.tracking import Progress
    from ttt_rllib.tuning import run_trials

    progress = Progress(console, ceilings)
    outcome = run_trials(experiment, run, progress, _warn, resume=request.resume is not None)
    trained_s = time.time()
    first_s = progress.first_result_s or trained_s
    wall_s = {
        "setup_s": round(first_s - started_s, 3),
        "train_s": round(float(outcome.result.get("perf", {}).get("train_s", 0.0)), 3),
        "total_s": round(trained_s - started_s, 3),
    }
    assessed = conclude(experiment, run, outcome, wall_s)
    if assessed is not None:
        from ttt_rllib.assessment import describe

        console.print("\n" + describe(*assessed) + "\n", soft_wrap=True)
    console.print(
        f"set-up {wall_s['setup_s']:.1f} s, training {wall_s['train_s']:.1f} s, "
        f"in all {wall_s['total_s']:.1f} s"
    )
    return _end(outcome, run, console)


def _load(request: Request) -> tuple[RunDir | None, Experiment]:
    if request.resume is None:
        if request.experiment is None:
            raise InputError("which experiment? for example experiments/ppo.yaml")
        return None, load_experiment(request.experiment, request.overrides)
    run, saved = open_run_dir(request.resume)
    if request.overrides or request.name:
        raise InputError(
            "--resume keeps the settings and the name of the run; drop --set and --name"
        )
    if request.experiment is not None and load_experiment(request.experiment) != saved:
        raise InputError(
            f"{request.experiment}: differs from {run.experiment}; "
            "leave it out to resume, or start a new run"
        )
    return run, saved


def _ceilings(experiment: Experiment) -> tuple[float, float] | None:
    try:
        ceilings = truth_of(experiment.env.game).ceilings
    except TooManyPositionsError:
        return None
    return ceilings.as_x, ceilings.as_o


def _end(outcome: TrialOutcome, run: RunDir, console: Console) -> int:
    code = EXIT_DONE
    if outcome.interrupted:
        resume = f"python -m ttt_rllib.train --resume {run.path}"
        print(f"interrupted; go on with: {resume}", file=sys.stderr)
        code = EXIT_INTERRUPTED
    elif outcome.error is not None:
        print(f"error: the trial failed: {outcome.error}", file=sys.stderr)
        code = EXIT_FAILED
    console.print(f"results: {run.path}", soft_wrap=True)
    return code


def _warn(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)


def _process_start_s() -> float:
    """Return when this process was started, so that imports count as set-up."""
    import psutil

    return float(psutil.Process().create_time())


if __name__ == "__main__":
    run_door(train)
