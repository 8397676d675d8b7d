"""`ttt train EXPERIMENT`: train, prove, and leave a run directory.

The command loads, prepares, runs and reports; all rules are elsewhere. Heavy imports come late,
so that bad input and `--help` are answered at once.
"""

from __future__ import annotations

from contextlib import nullcontext, suppress
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from ttt_rllib.cluster.connection import StartError, disconnect, is_connected
from ttt_rllib.cluster.dashboard import dashboard_notice, dashboard_place
from ttt_rllib.cluster.placement import resource_request
from ttt_rllib.commands import (
    EXIT_BAD_INPUT,
    EXIT_DONE,
    EXIT_FAILED,
    EXIT_INTERRUPTED,
    one_line,
    output_is_optional,
    warn,
)
from ttt_rllib.config.cluster import Ray
from ttt_rllib.config.completion import complete_experiment, complete_override, complete_run
from ttt_rllib.config.env_settings import env_notes
from ttt_rllib.config.exact_settings import not_exact_reason, not_provable_reason
from ttt_rllib.config.experiment import Experiment
from ttt_rllib.config.loading import dump_experiment
from ttt_rllib.errors import InputError, NotReadyError
from ttt_rllib.evaluation.text import format_report
from ttt_rllib.metrics import TRAIN_S, flatten
from ttt_rllib.program import explains_options
from ttt_rllib.runs.directory import RunDir
from ttt_rllib.runs.lock import remove_stale_lock
from ttt_rllib.runs.summary import Session
from ttt_rllib.signals import raise_on_interrupts
from ttt_rllib.tracking.stage_lines import StageLines
from ttt_rllib.train.command_line import explain_option, overrides_of, split_words
from ttt_rllib.train.next_steps import next_steps, resume_command
from ttt_rllib.train.preparation import (
    RESULTS,
    Job,
    check_earlier_state,
    check_installed,
    check_keep_dashboard,
    check_storage,
    choose_run_dir,
    claim_earlier_run,
    claim_run_dir,
    find_job,
    join_cluster,
    resume_job,
    start_ray,
)

if TYPE_CHECKING:
    from ttt_rllib.runs.outcome import RunResult
    from ttt_rllib.train.live_page import LivePage

__all__ = ["train"]

POSITIONS_PER_S = "about a million in 2 seconds"
"""What a walk takes with a network of 128 and 128 units on one core."""
PORT = 8000
"""Where the page of a training is served unless told otherwise."""
ABORT_TIMEOUT_S = 2.0
"""How long W&B may take to end after an error or a second Ctrl-C."""


@explains_options(explain_option)
def train(
    experiment: Annotated[
        str | None,
        typer.Argument(
            metavar="EXPERIMENT",
            help="What to train: a YAML file, or the name of an experiment of the package.",
            autocompletion=complete_experiment,
        ),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="KEY=VALUE",
            help="Settings that differ from the file's; `ttt settings` shows all of them.",
            autocompletion=complete_override,
        ),
    ] = None,
    overrides: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="A setting as an option; may be repeated.",
            autocompletion=complete_override,
        ),
    ] = None,
    seed: Annotated[
        str | None, typer.Option(metavar="NUMBER", help="The same as seed=NUMBER.")
    ] = None,
    name: Annotated[
        str | None, typer.Option(metavar="NAME", help="Run id; by default date and time.")
    ] = None,
    storage: Annotated[Path, typer.Option(metavar="DIR", help="Folder for all results.")] = RESULTS,
    address: Annotated[
        str | None,
        typer.Option(
            envvar="RAY_ADDRESS",
            metavar="ADDRESS",
            help="Ray cluster to join; by default one is started.",
        ),
    ] = None,
    resume: Annotated[
        Path | None,
        typer.Option(metavar="RUN_DIR", help="Resume an earlier run.", autocompletion=complete_run),
    ] = None,
    resume_if_exists: Annotated[
        bool,
        typer.Option(
            "--resume-if-exists",
            help="With --name: start the run, resume it, or exit if it is already done; "
            "safe to re-run from a pod or cron.",
        ),
    ] = False,
    keep_dashboard: Annotated[
        bool,
        typer.Option("--keep-dashboard", help="Keep serving Ray's dashboard until Ctrl-C."),
    ] = False,
    wait: Annotated[
        float,
        typer.Option(
            min=0,
            metavar="SECONDS",
            help="Wait at most this long for room on the cluster, or for another process to "
            "release the run.",
        ),
    ] = 0.0,
    web: Annotated[
        bool, typer.Option("--web", help="Serve a page that shows the training.")
    ] = False,
    port: Annotated[
        int,
        typer.Option(
            min=0, max=65535, metavar="N", help="With --web: the port; 0 picks a free one."
        ),
    ] = PORT,
    plan: Annotated[
        bool, typer.Option("--plan", "--dry-run", help="Show what would run, and exit.")
    ] = False,
    print_config: Annotated[
        bool, typer.Option("--print-config", help="Print all settings as YAML, and exit.")
    ] = False,
) -> None:
    """Train an agent by self-play, and prove how good it is.

    Exit codes: 0 done, 1 the run failed or --wait ran out, 2 the input is wrong, 130 interrupted.
    """
    # A folder's name may look like rich's markup.
    console = Console(highlight=False, markup=False, emoji=False)
    raise_on_interrupts()
    if not plan and not print_config:
        output_is_optional()
    try:
        page_port = _page_port(port, web=web)
        experiment, words = split_words(experiment, settings or ())
        changes = overrides_of(overrides or (), words, seed)
        if resume is None:
            job = find_job(
                experiment, changes, storage, name, address, resume_if_exists=resume_if_exists
            )
        else:
            job = resume_job(resume, experiment, changes, name, address)
            check_storage(job, storage)
        if print_config:
            print(dump_experiment(job.experiment), end="")
            raise typer.Exit(EXIT_DONE)
        if keep_dashboard:
            check_keep_dashboard(job.experiment.ray, address)
        with nullcontext() if plan else claim_earlier_run(job, wait):
            if plan or job.is_done:
                code = _run(job, address, wait, console, plan_only=plan)
            else:
                from ttt_rllib.train.live_page import live_page

                with live_page(job.experiment, page_port, console) as page:
                    code = _run(job, address, wait, console, page)
        if keep_dashboard and code == EXIT_DONE and not plan:
            _keep_dashboard(job.experiment.ray, console)
    except InputError as error:
        warn(f"error: {error}")
        # A pod that waited in vain is to be started again; one with wrong input is not.
        in_vain = isinstance(error, NotReadyError) and wait > 0
        code = EXIT_FAILED if in_vain else EXIT_BAD_INPUT
    except StartError as error:
        warn(f"error: {error}")
        code = EXIT_FAILED
    except KeyboardInterrupt:
        warn("interrupted")
        code = EXIT_INTERRUPTED
    finally:
        disconnect()
    raise typer.Exit(code)


