"""The server's answers, made of games and analyses; knows nothing of HTTP.

Recent answers are kept, since the truth does not change.
"""

from __future__ import annotations

from functools import partial
from threading import Lock

import numpy as np

from ttt_envs.game import Game
from ttt_rllib.analysis.game_record import GameRecord, IllegalMoveError, Seat
from ttt_rllib.analysis.openings import openings
from ttt_rllib.analysis.position import (
    OPPONENT,
    Analysis,
    analyse,
    move_sentence,
    position_sentence,
)
from ttt_rllib.analysis.squares import landing_squares, last_square, owners
from ttt_rllib.analysis.turning_point import turning_point
from ttt_rllib.exact.solved_game import solved_game
from ttt_rllib.play.agents import AgentList, choose_move
from ttt_rllib.play.web.lru_cache import LruCache
from ttt_rllib.play.web.replies import (
    action_replies,
    drawing,
    game_reply,
    opening_reply,
    puzzles_reply,
)
from ttt_rllib.play.web.schemas import (
    CoursePoint,
    MoveReply,
    OpeningsReply,
    PositionReply,
    TurningPointReply,
)

__all__ = ["AgentService"]

KEPT_GAMES, KEPT_POSITIONS = 2048, 4096
"""About 30 MB in all; tic-tac-toe has 5,478 positions, in 986,410 orders of moves."""

KEPT_OPENINGS = KEPT_PUZZLES = 64


class AgentService:
    """Answers questions about the agents of a list; the same question gets the same bytes.

    Attributes:
        agents: The agents that can be asked.
    """

    def __init__(self, agents: AgentList) -> None:
        self.agents = agents
        self._solved: set[Game] = set()
        self._solving = Lock()
        self._positions: LruCache[bytes] = LruCache(KEPT_GAMES)
        self._records: LruCache[GameRecord] = LruCache(KEPT_GAMES)
        self._points: LruCache[CoursePoint] = LruCache(KEPT_POSITIONS)
        self._analyses: LruCache[Analysis] = LruCache(KEPT_POSITIONS)
        self._openings: LruCache[bytes] = LruCache(KEPT_OPENINGS)
        self._puzzles: LruCache[bytes] = LruCache(KEPT_PUZZLES)

    def is_quick(self, slug: str) -> bool:
        """Tell whether answers about this agent take about a millisecond: its game is solved.

        No game is solved before it is asked for, and then in the thread of the answer, since that
        may take half a minute.

        Raises:
            InputError: If there is no such agent.
        """
        return self.agents.find(slug).game in self._solved

    def position(self, slug: str, moves: tuple[int, ...], you: Seat | None) -> bytes:
        """Return a `PositionReply` as JSON.

        Raises:
            InputError: If there is no such agent.
            IllegalMoveError: If the moves make no game.
        """
        make = partial(self._make_position, slug, moves, you)
        return self._positions.get((slug, moves, you), make)

    def openings(self, slug: str) -> bytes:
        """Return an `OpeningsReply` as JSON.

        Raises:
            InputError: If there is no such agent.
        """
        return self._openings.get(slug, partial(self._make_openings, slug))

    def puzzles(self, slug: str) -> bytes:
        """Return a `PuzzlesReply` as JSON; the first time, this takes up to seconds.

        Raises:
            InputError: If there is no such agent.
        """
        return self._puzzles.get(slug, partial(self._make_puzzles, slug))

    def move(self, slug: str, moves: tuple[int, ...], seed: int | None) -> bytes:
        """Let an agent move, and return a `MoveReply` as JSON.

        Args:
            slug: The agent.
            moves: The game.
            seed: Seed of the agent's draw; None draws differently each time.

        Raises:
            InputError: If there is no such agent.
            IllegalMoveError: If the moves make no game, or the game is over.
        """
        agent = self.agents.find(slug)
        record = self._record(agent.game, moves)
        if record.is_over:
            raise IllegalMoveError(f"the game is over after {len(moves)} moves; undo one first")
        action = choose_move(agent, record.board, np.random.default_rng(seed))
        reply = MoveReply(action=action, square=landing_squares(record, (action,))[0])
        return reply.model_dump_json().encode()

    def _make_position(self, slug: str, moves: tuple[int, ...], you: Seat | None) -> bytes:
        agent = self.agents.find(slug)
        record = self._record(agent.game, moves)
        solved = self._solve(agent.game)
        course = [self._point(slug, moves[:ply], you) for ply in range(len(moves) + 1)]
        reply = PositionReply(
            game=game_reply(agent.game),
            solved=solved,
            squares=owners(record),
            drawing=drawing(record),
            must_pass=record.must_pass,
            turn=None if record.is_over else record.turn,
            result=record.result,
            winning_squares=list(record.winning_squares),
            last_square=last_square(record),
            actions=action_replies(record, self._analysis(slug, record)),
            verdict=_verdict(record, course[-1], you),
            course=course,
            turning_point=_turning_point(record, you),
        )
        return reply.model_dump_json().encode()

    def _make_point(self, slug: str, moves: tuple[int, ...], you: Seat | None) -> CoursePoint:
        record = self._record(self.agents.find(slug).game, moves)
        analysis = self._analysis(slug, record)
        comment, is_mistake = None, False
        if moves:
            seat: Seat = "O" if record.turn == "X" else "X"
            comment = move_sentence(record, _subject(seat, you))
            before = self._analysis(slug, self._record(record.game, moves[:-1])).outlook
            if before is not None and analysis.outlook is not None:
                is_mistake = -analysis.outlook.value < before.value
        return CoursePoint(
            value=_value_for_x(record, analysis),
            estimate=_for_x(record, analysis.estimate),
            is_mistake=is_mistake,
            comment=comment,
        )

    def _make_openings(self, slug: str) -> bytes:
        agent = self.agents.find(slug)
        self._solve(agent.game)
        positions = [
            opening_reply(record, self._analysis(slug, record)) for record in openings(agent.game)
        ]
        reply = OpeningsReply(game=game_reply(agent.game), positions=positions)
        return reply.model_dump_json().encode()

    def _make_puzzles(self, slug: str) -> bytes:
        agent = self.agents.find(slug)
        self._solve(agent.game)
        return puzzles_reply(agent).model_dump_json().encode()

    def _solve(self, game: Game) -> bool:
        """Solve a game once, one thread at a time; tell whether it could be solved."""
        with self._solving:
            if solved_game(game) is not None:
                self._solved.add(game)
        return game in self._solved

    def _record(self, game: Game, moves: tuple[int, ...]) -> GameRecord:
        return self._records.get((game, moves), partial(GameRecord, game, moves))

    def _point(self, slug: str, moves: tuple[int, ...], you: Seat | None) -> CoursePoint:
        return self._points.get((slug, moves, you), partial(self._make_point, slug, moves, you))

    def _analysis(self, slug: str, record: GameRecord) -> Analysis:
        """Return the analysis; games that led to the same stones share it."""
        make = partial(analyse, record, self.agents.find(slug).policy)
        return self._analyses.get((slug, record.stones), make)


