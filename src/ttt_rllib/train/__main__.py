"""`python -m ttt_rllib.train` is `ttt train`."""

from ttt_rllib.commands import run_command_of

run_command_of("ttt_rllib.train.command", "train")