def _page_port(port: int, *, web: bool) -> int | None:
    """Return the port of the page; None = there is no page.

    Raises:
        InputError: If there is a port for no page.
    """
    if port != PORT and not web:
        raise InputError(f"--port {port}: is the page's; add --web, or drop --port")
    return port if web else None


def _run(
    job: Job,
    address: str | None,
    wait_s: float,
    console: Console,
    page: LivePage | None = None,
    *,
    plan_only: bool = False,
) -> int:
    """Take a job from its plan to its results; return the exit code."""
    if job.earlier is not None and job.is_done:
        return _tell_done(job.earlier, console, plan_only=plan_only)
    experiment, joined = job.experiment, address is not None
    if joined or not plan_only:
        check_installed()
    request = resource_request(experiment)
    nodes = join_cluster(request, address, wait_s)
    run = choose_run_dir(job, shared=joined)
    check_earlier_state(job, address)
    if not joined:
        dashboard_place(experiment.ray)
    console.print(request.describe(nodes), soft_wrap=True)
    for note in env_notes(experiment):
        warn(f"warning: {note}")
    notice = _measurement_notice(experiment)
    if notice is not None:
        console.print(notice, soft_wrap=True)
    if plan_only:
        return EXIT_DONE
    lines = StageLines(console, _process_start_s())
    try:
        lines.enter("starting Ray" if address is None else "importing Ray")
        start_ray(experiment.ray, address)
        from ttt_rllib.train.live_page import live_pictures

        with claim_run_dir(job, run) as run, live_pictures(run, page):
            notice = dashboard_notice(experiment.ray, joined)
            if notice is not None:
                console.print(notice, soft_wrap=True)
            lines.enter("starting the search" if experiment.search else "starting the trial")
            resume = job.earlier is not None
            return _execute(experiment, run, console, lines, page, resume=resume)
    except KeyboardInterrupt:
        # While the callbacks are imported: the run has its directory by then, and can be resumed.
        if not run.path.is_dir():
            raise
        warn("interrupted")
        return _tell_results(run, EXIT_INTERRUPTED, console)
    finally:
        lines.close()


def _tell_done(run: RunDir, console: Console, *, plan_only: bool) -> int:
    """Say that nothing is left to do, and leave the run as a complete one; return the code."""
    console.print("the run is done, there is nothing to resume", soft_wrap=True)
    remove_stale_lock(run.path)
    if not plan_only:
        _renew_report(run)
    console.print(f"results: {run.path}", soft_wrap=True)
    return EXIT_DONE


def _measurement_notice(experiment: Experiment) -> str | None:
    """Return what is measured instead where not every figure is exact; None where all are."""
    reason = not_exact_reason(experiment)
    if reason is None or experiment.env.game is None:
        return None if reason is None else f"{reason}: it trains, unmeasured"
    notice = f"{reason}: scores are sampled"
    if not_provable_reason(experiment) is not None:
        return notice
    notice += ", and what opponents can bring the agent to is walked"
    most = experiment.evaluation.certificate_positions
    if not most:
        return f"{notice}, without a certificate at the end"
    return (
        f"{notice}; the certificate at the end takes seconds if the agent can be beaten, else up "
        f"to {most:,} positions a seat, {POSITIONS_PER_S}"
    )


