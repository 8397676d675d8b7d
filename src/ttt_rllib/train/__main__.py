"""`python -m ttt_rllib.train` is `ttt train`."""

from ttt_rllib.commands import run_command
from ttt_rllib.train.command import train

run_command(train)
