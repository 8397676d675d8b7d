"""No figure depends on the processor: what computes with BLAS passes under its other kernels.

OpenBLAS picks its kernels by the processor, and each adds in a different order. The kernel
is chosen before numpy is loaded, so the tests run in a separate process here.
"""

from __future__ import annotations

import ctypes
import platform
from pathlib import Path

import numpy as np
import pytest
from numpy._core._multiarray_umath import __cpu_features__

from tests.commands import THOROUGH, run_program

# What OpenBLAS calls them: it knows Prescott's kernel, the plainest one, by an older name too.
NAMES = {"Prescott": {"Prescott", "Katmai"}, "Haswell": {"Haswell"}}
# Whole files that compute with BLAS, and of the exact figures those of whole reports.
QUICK = (
    "tests/agents/test_bundle.py",
    "tests/agents/test_policies.py",
    "tests/exact/test_evaluation.py",
    "tests/sampling/test_rollout.py",
    "tests/test_export.py",
)
ALL = (
    "tests/agents",
    "tests/analysis",
    "tests/evaluation",
    "tests/exact/test_evaluation.py",
    "tests/rl/test_actor_critic.py",
    "tests/rl/test_ppo_learner.py",
    "tests/rl/test_dqn_learner.py",
    "tests/sampling/test_rollout.py",
    "tests/test_export.py",
)

# Says under which kernel the tests that follow in this very process run.
PROGRAM = """
import sys
import pytest
from tests.test_kernels import kernel
print(f"kernel: {kernel()}", flush=True)
sys.exit(pytest.main(["-q", "-n", "0", "-p", "no:cacheprovider", *sys.argv[1:]]))
"""


def kernel() -> str | None:
    """Return the name of numpy's OpenBLAS kernel, None if numpy has another BLAS."""
    libraries = Path(np.__file__).parents[1] / "numpy.libs"
    for library in libraries.glob("*openblas*"):
        name = ctypes.CDLL(str(library)).scipy_openblas_get_corename64_
        name.restype = ctypes.c_char_p
        return str(name().decode())
    return None


@pytest.mark.parametrize(
    ("name", "files"),
    [
        ("Prescott", QUICK),
        pytest.param("Haswell", ALL if THOROUGH else QUICK, marks=pytest.mark.long),
    ],
    ids=["Prescott", "Haswell"],
)
def test_figures_hold_under_another_blas_kernel(name, files, tmp_path):
    if platform.machine() != "x86_64" or kernel() is None:
        pytest.skip("numpy computes here with no OpenBLAS that knows the kernels of x86-64")
    if name == "Haswell" and not __cpu_features__["AVX2"]:
        pytest.skip("this processor has no AVX2")
    done = run_program(
        PROGRAM,
        f"--basetemp={tmp_path / 'inner'}",
        *files,
        env={"OPENBLAS_CORETYPE": name},
    )
    kernel_then = done.stdout.splitlines()[0].removeprefix("kernel: ")
    assert kernel_then in NAMES[name], done.stdout
    assert done.returncode == 0, done.stdout
