"""A checkpoint is complete or none: any truncated, changed or missing file is noticed."""

import shutil

import pytest

from ttt_rllib.runs.checkpoints import MANIFEST, is_complete, latest_complete, write_manifest


@pytest.fixture
def checkpoint(tmp_path):
    folder = tmp_path / "checkpoint_000001"
    (folder / "learner").mkdir(parents=True)
    (folder / "algorithm_state.pkl").write_bytes(b"a" * 100)
    (folder / "learner" / "weights").write_bytes(b"b" * 100)
    write_manifest(folder)
    return folder


def test_a_sealed_checkpoint_is_whole_also_with_what_tune_adds(checkpoint):
    assert is_complete(checkpoint)
    (checkpoint / ".tune_metadata").write_bytes(b"x")
    assert is_complete(checkpoint)


@pytest.mark.parametrize("name", ["algorithm_state.pkl", "learner/weights", MANIFEST])
@pytest.mark.parametrize("damage", ["missing", "truncated", "empty", "changed"])
def test_any_damage_to_any_file_is_noticed(checkpoint, name, damage):
    path = checkpoint / name
    content = path.read_bytes()
    damaged = {
        "truncated": content[:-1],
        "empty": b"",
        "changed": content.replace(content[-10:-9], b"\x00"),
    }
    path.unlink() if damage == "missing" else path.write_bytes(damaged[damage])
    assert not is_complete(checkpoint)


def test_a_file_that_became_a_link_to_what_has_no_end_is_noticed(checkpoint):
    for name in ("algorithm_state.pkl", MANIFEST):
        (checkpoint / name).unlink()
        (checkpoint / name).symlink_to("/dev/zero")
        assert not is_complete(checkpoint)


def test_the_newest_whole_checkpoint_up_to_the_wanted_one_is_found_past_damaged_ones(checkpoint):
    trial = checkpoint.parent
    for number in (2, 10, 11):
        shutil.copytree(checkpoint, trial / f"checkpoint_{number:06d}")
    wanted = trial / "checkpoint_000010"
    assert latest_complete(wanted) == wanted
    (wanted / "algorithm_state.pkl").unlink()
    assert latest_complete(wanted).name == "checkpoint_000002"
    shutil.rmtree(trial / "checkpoint_000002")
    (checkpoint / MANIFEST).unlink()
    assert latest_complete(wanted) is None
