"""`python -m ttt_rllib.train EXPERIMENT.yaml`: train, prove, and leave a run directory.

A door: it loads, plans, runs and writes down. Heavy imports come late, so that bad input
and `--help` answer at once.
"""

from __future__ import annotations

import time
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from ttt_rllib.cluster.connection import cluster_nodes, connect, disconnect, wait_for_resources
from ttt_rllib.cluster.dashboard import dashboard_notice, dashboard_place
from ttt_rllib.cluster.placement import check_resources, resource_request
from ttt_rllib.cluster.shared_storage import check_shared
from ttt_rllib.commands import EXIT_BAD_INPUT, EXIT_DONE, EXIT_FAILED, EXIT_INTERRUPTED, warn
from ttt_rllib.config.experiment import Experiment
from ttt_rllib.config.loading import load_experiment
from ttt_rllib.errors import InputError
from ttt_rllib.evaluation.text import NOT_PROVABLE, format_report
from ttt_rllib.exact.evaluation import solved_game
from ttt_rllib.metrics import EXACT_GROUPS
from ttt_rllib.runs.directory import RunDir, create_run_dir, new_run_dir, open_run_dir
from ttt_rllib.runs.lock import run_lock
from ttt_rllib.runs.summary import Session, is_done
from ttt_rllib.signals import deferred_interrupts, raise_on_interrupts

if TYPE_CHECKING:
    from ttt_rllib.runs.outcome import RunResult

__all__ = ["train"]

ABORT_TIMEOUT_S = 2.0
"""How long W&B may take to end after an error or a second Ctrl-C."""

UNKNOWN_GAME = (
    "the rules of this environment are not known here, so there is no agent/ and no proof"
)


@dataclass(frozen=True)
class Request:
    """What the command line asks for; see `train` for the meaning of each."""

    experiment: Path | None
    overrides: tuple[str, ...]
    name: str | None
    storage: Path
    address: str | None
    resume: Path | None
    resume_if_exists: bool
    keep_dashboard: bool
    wait_s: float
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
        str | None,
        typer.Option(envvar="RAY_ADDRESS", help="Ray cluster to join; none starts one here."),
    ] = None,
    resume: Annotated[
        Path | None, typer.Option(metavar="RUN_DIR", help="Go on with an earlier run.")
    ] = None,
    resume_if_exists: Annotated[
        bool,
        typer.Option("--resume-if-exists", help="With --name: go on with that run if it is there."),
    ] = False,
    keep_dashboard: Annotated[
        bool,
        typer.Option("--keep-dashboard", help="Serve Ray's dashboard on until Ctrl-C."),
    ] = False,
    wait: Annotated[
        float,
        typer.Option(
            min=0, metavar="SECONDS", help="For a trial to fit, or another process to end."
        ),
    ] = 0.0,
    plan: Annotated[bool, typer.Option("--plan", help="Show what would run, and end.")] = False,
) -> None:
    """Train an agent by self-play, and prove how good it is.

    Exit codes: 0 done, 1 the run failed, 2 the input is wrong, 130 interrupted.
    """
    request = Request(
        experiment=experiment,
        overrides=tuple(overrides or ()),
        name=name,
        storage=storage,
        address=address,
        resume=resume,
        resume_if_exists=resume_if_exists,
        keep_dashboard=keep_dashboard,
        wait_s=wait,
        plan=plan,
    )
    # A folder's name may look like rich's markup.
    console = Console(highlight=False, markup=False, emoji=False)
    raise_on_interrupts()
    try:
        earlier, settings = _load(request)
        with ExitStack() as held:
            run = _prepare(request, earlier, settings, console, held)
            code = EXIT_DONE if run is None else _execute(settings, run, request, console)
        if keep_dashboard and code == EXIT_DONE and not plan:
            _keep_dashboard(settings, run is not None, console)
    except InputError as error:
        warn(f"error: {error}")
        code = EXIT_BAD_INPUT
    except KeyboardInterrupt:
        warn("interrupted")
        code = EXIT_INTERRUPTED
    finally:
        disconnect()
    raise typer.Exit(code)