def _value_for_x(record: GameRecord, analysis: Analysis) -> int | None:
    if record.result is not None:
        return {"X": 1, "O": -1, "draw": 0}[record.result]
    if analysis.outlook is None:
        return None
    return analysis.outlook.value if record.turn == "X" else -analysis.outlook.value


def _for_x(record: GameRecord, estimate: float | None) -> float | None:
    if estimate is None:
        return None
    return estimate if record.turn == "X" else -estimate


def _subject(seat: Seat, you: Seat | None) -> str:
    """Return what a sentence about this seat's move calls it."""
    if you is None:
        return seat
    return "you" if seat == you else OPPONENT


def _verdict(record: GameRecord, point: CoursePoint, you: Seat | None) -> str:
    known = position_sentence(record, you)
    if known is not None:
        return known
    unknown = "not known yet: too many positions are left"
    if point.estimate is None:
        return unknown
    estimate = -point.estimate if you == "O" else point.estimate
    return f"{unknown}; the agent gives {'you' if you else 'X'} {estimate:+.2f}"


def _turning_point(record: GameRecord, you: Seat | None) -> TurningPointReply | None:
    """Return where the reader, or else the loser, could have done better."""
    if record.result == "draw" and you is None:
        return None
    loser: Seat = "O" if record.result == "X" else "X"
    found = turning_point(record, you or loser)
    if found is None:
        return None
    return TurningPointReply(
        ply=found.ply, action=found.action, better=list(found.better), value=found.value
    )
