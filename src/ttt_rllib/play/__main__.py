"""`python -m ttt_rllib.play` is `ttt play`."""

from ttt_rllib.door import run
from ttt_rllib.play.command import play

run(play)
