"""The `ttt` command: every command of the package as a subcommand."""

import sys
from pathlib import Path

from ttt_rllib.commands import run_command
from ttt_rllib.evaluate import evaluate
from ttt_rllib.export import export
from ttt_rllib.play.command import play
from ttt_rllib.report.command import report
from ttt_rllib.tournament import tournament
from ttt_rllib.train.command import train

__all__ = ["main"]


def main() -> None:
    """Run the command line.

    A module in the working directory, such as an environment, is found as by `python -m`.
    """
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    run_command(
        train,
        evaluate,
        export,
        report,
        play,
        tournament,
        name="ttt",
        help="Self-play reinforcement learning on RLlib that proves its result.",
    )
