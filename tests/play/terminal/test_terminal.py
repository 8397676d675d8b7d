"""`python -m ttt_rllib.play` as people and pipes use it: real processes, real terminals."""

import os
import pty
import random
import re
import select
import signal
import subprocess
import sys
import time

import numpy as np
import psutil
import pytest

from tests.commands import RAY_AND_TORCH, run_command, start_command, wait_until
from ttt_envs import CONNECT_FOUR, TIC_TAC_TOE, Boards
from ttt_rllib.agents.bundle import save_bundle
from ttt_rllib.analysis.game_record import GameRecord
from ttt_rllib.play.agents import fixed_players
from ttt_rllib.play.terminal.dialogue import Dialogue

WIDTH = 40
PIPE_WIDTH = 80


def play(*arguments, lines=(), cwd):
    stdin = "".join(f"{line}\n" for line in lines)
    return run_command("play", *arguments, without=RAY_AND_TORCH, stdin=stdin, cwd=cwd)


def boards_shown(text):
    """Return the boards as strings of marks, "." where a number is."""
    rows = re.findall(r"^[0-8XO] [0-8XO] [0-8XO]$", text, re.MULTILINE)
    marks = re.sub(r"[0-8]", ".", "".join(rows).replace(" ", ""))
    return [marks[start : start + 9] for start in range(0, len(marks), 9)]


