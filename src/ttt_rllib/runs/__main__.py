"""`python -m ttt_rllib.runs` is `ttt runs`."""

from ttt_rllib.commands import run_command_of

run_command_of("ttt_rllib.runs.command", "runs")
