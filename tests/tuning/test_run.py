"""What the driver imports before it runs the trials."""

from __future__ import annotations

from tests.commands import run_program

PROGRAM = """
import sys
from ttt_rllib.tuning import run
run._import_tensorboardx()
assert "tensorboardX" in sys.modules and "torch" not in sys.modules
import torch
from tensorboardX import SummaryWriter
with SummaryWriter(sys.argv[1]) as writer:
    writer.add_scalar("ray/tune/learner/kl", 0.25, 1)
"""


def test_the_driver_writes_for_tensorboard_without_torch_which_can_be_imported_later(tmp_path):
    done = run_program(PROGRAM, tmp_path)
    assert done.returncode == 0, done.stderr
    assert next(path.name for path in tmp_path.iterdir()).startswith("events.out.tfevents.")
