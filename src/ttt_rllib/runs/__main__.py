"""`python -m ttt_rllib.runs` is `ttt runs`."""

from ttt_rllib.commands import run_command
from ttt_rllib.runs.command import runs

run_command(runs)
