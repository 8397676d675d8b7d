"""`python -m ttt_rllib.report` is `ttt report`."""

from ttt_rllib.commands import run_command
from ttt_rllib.report.command import report

run_command(report)