def _prepare(
    request: Request,
    run: RunDir | None,
    experiment: Experiment,
    console: Console,
    held: ExitStack,
) -> RunDir | None:
    """Check everything before anything is written; None if there is nothing to run."""
    if request.keep_dashboard and not experiment.ray.include_dashboard:
        raise InputError("--keep-dashboard: there is none; add --set ray.include_dashboard=true")
    if request.keep_dashboard and request.address is not None:
        raise InputError("--keep-dashboard: the cluster of --address has its own")
    if run is not None and _is_over(run, request, console, held):
        return None
    plan = resource_request(experiment)
    if request.address is not None:
        connect(request.address)
        wait_for_resources(plan, request.wait_s)
    nodes = cluster_nodes(request.address)
    check_resources(plan, nodes)
    console.print(plan.describe(nodes), soft_wrap=True)
    if request.plan:
        return None
    _check_measurable(experiment, console)
    is_new = run is None
    run = run or new_run_dir(experiment, request.storage, request.name)
    if request.address is not None:
        check_shared(request.storage if is_new else run.path)
    console.print("starting Ray and the trial ...")
    with deferred_interrupts():
        if request.address is None:
            connect(None, dashboard_place(experiment.ray))
        import_module("ttt_rllib.tuning.run")
    if is_new:
        create_run_dir(run, experiment)
        held.enter_context(run_lock(run.path, 0.0))
    notice = dashboard_notice(experiment.ray, request.address is not None)
    if notice is not None:
        console.print(notice, soft_wrap=True)
    return run


def _is_over(run: RunDir, request: Request, console: Console, held: ExitStack) -> bool:
    """Tell whether an earlier run needs nothing more; if not, keep other processes from it."""
    if not request.plan and not is_done(run.path):
        held.enter_context(run_lock(run.path, request.wait_s))
    # The process that was waited for may have ended it.
    if not is_done(run.path):
        return False
    console.print("the run is done, there is nothing to resume", soft_wrap=True)
    _renew_report(run)
    console.print(f"results: {run.path}", soft_wrap=True)
    return True


def _keep_dashboard(experiment: Experiment, has_ray: bool, console: Console) -> None:
    """Serve Ray's dashboard until Ctrl-C or SIGTERM, starting Ray if nothing did yet."""
    if not has_ray:
        with deferred_interrupts():
            connect(None, dashboard_place(experiment.ray))
    notice = dashboard_notice(experiment.ray, False)
    console.print(f"{notice}; Ctrl-C ends it", soft_wrap=True)
    with suppress(KeyboardInterrupt):
        Event().wait()


def _check_measurable(experiment: Experiment, console: Console) -> None:
    """Say so if the agent cannot be measured exactly, and refuse to wait until it is."""
    game = experiment.env.game
    if solved_game(game) is not None:
        return
    reason = UNKNOWN_GAME if game is None else NOT_PROVABLE
    if experiment.stop.consecutive_unexploitable_evals:
        raise InputError(
            f"stop.consecutive_unexploitable_evals can never be met: {reason}; "
            "stop by moves, train_s or iterations"
        )
    objective, _ = experiment.objective
    if experiment.search and objective.startswith(EXACT_GROUPS):
        raise InputError(
            f"search.objective {objective} can never be measured: {reason}; set one of play/"
        )
    consequence = "it trains, unmeasured" if game is None else "scores are sampled"
    console.print(f"{reason}: {consequence}", soft_wrap=True)


