"""A person's game against an agent, as lines of text; reads and prints nothing itself."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from ttt_rllib.analysis.game_record import GameRecord, IllegalMoveError, Seat
from ttt_rllib.analysis.position import (
    Analysis,
    analyse,
    move_sentence,
    outlook_words,
    position_sentence,
)
from ttt_rllib.analysis.turning_point import TurningPoint, turning_point
from ttt_rllib.play.agents import Agent, choose_move, fixed_players
from ttt_rllib.play.terminal.board_text import (
    Painter,
    balance_text,
    board_text,
    move_bars,
    no_colour,
    percent_text,
    value_style,
)

__all__ = ["Dialogue"]

MAX_DIGITS = 2
"""No board has more than 64 squares."""

SHOWN_BETTER = 2
"""Better moves that are named."""

HELP = """\
number  play there
h       hint: the best moves
p       the agent's probabilities here
u       undo your last move
r       try again from your mistake
b       show the board
n       new game
s       new game in the other seat
q       leave (or Ctrl-D)"""


class _Styled(NamedTuple):
    """A sentence, and the style in which it is painted."""

    text: str
    style: str


class Dialogue:
    """A game, and what is said about it.

    Args:
        agent: The opponent.
        rng: The source of randomness for an agent that draws its moves.
        width: Columns that a line may take; boards of 13 columns and more take what they need.
        paint: Colours the boards.
    """

    def __init__(
        self,
        agent: Agent,
        rng: np.random.Generator,
        width: int,
        paint: Painter = no_colour,
    ) -> None:
        self.agent = agent
        self.seat: Seat = "X"
        self.record = GameRecord(agent.game)
        self._rng = rng
        self._width = width
        self._paint = paint

    @property
    def prompt(self) -> str:
        """What a terminal shows before the person's answer."""
        return "game over> " if self.record.is_over else f"{self.seat}> "

    def introduction(self) -> str:
        """Say who plays what."""
        agent, game = self.agent, self.agent.game
        verdict = f", {agent.verdict} by its certificate" if agent.verdict else ""
        knowledge = f", {agent.knowledge}" if agent.knowledge else ""
        return self._text([f"{agent.name}{verdict}{knowledge}", f"{game.size}; ? for help"])

    def start(self, seat: Seat) -> str:
        """Begin a new game, with the agent's first move if it is X.

        Args:
            seat: The person's.
        """
        self.seat = seat
        self.record = GameRecord(self.agent.game)
        lines = [f"you are {self.seat}, the agent is {self._other}"]
        return self._text([*lines, *self._agent_moves(), *self._board()])

    def answer(self, line: str) -> str | None:
        """Do what a line of input says and return the text to show; None = leave.

        Args:
            line: A number or one of the letters of the help; anything else is rejected.
        """
        word = line.strip().lower()
        if word in ("q", "quit", "exit"):
            return None
        if word.isdecimal() and word.isascii() and len(word) <= MAX_DIGITS:
            return self._play(int(word))
        commands: dict[str, Callable[[], str]] = {
            "": lambda: "",
            "?": lambda: HELP,
            "h": self._hint,
            "p": self._probabilities,
            "u": self._undo,
            "r": self._retry,
            "b": lambda: self._text(self._board()),
            "n": lambda: self.start(self.seat),
            "s": lambda: self.start(self._other),
        }
        if word not in commands:
            return self._text([f"{line.strip()[:20]!r} is no move and no command; ? for help"])
        return commands[word]()

    @property
    def _other(self) -> Seat:
        return "O" if self.seat == "X" else "X"

    def _play(self, action: int) -> str:
        try:
            self.record = self.record.play(action)
        except IllegalMoveError as error:
            return self._text([str(error)])
        lines = [self._said("you", action)]
        if not self.record.is_over:
            lines += self._agent_moves()
        return self._text([*lines, *self._board(), *self._end()])

    def _agent_moves(self) -> list[str]:
        """Let the agent move as long as it is its turn, and say what it did.

        Whoever must pass does so without a word.
        """
        lines = []
        while not self.record.is_over and (self.record.must_pass or self.record.turn != self.seat):
            if self.record.must_pass:
                self.record = self.record.play(self.record.legal[0])
                continue
            action = choose_move(self.agent, self.record.board, self._rng)
            self.record = self.record.play(action)
            lines.append(self._said(self._other, action))
        return lines

    def _said(self, subject: str, action: int) -> str:
        """Say what the last move was and what it did."""
        verb = "play" if subject == "you" else "plays"
        sentence = move_sentence(self.record, subject)
        name = self.agent.game.move_names[action]
        return f"{subject} {verb} {name}" + (f": {sentence}" if sentence else "")

    def _end(self) -> list[str | _Styled]:
        if not self.record.is_over:
            return []
        results = {self.seat: ("you win", 1), self._other: ("you lose", -1), "draw": ("a draw", 0)}
        result, value = results[self.record.result or "draw"]
        lines: list[str | _Styled] = [
            _Styled(f"game over: {result}; n new game, u undo, q leave", value_style(value))
        ]
        turning = turning_point(self.record, self.seat)
        return [*lines, *([_lesson(turning)] if turning else [])]

    def _hint(self) -> str:
        if self.record.is_over:
            return self._text(["the game is over: n new game, u undo"])
        analysis = analyse(self.record)
        sentence = position_sentence(self.record)
        if analysis.best_actions:
            best = " ".join(map(str, analysis.best_actions))
            return self._text([f"best: {best} ({sentence})"])
        if sentence is None:
            lines = ["who wins is not known: too many positions are left"]
        else:
            lines = [f"{sentence}; the best moves are not known"]
        known = [
            f"{move.action} {outlook_words(move.outlook)}"
            for move in analysis.moves
            if move.outlook is not None
        ]
        if known:
            lines.append(f"known: {', '.join(known)}")
        # Without the truth, the strongest fixed player gives the advice.
        adviser = fixed_players(self.agent.game)[-1]
        moves = np.flatnonzero(adviser.policy(self.record.board)[0])
        lines.append(f"the {adviser.name} would play {' '.join(map(str, moves))}")
        return self._text(lines)

    def _probabilities(self) -> str:
        if self.record.is_over:
            return self._text(["the game is over: n new game, u undo"])
        analysis = analyse(self.record, self.agent.policy)
        chances = np.zeros(self.agent.game.num_actions)
        for move in analysis.moves:
            chances[move.action] = move.probability
        return self._text(
            [
                f"what the agent would play as {self.seat}, in %:",
                percent_text(self.record, chances.tolist(), self._paint)
                + f"\n\n{move_bars(analysis.moves, self._paint)}\n",
                *self._beliefs(analysis),
            ]
        )

    def _beliefs(self, analysis: Analysis) -> list[str]:
        if analysis.estimate is None:
            return []
        exact = "" if analysis.outlook is None else f"; exact is {analysis.outlook.value}"
        return [
            f"it values {self.seat} at {analysis.estimate:+.2f}{exact}",
            # A line that is not wrapped: its colour takes no room.
            f"{balance_text(analysis.estimate, self._paint)}\n",
        ]

    def _undo(self) -> str:
        """Take back the person's last move, and the agent's reply to it if there was one."""
        for ply in reversed(range(len(self.record.moves))):
            before = GameRecord(self.agent.game, self.record.moves[:ply])
            if before.turn == self.seat and not before.must_pass:
                self.record = before
                break
        else:
            return self._text(["nothing to undo: you have not moved yet"])
        return self._text(["taken back", *self._board()])

    def _retry(self) -> str:
        """Go back to before the move that decided the game, which the person has lost."""
        turning = turning_point(self.record, self.seat)
        if turning is None:
            return self._text(["r is for a game in which you are known to have made a mistake"])
        self.record = GameRecord(self.agent.game, self.record.moves[: turning.ply])
        return self._text(["once more from before the mistake", *self._board()])

    def _board(self) -> list[str]:
        return ["", board_text(self.record, self._paint), ""]

    def _text(self, parts: Sequence[str | _Styled]) -> str:
        """Join parts and wrap those of one line; boards have several lines, or their own width."""
        return "\n".join(self._wrapped(part) for part in parts)

    def _wrapped(self, part: str | _Styled) -> str:
        if isinstance(part, _Styled):
            # Colour comes after wrapping, which would count its escapes as letters.
            return self._paint(self._wrapped(part.text), part.style)
        if "\n" in part:
            return part
        return textwrap.fill(part, self._width, subsequent_indent="  ")


def _lesson(turning: TurningPoint) -> str:
    """Say which move decided the game, and what was better as far as that is known."""
    again = "r tries again from there"
    if not turning.better:
        return f"after {turning.action} it was lost; nothing better is known; {again}"
    better = " or ".join(map(str, turning.better[:SHOWN_BETTER]))
    verb = "wins" if turning.value else "draws"
    return f"{turning.action} was the mistake; {better} {verb}; {again}"
