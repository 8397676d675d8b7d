"""The `ttt` command: every door of the package as a subcommand."""

from ttt_rllib.door import program
from ttt_rllib.evaluate import evaluate
from ttt_rllib.train import train

__all__ = ["main"]

app = program(
    name="ttt",
    help="Self-play reinforcement learning on RLlib that proves its result.",
    no_args_is_help=True,
)
app.command("train")(train)
app.command("evaluate")(evaluate)


def main() -> None:
    """Run the command line."""
    app()
