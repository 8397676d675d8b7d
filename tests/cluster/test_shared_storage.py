"""A folder that not every node sees: nodes are processes here, and /proc/self differs for each."""

from pathlib import Path

import pytest

from ttt_rllib.cluster.shared_storage import check_shared
from ttt_rllib.errors import InputError


def test_a_folder_that_all_see_is_accepted_and_left_as_it_was(ray_cluster, tmp_path):
    check_shared(tmp_path / "results")
    assert list((tmp_path / "results").iterdir()) == []


def test_a_folder_that_a_node_does_not_see_is_refused_with_the_node_and_what_to_mount(
    ray_cluster, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=r"node \d+\.\d+\.\d+\.\d+ does not see it; .*ReadWriteMa"):
        check_shared(Path("/proc/self/cwd/results"))


def test_a_folder_that_cannot_be_made_is_refused():
    with pytest.raises(OSError, match=r"cannot be written to: .*'/proc/none'"):
        check_shared(Path("/proc/none"))
