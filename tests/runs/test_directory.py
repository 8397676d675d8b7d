"""The run directory: made once, opened again, and never outside its folder."""

from pathlib import Path

import pytest

from ttt_rllib.config.experiment import Experiment
from ttt_rllib.errors import InputError
from ttt_rllib.runs.directory import create_run_dir, new_run_dir, open_run_dir
from ttt_rllib.runs.files import write_atomic
from ttt_rllib.runs.listing import read_row


def test_a_file_is_replaced_whole_and_nothing_is_left_beside_it(tmp_path):
    path = tmp_path / "x.json"
    write_atomic(path, "old")
    write_atomic(path, "new")
    assert path.read_text() == "new"
    assert [p.name for p in tmp_path.iterdir()] == ["x.json"]


def create(experiment, storage, name):
    run = new_run_dir(experiment, storage, name)
    create_run_dir(run, experiment)
    return run


def test_a_run_is_made_once_and_can_be_opened_again(tmp_path):
    experiment = Experiment(name="e", seed=4)
    run = create(experiment, tmp_path, "a")
    assert run.path == tmp_path / "e" / "a"
    with pytest.raises(InputError, match="exists already; take another --name, or --resume"):
        create(experiment, tmp_path, "a")
    run.trials.mkdir()
    assert open_run_dir(run.path) == (run, experiment)


def test_a_run_has_its_name_also_where_it_is_given_from_inside(tmp_path, monkeypatch):
    run = create(Experiment(name="e"), tmp_path, "a")
    run.trials.mkdir()
    monkeypatch.chdir(run.trials)
    assert open_run_dir(Path(".."))[0].path == run.path
    assert read_row(Path("..")).name == "e/a"
    link = tmp_path / "link"
    link.symlink_to(run.path)
    assert open_run_dir(link)[0].path == link


def test_two_runs_within_a_second_have_different_ids(tmp_path):
    runs = {create(Experiment(), tmp_path, None).path for _ in range(5)}
    assert len(runs) == 5


def test_runs_that_are_prepared_in_the_same_second_get_different_ids(tmp_path):
    chosen = [new_run_dir(Experiment(), tmp_path, None) for _ in range(5)]
    made = [
        create_run_dir(run, Experiment(seed=seed), is_named=False)
        for seed, run in enumerate(chosen)
    ]
    assert len({run.path for run in made}) == 5
    assert [open_run_dir(run.path)[1].seed for run in made] == [0, 1, 2, 3, 4]
    assert len(list((tmp_path / "experiment").iterdir())) == 5


def test_a_pod_with_the_same_process_number_spoils_no_directory_in_the_making(
    tmp_path, monkeypatch
):
    run = new_run_dir(Experiment(), tmp_path, "a")

    def others(_):
        with monkeypatch.context() as other:
            other.setattr("socket.gethostname", lambda: "another-pod")
            create_run_dir(run, Experiment(seed=2))
        with pytest.raises(OSError, match="cannot be made: File exists"):
            create_run_dir(run, Experiment(seed=3))

    with pytest.raises(OSError, match="cannot be made: Directory not empty"):
        create_run_dir(run, Experiment(seed=1), others)
    assert open_run_dir(run.path)[1].seed == 2
    assert [path.name for path in run.path.parent.iterdir()] == ["a"]


@pytest.mark.parametrize("name", ["../x", "/x", "a/b", ".", "..", "", "[/red]"])
def test_a_run_id_cannot_leave_its_folder(tmp_path, name):
    with pytest.raises(InputError, match=r"--name .*: a run id has up to 128 letters"):
        new_run_dir(Experiment(), tmp_path / "results", name)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("storage", ["s3://bucket/x", "gs://bucket/x"])
def test_a_url_is_no_folder(storage):
    with pytest.raises(InputError, match="is a URL; give a folder"):
        new_run_dir(Experiment(), Path(storage), None)


def test_what_is_no_run_cannot_be_resumed(tmp_path):
    for path in (tmp_path, tmp_path / "nothing"):
        with pytest.raises(InputError, match="not a run directory"):
            open_run_dir(path)


def test_a_storage_that_is_a_file_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"--storage .*file cannot be written to"):
        new_run_dir(Experiment(), tmp_path / "file", None)


def test_a_storage_in_which_no_folder_can_be_made_is_refused_without_leaving_one(tmp_path):
    # Permissions allow root to write here, and yet nobody can.
    with pytest.raises(InputError, match=r"^--storage /proc/x: /proc cannot be written to: No"):
        new_run_dir(Experiment(), Path("/proc/x"), None)
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "nowhere")
    with pytest.raises(InputError, match=r"link cannot be written to: it is not a folder"):
        new_run_dir(Experiment(), link, None)
    new_run_dir(Experiment(), tmp_path / "fine", None)
    assert list(tmp_path.iterdir()) == [link]


def test_a_run_that_another_process_made_meanwhile_is_left_alone(tmp_path):
    run = new_run_dir(Experiment(), tmp_path, "a")
    create_run_dir(run, Experiment(seed=1))
    with pytest.raises(OSError, match=r"cannot be made: Directory not empty.*/a'"):
        create_run_dir(run, Experiment(seed=2))
    assert [path.name for path in run.path.parent.iterdir()] == ["a"], "nothing is left over"
    assert open_run_dir(run.path)[1].seed == 1
