"""A run's copy of a game of one's own: played without its module, and compared before a resume."""

import shutil
from pathlib import Path

import pytest

from tests.commands import run_command
from ttt_envs import own_game_loading
from ttt_rllib.config.experiment import Experiment
from ttt_rllib.errors import InputError
from ttt_rllib.runs.game_npz import GAME_FILE, check_game, copy_game, use_game

EXAMPLES = Path(__file__).parents[2] / "examples"
NIM = Experiment(env="nim.py:Nim")


@pytest.fixture
def here(tmp_path, monkeypatch):
    for name in ("nim.py", "nim.yaml"):
        shutil.copy(EXAMPLES / name, tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(own_game_loading, "_LOADED", {})
    return tmp_path


def forget():
    own_game_loading._LOADED.clear()


def test_a_process_without_the_module_plays_the_copy(here):
    game = NIM.env.game
    copy_game(NIM, here)
    (here / "nim.py").unlink()
    forget()
    use_game(here)
    assert NIM.env.game == game
    assert NIM.env.game.move_names == game.move_names


def test_a_run_of_a_board_has_no_copy(here):
    copy_game(Experiment(), here)
    use_game(here)
    check_game(Experiment(), here)
    assert not (here / GAME_FILE).exists()


def test_a_run_whose_game_was_edited_or_whose_copy_is_damaged_is_not_resumed(here):
    copy_game(NIM, here)
    check_game(NIM, here)
    path = here / "nim.py"
    path.write_text(path.read_text().replace("1, 3, 5", "1, 3, 4"))
    forget()
    with pytest.raises(InputError, match=r"nim\.py:Nim is another game by now; undo the change"):
        check_game(NIM, here)
    (here / GAME_FILE).write_bytes(b"no archive")
    with pytest.raises(InputError, match=r"game\.npz: not readable"):
        check_game(NIM, here)


@pytest.mark.long
def test_nim_trains_to_a_certificate_that_evaluate_confirms(here):
    done = run_command("train", "nim.yaml", "env=nim.py:Nim", "--name", "one", cwd=here)
    assert done.returncode == 0, done.stderr
    assert "unexploitable: no opponent can get more than perfect play gives" in done.stdout
    run = here / "results" / "nim" / "one"
    assert (run / "report.html").is_file()
    again = run_command("evaluate", run, "--require", "unexploitable", cwd=here)
    assert (again.returncode, again.stderr) == (0, "")