def _execute(experiment: Experiment, run: RunDir, request: Request, console: Console) -> int:
    from ttt_rllib.tracking.progress import Progress
    from ttt_rllib.tracking.prometheus import PrometheusCallback
    from ttt_rllib.tracking.search_progress import SearchProgress
    from ttt_rllib.tracking.wandb import WandbCallback
    from ttt_rllib.tuning.run import RunFailedError, run_trials

    truth = solved_game(experiment.env.game)
    progress: Progress | SearchProgress
    if experiment.search:
        progress = SearchProgress(console, experiment)
    else:
        progress = Progress(console, truth.ceilings if truth else None, experiment.stop)
    resume = request.resume is not None or request.resume_if_exists
    wandb = WandbCallback(experiment, run)
    callbacks = (PrometheusCallback(experiment, run), wandb)
    try:
        outcome = run_trials(experiment, run, progress, resume=resume, callbacks=callbacks)
        code = _finalize(experiment, run, outcome, progress.first_result_s, console)
        wandb.log_final_artifacts(outcome.best.folder if outcome.best else None)
        wandb.close(code)
    except KeyboardInterrupt:
        warn("interrupted")
        code = EXIT_INTERRUPTED
    except (RunFailedError, OSError) as error:
        warn(f"error: the run failed: {error}")
        code = EXIT_FAILED
    wandb.close(code, timeout_s=ABORT_TIMEOUT_S)
    if code != EXIT_DONE:
        warn(f"go on with: python -m ttt_rllib.train --resume {run.path}")
    console.print(f"results: {run.path}", soft_wrap=True)
    return code


def _finalize(
    experiment: Experiment,
    run: RunDir,
    outcome: RunResult,
    first_result_s: float | None,
    console: Console,
) -> int:
    from ttt_rllib.train.finalize import finalize_run

    started_s, ended_s = _process_start_s(), time.time()
    session = Session(
        setup_s=round((first_result_s or ended_s) - started_s, 3),
        total_s=round(ended_s - started_s, 3),
    )
    best = outcome.best
    train_s = float(best.result.get("perf", {}).get("train_s", 0.0)) if best else 0.0
    assessed = finalize_run(experiment, run, outcome, session)
    _renew_report(run)
    if assessed is not None:
        console.print("\n" + format_report(*assessed) + "\n", soft_wrap=True)
    console.print(
        f"set-up {session.setup_s:.1f} s, training {train_s:.1f} s, "
        f"this session {session.total_s:.1f} s"
    )
    if outcome.interrupted:
        warn("interrupted")
        return EXIT_INTERRUPTED
    failed = [trial for trial in outcome.trials if trial.error is not None]
    for trial in failed:
        which = f"trial {trial.name}" if experiment.search else "the trial"
        warn(f"error: {which} failed: {trial.error}")
        warn(f"details: {trial.folder / 'error.txt'}")
    if best is None:
        warn("error: no trial was started")
    return EXIT_FAILED if best is None or best.error is not None else EXIT_DONE


def _renew_report(run: RunDir) -> None:
    """Write the report unless it is newer than the summary; a kill may have come between them."""
    from ttt_rllib.report.command import is_newest, write_report

    try:
        if not is_newest(run):
            write_report(run)
    except InputError as error:
        # Can be made again, and is not worth the run.
        warn(f"warning: no report: {error}")


def _load(request: Request) -> tuple[RunDir | None, Experiment]:
    if request.resume is None:
        if request.experiment is None:
            raise InputError("which experiment? for example experiments/ppo.yaml")
        experiment = load_experiment(request.experiment, request.overrides)
        return _existing(request, experiment), experiment
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


def _existing(request: Request, experiment: Experiment) -> RunDir | None:
    """Return the run of this name if it was ever begun, for --resume-if-exists."""
    if not request.resume_if_exists:
        return None
    if request.name is None:
        raise InputError("--resume-if-exists: which run? give its --name")
    path = request.storage.absolute() / experiment.name / request.name
    if not path.exists():
        return None
    run, saved = open_run_dir(path)
    if saved != experiment:
        raise InputError(f"{run.experiment}: differs from what is asked for; take another --name")
    return run


def _process_start_s() -> float:
    """Return when this process was started, so that imports count as set-up."""
    import psutil

    return float(psutil.Process().create_time())
