"""`python -m ttt_rllib` is the `ttt` command."""

from ttt_rllib.cli import main

main()
