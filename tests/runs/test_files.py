"""Files appear whole or not at all."""

import os

import pytest

from ttt_rllib.errors import InputError
from ttt_rllib.runs.files import read_json, write_atomic


def test_a_write_that_fails_leaves_nothing_behind(tmp_path):
    (tmp_path / "report.html").mkdir()
    with pytest.raises(IsADirectoryError):
        write_atomic(tmp_path / "report.html", "page")
    with pytest.raises(UnicodeEncodeError):
        write_atomic(tmp_path / "other", "\ud800")
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]


def test_a_link_stays_a_link_and_a_pipe_a_pipe(tmp_path):
    (tmp_path / "there").mkdir()
    link, target = tmp_path / "page.html", tmp_path / "there" / "page.html"
    link.symlink_to(target)
    for text in ("new", "newer"):
        write_atomic(link, text)
        assert link.is_symlink()
        assert target.read_text() == text
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    end = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        write_atomic(pipe, "page")
        assert os.read(end, 9) == b"page"
    finally:
        os.close(end)
    assert pipe.is_fifo()


@pytest.mark.parametrize("content", [b"[" * 100_000, b"\xff", b"1" * 5000, b"", b"null", b"[]"])
def test_what_is_no_mapping_in_json_is_one_sentence(tmp_path, content):
    path = tmp_path / "summary.json"
    path.write_bytes(content)
    with pytest.raises(InputError) as error:
        read_json(path)
    assert str(error.value).startswith(f"{path}: ")
    assert str(error.value).endswith("; remove it, or resume the run")


def test_the_mark_with_which_an_editor_of_windows_begins_a_file_is_no_part_of_it(tmp_path):
    path = tmp_path / "summary.json"
    path.write_bytes(b'\xef\xbb\xbf{"status": "done"}\r\n')
    assert read_json(path) == {"status": "done"}