def test_two_hundred_games_against_perfect_follow_the_rules_and_are_never_lost_by_it(
    tmp_path, naive
):
    rng = random.Random(0)
    lines = []
    for number in range(200):
        # Squares already taken are refused, and after the end every number is.
        lines += [*rng.sample(range(9), 9), "n" if number % 3 else "s"]
    done = play("perfect", "--seed", 7, lines=[*lines, "q"], cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert WIDTH < max(map(len, done.stdout.splitlines())) <= PIPE_WIDTH
    assert "\x1b" not in done.stdout
    assert ">" not in done.stdout
    # A sentence that was wrapped becomes one line again.
    text = done.stdout.replace("\n  ", " ")
    results = {"you lose": 0, "a draw": 0}
    games = re.split(r"^you are ([XO]), the agent is [XO]$", text, flags=re.MULTILINE)[1:]
    seats = games[::2]
    for seat, game in zip(seats, games[1::2], strict=True):
        board, shown = naive.empty, boards_shown(game)
        if seat == "X":
            assert shown.pop(0) == board
        for mover, square in re.findall(r"^(you|X|O) plays? (\d)", game, re.MULTILINE):
            assert naive.mover(board) == (seat if mover == "you" else mover)
            assert int(square) in naive.squares(board)
            board = naive.after(board, int(square))
            if naive.mover(board) == seat or not naive.squares(board):
                assert shown.pop(0) == board
        assert not set(shown) - {board}
        if not naive.squares(board):
            (result,) = set(re.findall(r"^game over: ([a-z ]+);", game, re.MULTILINE))
            winner = naive.winner(board)
            assert result == ("a draw" if winner is None else "you lose")
            assert winner != seat
            results[result] += 1
    assert (len(seats), seats.count("O") > 50) == (201, True)
    assert sum(results.values()) > 195
    assert min(results.values()) > 5


def test_the_sentences_of_a_transcript_are_what_a_recursion_finds(tmp_path, naive):
    rng = random.Random(1)
    lines = [word for _ in range(60) for word in (*rng.sample(range(9), 9), "n")]
    text = play("random", "--seed", 3, lines=lines, cwd=tmp_path).stdout.replace("\n  ", " ")
    losing, could = 0, 0
    for game in text.split("you are X, the agent is O")[1:]:
        board = naive.empty
        moves = re.findall(r"^(you|O) plays? (\d): (.*)$", game, re.MULTILINE)
        for subject, square, sentence in moves:
            other = "O" if subject == "you" else "X"
            before = naive.fate(board)[0]
            board = naive.after(board, int(square))
            now, winner_moves = naive.fate(board)
            loses = re.search(r"loses? in (\d)", sentence)
            assert bool(loses) == (now == other)
            if loses:
                assert int(loses[1]) == winner_moves
                losing += 1
            assert ("could still draw" in sentence) == (before is None and now == other)
            could += "could still draw" in sentence
    assert (losing > 50, could > 20) == (True, True)


def test_undo_hint_probabilities_and_wrong_input_by_hand(tmp_path):
    lines = ["u", "4", "u", "h", "p", "nine", "99", "-1", "", "4", "4", "b", "?"]
    done = play("perfect", "--seed", 0, lines=lines, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    text = done.stdout
    assert WIDTH < max(map(len, text.splitlines())) <= PIPE_WIDTH
    assert "nothing to undo: you have not moved" in text
    before, after = text.split("taken back", 1)
    assert "you play 4: still a draw" in before
    assert boards_shown(after)[0] == "........."
    assert "best: 0 1 2 3 4 5 6 7 8" in after
    assert after.count(" 25   0  25\n") == 2
    assert after.count("  0   0   0\n") == 1
    assert "'nine' is no move and no command" in after
    assert "square 99: the board has squares" in after
    assert "'-1' is no move" in after
    assert "square 4 is taken; legal are" in after
    assert "h       hint: the best moves" in after


def test_as_o_the_undo_takes_back_both_moves_and_never_the_agents_first(tmp_path):
    done = play("random", "--seat", "O", "--seed", 5, lines=["u", "p", "u"], cwd=tmp_path)
    first = boards_shown(done.stdout)
    assert [board.count("X") for board in first] == [1]
    square = next(number for number in range(9) if first[0][number] == ".")
    done = play("random", "--seat", "o", "--seed", 5, lines=[square, "u"], cwd=tmp_path)
    boards = boards_shown(done.stdout)
    assert boards[0] == boards[2] == first[0]
    assert (boards[1].count("X"), boards[1].count("O")) == (2, 1)


def test_a_seed_repeats_a_transcript_and_another_changes_it(tmp_path):
    lines = [0, 1, 2, 3, 4, 5, 6, 7, 8]
    outputs = [
        play("random", "--seed", seed, lines=lines, cwd=tmp_path).stdout for seed in (1, 1, 2)
    ]
    assert outputs[0] == outputs[1] != outputs[2]


def test_connect_four_is_played_by_columns_and_says_what_is_not_known(tmp_path):
    done = play("one_ply.connect_four", "--seed", 0, lines=[3, "h", "p", 7], cwd=tmp_path)
    assert WIDTH < max(map(len, done.stdout.splitlines())) <= PIPE_WIDTH
    assert "you play 3\n" in done.stdout
    assert "0 1 2 3 4 5 6\n" in done.stdout
    assert "the alpha-beta player, 4 plies would" in done.stdout
    assert "who wins is not known: too many" in done.stdout.replace("\n  ", " ")
    assert "column 7: the board has columns" in done.stdout
    assert "draw" not in done.stdout


def connect_four_dialogue(*moves):
    dialogue = Dialogue(fixed_players(CONNECT_FOUR)[0], np.random.default_rng(0), WIDTH)
    dialogue.start("X")
    dialogue.record = GameRecord(CONNECT_FOUR, moves)
    return dialogue


def test_the_end_of_connect_four_has_exact_verdicts():
    # X has three stones in column 3: O must play there, and what comes of it is not known.
    hint = connect_four_dialogue(3, 0, 3, 0, 3).answer("h").replace("\n  ", " ")
    assert hint.startswith(
        "who wins is not known: too many positions are left\nknown: 0 loses in 1,"
    )
    assert "6 loses in 1\nthe alpha-beta player" in hint
    assert "3 loses" not in hint
    assert connect_four_dialogue(3, 0, 2, 0, 4).answer("h").replace("\n  ", " ") == (
        "best: 0 1 2 3 4 5 6 (X wins in 1)"
    )
    assert connect_four_dialogue().answer("h").startswith("X wins with best play; the best moves\n")
    dialogue = connect_four_dialogue(3, 0, 3, 0)
    assert "you play 3\n" in dialogue.answer("3")
    dialogue = connect_four_dialogue(3, 0, 2, 0)
    assert "you play 4: you win in 1\n" in dialogue.answer("4")


def test_the_newest_run_is_the_opponent_and_its_probabilities_are_shown(tmp_path, new_network):
    network = new_network(seed=8)
    save_bundle(network, tmp_path / "results" / "ppo" / "one" / "agent", {})
    done = play(lines=["p"], cwd=tmp_path)
    board = Boards.empty(TIC_TAC_TOE, 1)
    percents = "".join(f"{100 * chance:4.0f}" for chance in network(board)[0])
    assert done.stdout.startswith("ppo/one\n")
    grid = "".join(
        " " + line for line in re.findall(r"^(?:[ \d]{3} ?){3}$", done.stdout, re.MULTILINE)
    )
    assert grid == percents
    assert f"it values X at {network.values(board)[0]:+.2f}; exact is 0" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["perfekt"], "perfekt: neither an agent nor a run, checkpoint or bundle; did you mean"),
        (["folder"], "folder: holds no agent; give a run, a checkpoint or a bundle"),
        (["--seat", "z"], "'z' is not one of"),
        (["perfect", "--seed", "-1"], "--seed -1: a seed is a whole number, 0 or greater"),
        (["perfect", "--seed", "one"], "--seed one: a seed is a whole number, 0 or greater"),
        (["perfect", "--seed", "3", "--web"], "--seed 3: is for the terminal; drop it"),
    ],
)
def test_wrong_input_is_one_line_and_exit_code_2(tmp_path, arguments, sentence):
    (tmp_path / "folder").mkdir()
    done = play(*arguments, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert sentence in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith("error: ")


def test_a_reader_that_leaves_early_sees_no_traceback(tmp_path):
    command = f"yes p | '{sys.executable}' -m ttt_rllib.play perfect | head -3"
    done = subprocess.run(
        ["bash", "-c", command], capture_output=True, text=True, cwd=tmp_path, timeout=120
    )
    assert (len(done.stdout.splitlines()), done.stderr) == (3, "")


class Terminal:
    """A process on a pseudo-terminal of 40 columns."""

    def __init__(self, *arguments, cwd, **environment):
        self.master, slave = pty.openpty()
        self.process = start_command(
            "play",
            *arguments,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            cwd=cwd,
            preexec_fn=lambda: _own_terminal(slave),
            env={"NO_COLOR": None, "TERM": "xterm", "COLUMNS": "40", **environment},
        )
        os.close(slave)
        self.text = ""

    def read_until(self, expected):
        deadline = time.monotonic() + 60
        while not re.search(expected, self.text) and time.monotonic() < deadline:
            if select.select([self.master], [], [], 0.2)[0]:
                try:
                    self.text += os.read(self.master, 4096).decode().replace("\r\n", "\n")
                except OSError:
                    break
        assert re.search(expected, self.text), self.text

    def type(self, keys):
        os.write(self.master, keys.encode())

    def leave(self):
        code = self.process.wait(30)
        os.close(self.master)
        return code


def _own_terminal(slave):
    # A shell gives its background jobs SIGINT ignored, and the tests may run in one.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    import fcntl
    import termios

    fcntl.ioctl(slave, termios.TIOCSCTTY, 0)


def test_a_terminal_asks_for_the_seat_has_a_prompt_and_colour_and_ctrl_d_leaves(tmp_path):
    terminal = Terminal("perfect", "--seed", "0", cwd=tmp_path)
    terminal.read_until(r"your seat, x or o\? ")
    terminal.type("z\n")
    terminal.read_until(r"X moves first\n.*x or o\? ")
    terminal.type("o\n")
    terminal.read_until("you are O, the agent is X\n(.|\n)*O> ")
    assert "\x1b[1mX\x1b[0m" in terminal.text
    terminal.type("\x04")
    assert terminal.leave() == 0
    assert max(map(len, re.sub(r"\x1b\[[0-9;]*m", "", terminal.text).splitlines())) <= WIDTH


@pytest.mark.parametrize("environment", [{"NO_COLOR": "1"}, {"TERM": "dumb"}], ids=str)
def test_without_colour_there_is_no_escape_and_ctrl_c_leaves_with_130(tmp_path, environment):
    terminal = Terminal("random", "--seat", "x", cwd=tmp_path, **environment)
    terminal.read_until("X> ")
    terminal.type("4\n")
    terminal.read_until("X> (.|\n)*X> ")
    # Python loses a signal between the prompt and the read that follows it.
    process = psutil.Process(terminal.process.pid)
    wait_until("it reads", lambda: process.status() == psutil.STATUS_SLEEPING)
    terminal.type("\x03")
    assert terminal.leave() == 130
    assert "\x1b" not in terminal.text
    assert "Traceback" not in terminal.text
