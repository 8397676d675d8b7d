"""`python -m ttt_rllib.train` is `ttt train`."""

import sys

from ttt_rllib.cli import main

sys.argv.insert(1, "train")
main()
