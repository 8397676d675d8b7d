"""`python -m ttt_rllib.report` is `ttt report`."""

from ttt_rllib.commands import run_command_of

run_command_of("ttt_rllib.report.command", "report")
