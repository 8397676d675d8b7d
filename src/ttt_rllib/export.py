"""`python -m ttt_rllib.export CHECKPOINT --to DIR`: the agent to take away; no ray, no torch."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Annotated

import typer

from ttt_rllib.agents.afterstates import AfterstatePolicy
from ttt_rllib.agents.bundle import (
    AGENT_FILE,
    ONNX_FILE,
    WEIGHTS_FILE,
    Bundle,
    BundleError,
    save_bundle,
)
from ttt_rllib.agents.lookahead import MAX_PLIES, LookaheadPolicy
from ttt_rllib.agents.onnx import INSTALL, OPSET, TOLERANCE, build_model, compare
from ttt_rllib.agents.own_network import OwnNetworkPolicy
from ttt_rllib.agents.policies import NetworkPolicy
from ttt_rllib.commands import EXIT_BAD_INPUT, EXIT_DONE, EXIT_FAILED, run_command, warn
from ttt_rllib.config.completion import complete_run
from ttt_rllib.errors import InputError, file_error
from ttt_rllib.evaluation.evaluate_agent import evaluate_agent
from ttt_rllib.exact.solved_game import solved_game
from ttt_rllib.runs.bundles import find_bundle
from ttt_rllib.runs.certificate_json import (
    CERTIFICATE_FILE,
    AgentCertificate,
    certificate_of,
    read_certificate,
    write_certificate,
)
from ttt_rllib.runs.files import folder_in_the_making
from ttt_rllib.text_files import read_json_file

__all__ = ["export"]

BUNDLE_FILES = {AGENT_FILE, WEIGHTS_FILE, ONNX_FILE, CERTIFICATE_FILE}


class ExportError(RuntimeError):
    """The agent could not be exported as it should be."""


def export(
    checkpoint: Annotated[
        Path,
        typer.Argument(
            metavar="CHECKPOINT",
            help="A run, a checkpoint or a bundle.",
            autocompletion=complete_run,
        ),
    ],
    to: Annotated[
        Path, typer.Option(metavar="DIR", help="New folder, or a bundle to be replaced.")
    ],
    onnx: Annotated[bool, typer.Option("--onnx", help=f"Add {ONNX_FILE}.")] = False,
    lookahead: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=MAX_PLIES,
            metavar="N",
            help=f"Plies that the exported agent looks ahead, 0 (none) to {MAX_PLIES}; by default "
            "unchanged.",
        ),
    ] = None,
) -> None:
    """Write an agent, with its certificate, as a bundle that loads with NumPy alone.

    Exit codes: 0 done, 1 agent.onnx differs from the agent, 2 the input is wrong.
    """
    code = EXIT_DONE
    try:
        bundle = find_bundle(checkpoint)
        if lookahead is not None:
            bundle = _looking_ahead(bundle, lookahead)
        target = _checked_target(to)
        stored = _stored_certificate(checkpoint, bundle)
        with folder_in_the_making(target) as part:
            checked = _fill(part, bundle, stored, with_onnx=onnx)
    except (BundleError, InputError) as error:
        warn(f"error: {error}")
        code = EXIT_BAD_INPUT
    except OSError as error:
        raise file_error(to, "cannot be written", error) from None
    except ExportError as error:
        warn(f"error: {error}")
        code = EXIT_FAILED
    else:
        if checked:
            print(checked)
        print(f"bundle: {to}")
    raise typer.Exit(code)


def _looking_ahead(bundle: Bundle, plies: int) -> Bundle:
    """Return the agent that looks so many plies ahead; 0 = its network alone.

    Raises:
        InputError: If it has a network for each seat, or a user's own.
    """
    policy = bundle.policy
    network = policy.policy if isinstance(policy, LookaheadPolicy) else policy
    if not plies:
        return Bundle(network, bundle.provenance)
    if not isinstance(network, NetworkPolicy):
        raise InputError(
            f"--lookahead {plies}: the agent has a network for each seat, or a user's own; leave "
            "--lookahead out"
        )
    return Bundle(LookaheadPolicy(network, plies), bundle.provenance)


def _checked_target(to: Path) -> Path:
    """Return the resolved folder, if nothing but a bundle would be overwritten.

    Raises:
        InputError: If something else is there.
    """
    target = Path(os.path.realpath(to))  # `Path.resolve` raises where links form a loop
    if target == Path.cwd():
        raise InputError(f"--to {to}: is the working directory; give a new folder")
    if target.is_symlink():
        raise InputError(f"--to {to}: is a link that leads to itself; give a new folder")
    if target.exists() and not target.is_dir():
        raise InputError(f"--to {to}: is a file; give a new folder")
    files = {entry.name for entry in target.iterdir()} if target.exists() else set()
    if files and not (_is_bundle(target) and files <= BUNDLE_FILES):
        foreign = sorted(files - BUNDLE_FILES) or sorted(files)
        raise InputError(
            f"--to {to}: is no bundle and not empty, it holds {foreign[0]}; give a new folder"
        )
    return target


def _is_bundle(folder: Path) -> bool:
    """Tell whether a folder describes an agent, be it one that does not load."""
    try:
        agent = read_json_file(folder / AGENT_FILE)
    except (OSError, ValueError):
        return False
    return isinstance(agent, dict) and agent.get("format") == "ttt_rllib.agent"


def _stored_certificate(path: Path, bundle: Bundle) -> AgentCertificate | None:
    """Return the certificate that lies beside an agent; None if there is none about this agent.

    It is not looked for where it will be made again.

    Raises:
        InputError: If it is damaged.
    """
    if solved_game(bundle.policy.game) is not None:
        return None
    place = path.parent if path.is_file() else path
    certificate = read_certificate(place / CERTIFICATE_FILE)
    return certificate if certificate is not None and certificate.is_about(bundle) else None


def _fill(
    folder: Path, bundle: Bundle, stored: AgentCertificate | None, *, with_onnx: bool
) -> str | None:
    """Write all files; return what the comparison of agent.onnx found, if it was made.

    The certificate is made again where that is quick; else the agent keeps the one that it has.

    Raises:
        InputError: If onnx is not installed, or no model can play as the agent does.
        ExportError: If agent.onnx does not answer like the agent.
    """
    save_bundle(bundle.policy, folder, bundle.provenance)
    if solved_game(bundle.policy.game) is not None:
        certificate = evaluate_agent(bundle.policy).certificate
        stored = certificate_of(bundle, certificate) if certificate is not None else None
    if stored is not None:
        write_certificate(folder / CERTIFICATE_FILE, stored)
    if isinstance(bundle.policy, OwnNetworkPolicy) and bundle.policy.model is not None:
        # It plays where the class cannot be imported, and there it cannot be made.
        shutil.copy(bundle.policy.model.path, folder / ONNX_FILE)
        return None
    return _add_onnx(folder / ONNX_FILE, bundle) if with_onnx else None


def _add_onnx(path: Path, bundle: Bundle) -> str | None:
    if isinstance(bundle.policy, LookaheadPolicy):
        raise InputError(
            "--onnx: the agent looks ahead, which a model of its network cannot do; leave --onnx "
            "out, or add --lookahead 0"
        )
    if isinstance(bundle.policy, AfterstatePolicy):
        raise InputError(
            "--onnx: the agent was trained by td and plays what it finds by making its moves, "
            "which a model of its network alone cannot do; leave --onnx out"
        )
    try:
        path.write_bytes(build_model(bundle))
    except ModuleNotFoundError as error:
        raise InputError(f"--onnx: {error.name} is not installed; {INSTALL}") from None
    try:
        difference = compare(path, bundle)
    except ModuleNotFoundError as error:
        warn(f"{ONNX_FILE} was not checked: {error.name} is not installed; {INSTALL}")
        return None
    if difference.greatest > TOLERANCE:
        raise ExportError(
            f"{ONNX_FILE} differs from the agent by {difference.greatest:.1e} of the greatest "
            f"value, more than {TOLERANCE:.0e}; nothing was written"
        )
    return (
        f"{ONNX_FILE}: opset {OPSET}, within {difference.greatest:.1e} of the agent's "
        f"greatest value in {difference.positions:,} positions"
    )


if __name__ == "__main__":
    run_command(export)
