"""The same plain tic-tac-toe as for `analysis`."""

from tests.analysis.conftest import lines_to, naive

__all__ = ["lines_to", "naive"]
