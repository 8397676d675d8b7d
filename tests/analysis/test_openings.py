"""Openings up to symmetry against counts by hand."""

from ttt_envs import CONNECT_FOUR
from ttt_rllib.analysis.openings import openings


def test_connect_four_has_as_many_openings_as_mirrored_columns():
    # 7 columns have 4 kinds under the mirror; of 49 pairs one is its own mirror image.
    lengths = [len(record.moves) for record in openings(CONNECT_FOUR)]
    assert [lengths.count(ply) for ply in range(3)] == [1, 4, 25]
