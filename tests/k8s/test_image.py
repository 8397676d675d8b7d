"""The Dockerfile, as hadolint reads it."""

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent


@pytest.mark.skipif(shutil.which("hadolint") is None, reason="the k8s extra")
def test_hadolint_has_nothing_to_say():
    linted = subprocess.run(
        ["hadolint", "Dockerfile"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (linted.returncode, linted.stdout) == (0, "")