def _execute(
    experiment: Experiment,
    run: RunDir,
    console: Console,
    lines: StageLines,
    page: LivePage | None,
    *,
    resume: bool,
) -> int:
    """Run the trials and write down the results; return the exit code."""
    from ttt_rllib.tracking.live_page import LivePageCallback
    from ttt_rllib.tracking.prometheus import PrometheusCallback
    from ttt_rllib.tracking.search_progress import progress_of
    from ttt_rllib.tracking.start_progress import StartProgress
    from ttt_rllib.tracking.tensorboard import TensorBoardCallback
    from ttt_rllib.tracking.wandb import WandbCallback
    from ttt_rllib.tuning.run import RunFailedError, run_trials
    from ttt_rllib.tuning.session_callback import SessionCallback

    progress, start = progress_of(experiment, console), StartProgress(lines)
    wandb = WandbCallback(experiment, run)
    session = SessionCallback(run, _process_start_s())
    watchers = () if page is None else (LivePageCallback(page.feed),)
    prometheus = PrometheusCallback(experiment, run)
    callbacks = (session, prometheus, TensorBoardCallback(), wandb, *watchers)
    try:
        outcome = run_trials(
            experiment, run, progress, resume=resume, first=(start,), callbacks=callbacks
        )
        if page is not None:
            page.feed.prove()
        _finalize(experiment, run, outcome, session.session, console)
        code = _tell_errors(experiment, outcome)
        wandb.log_final_artifacts(outcome.best.folder if outcome.best else None)
        wandb.close(code)
    except KeyboardInterrupt:
        warn("interrupted")
        code = EXIT_INTERRUPTED
    except (RunFailedError, OSError) as error:
        warn(f"error: the run failed: {error}")
        code = EXIT_FAILED
    wandb.close(code, timeout_s=ABORT_TIMEOUT_S)
    return _tell_results(run, code, console)


def _tell_results(run: RunDir, code: int, console: Console) -> int:
    """Say what to do next and, last of all, where the results are; return the code."""
    if code != EXIT_DONE:
        warn(f"resume with: {resume_command(run)}")
    else:
        for line in next_steps(run, console.width):
            console.print(line, soft_wrap=True)
    console.print(f"results: {run.path}", soft_wrap=True)
    return code


def _finalize(
    experiment: Experiment,
    run: RunDir,
    outcome: RunResult,
    session: Session,
    console: Console,
) -> None:
    """Write the run's files and its report, and print the agent's figures and the times."""
    from ttt_rllib.train.finalize import finalize_run
    from ttt_rllib.train.search_result import best_settings

    assessed = finalize_run(experiment, run, outcome, session)
    _renew_report(run)
    if assessed is not None:
        console.print(f"\n{format_report(*assessed, console.width)}\n", soft_wrap=True)
    for line in best_settings(experiment, outcome):
        console.print(line, soft_wrap=True)
    train_s = flatten(outcome.best.result).get(TRAIN_S, 0.0) if outcome.best else 0.0
    console.print(
        f"set-up {session.setup_s:.1f} s, training {train_s:.1f} s, "
        f"this session {session.total_s:.1f} s"
    )


def _tell_errors(experiment: Experiment, outcome: RunResult) -> int:
    """Say what went wrong, trial by trial; return the exit code."""
    if outcome.interrupted:
        warn("interrupted")
        return EXIT_INTERRUPTED
    for trial in outcome.failed:
        which = f"trial {trial.name}" if experiment.search else "the trial"
        warn(f"error: {which} failed: {trial.error}")
        warn(f"details: {trial.folder / 'error.txt'}")
    if outcome.error is None:
        return EXIT_DONE
    if experiment.search or not outcome.failed:
        warn(f"error: {outcome.error}")
    return EXIT_FAILED


def _keep_dashboard(settings: Ray, console: Console) -> None:
    """Serve Ray's dashboard until Ctrl-C or SIGTERM, starting Ray if nothing has yet."""
    if not is_connected():
        start_ray(settings, None)
    console.print(f"{dashboard_notice(settings, False)}; Ctrl-C ends it", soft_wrap=True)
    with suppress(KeyboardInterrupt):
        Event().wait()


def _renew_report(run: RunDir) -> None:
    """Write the report unless it is right already; a kill may have prevented it."""
    from ttt_rllib.report.command import write_report

    try:
        write_report(run)
    except (InputError, OSError) as error:
        # The report can be made again, so it must not fail the run.
        warn(f"warning: no report: {one_line(error)}")


def _process_start_s() -> float:
    """Return when this process was started, so that imports count as set-up."""
    import psutil

    return float(psutil.Process().create_time())
