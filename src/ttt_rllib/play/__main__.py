"""`python -m ttt_rllib.play` is `ttt play`."""

from ttt_rllib.commands import run_command
from ttt_rllib.play.command import play

run_command(play)
