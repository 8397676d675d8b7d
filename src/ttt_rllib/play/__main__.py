"""`python -m ttt_rllib.play` is `ttt play`."""

from ttt_rllib.commands import run_command_of

run_command_of("ttt_rllib.play.command", "play")
