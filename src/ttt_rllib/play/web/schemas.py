"""The messages between the page, or any other client, and the server.

A game is the list of its moves. An action is a square, row-major from the top left one, or
with gravity a column; all numbers begin at 0. Values are -1, 0 or +1, for the
player that the field names. Squares and moves of one reply belong to one game.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from ttt_envs.game import MAX_SQUARES
from ttt_rllib.analysis.game_record import Result, Seat
from ttt_rllib.analysis.squares import Owner

__all__ = [
    "AgentId",
    "AgentsReply",
    "ErrorReply",
    "HealthReply",
    "MoveReply",
    "MoveRequest",
    "OpeningsReply",
    "PositionReply",
    "PositionRequest",
    "PuzzleReply",
    "PuzzlesReply",
]

MAX_SEED = 2**53 - 1
"""JSON has no larger integers that every client agrees on."""


def _whole(number: Any) -> Any:
    """Accept 2.0 as 2, as JSON Schema does."""
    return int(number) if isinstance(number, float) and number.is_integer() else number


AgentId = Annotated[
    str,
    Field(
        pattern=r"^[A-Za-z0-9_.~-]+$",
        max_length=500,
        description="Id of a listed agent.",
        examples=["perfect"],
    ),
]
Action = Annotated[int, Field(ge=0, lt=MAX_SQUARES), BeforeValidator(_whole)]
Moves = Annotated[
    list[Action],
    Field(max_length=MAX_SQUARES, description="All moves of the game, X first.", examples=[[4, 0]]),
]
Value = Annotated[int, Field(ge=-1, le=1)]
Probability = Annotated[float, Field(ge=0, le=1)]
Square = Annotated[int, Field(ge=0, lt=MAX_SQUARES)]


class _Request(BaseModel):
    # Numbers in quotes and unknown keys are mistakes of the client, so they are refused.
    model_config = ConfigDict(strict=True, extra="forbid")


class _Reply(BaseModel):
    model_config = ConfigDict(frozen=True)


class PositionRequest(_Request):
    """A game, and the agent to ask about its current position."""

    agent: AgentId
    moves: Moves
    you: Annotated[
        Seat | None, Field(description="The seat that sentences call you.", examples=["X"])
    ] = None


class MoveRequest(_Request):
    """A game, and the agent whose move it is."""

    agent: AgentId
    moves: Moves
    seed: Annotated[
        int | None,
        Field(ge=0, le=MAX_SEED, description="The same seed draws the same move.", examples=[1]),
        BeforeValidator(_whole),
    ] = None


class ErrorReply(_Reply):
    """Why a request was refused."""

    detail: Annotated[
        str, Field(description="One sentence.", examples=["no agent is called 'prefect'"])
    ]


class HealthReply(_Reply):
    """The server answers."""

    status: Literal["ok"] = "ok"


class GameReply(_Reply):
    """The rules of a game."""

    name: str
    title: Annotated[str, Field(description="For people.")]
    rows: int
    cols: int
    connect: int
    gravity: bool
    moves: Annotated[
        list[str] | None,
        Field(description="Of a game without a board: what people call each action."),
    ]


class AgentReply(_Reply):
    """An agent that can be chosen."""

    id: AgentId
    name: Annotated[str, Field(description="For people.")]
    about: Annotated[str, Field(description="How it plays, for people.")]
    is_trained: bool
    verdict: Annotated[
        Literal["perfect", "unexploitable", "exploitable", "undecided"] | None,
        Field(description="What the certificate of its run says."),
    ]
    game: GameReply


class AgentsReply(_Reply):
    """All agents that can be chosen."""

    agents: list[AgentReply]
    preferred: Annotated[AgentId, Field(description="The one the server was started for.")]


class OutlookReply(_Reply):
    """The result of best play, for the player named by the field that holds it."""

    value: Value
    plies: Annotated[int | None, Field(ge=0, description="Until the game is over; null: unknown.")]


class ActionReply(_Reply):
    """A legal move."""

    action: Action
    square: Annotated[
        Square,
        Field(description="Where the stone lands; without a board, the action itself."),
    ]
    outlook: Annotated[
        OutlookReply | None, Field(description="For the mover, after the move; null: unknown.")
    ]
    is_best: Annotated[bool | None, Field(description="Nothing is better; null: unknown.")]
    probability: Annotated[Probability, Field(description="With which the agent plays it.")]


class CoursePoint(_Reply):
    """How the game stood at a ply; values are those of X."""

    value: Annotated[Value | None, Field(description="+1: X wins; null: unknown.")]
    estimate: Annotated[float | None, Field(description="The agent's own idea of the value.")]
    is_mistake: Annotated[bool, Field(description="The move to here gave away value.")]
    comment: Annotated[str | None, Field(description="A clause about the move to here.")]


class TurningPointReply(_Reply):
    """The last move of a finished game with which a player could have done better."""

    ply: Annotated[int, Field(ge=0, description="Moves made before it.")]
    action: Action
    better: Annotated[
        list[Action], Field(description="The best moves known to lead to more; may be empty.")
    ]
    value: Annotated[
        Value | None, Field(description="For their player, after the better moves; null: none.")
    ]


class PositionReply(_Reply):
    """A position beside the truth."""

    game: GameReply
    solved: Annotated[
        bool, Field(description="Whether the exact values of all positions are known.")
    ]
    squares: Annotated[list[Owner], Field(description="Who owns each square.")]
    turn: Annotated[Seat | None, Field(description="Whose move it is; null: the game is over.")]
    drawing: Annotated[str | None, Field(description="Of a game without a board: it, as text.")]
    must_pass: Annotated[
        bool, Field(description="The only legal move is to pass: the same player moves again.")
    ]
    result: Annotated[
        Result | None, Field(description="The winner or draw; null: the game is not over.")
    ]
    winning_squares: list[Square]
    last_square: Square | None
    actions: Annotated[list[ActionReply], Field(description="The legal moves.")]
    verdict: Annotated[str, Field(description="A clause about the position.")]
    course: Annotated[list[CoursePoint], Field(description="From the empty board to here.")]
    turning_point: Annotated[
        TurningPointReply | None,
        Field(
            description="Where the seat `you`, else the loser, could have done better; null while "
            "the game is not over, or if nothing is known to have been better."
        ),
    ]


class MoveReply(_Reply):
    """An agent's move."""

    action: Action
    square: Square


class OpeningReply(_Reply):
    """A position of the first plies, and what the agent plays there."""

    moves: list[Action]
    squares: list[Owner]
    drawing: Annotated[str | None, Field(description="As in a position.")]
    turn: Seat
    outlook: Annotated[OutlookReply | None, Field(description="For the mover; null: unknown.")]
    actions: list[ActionReply]
    choice: Annotated[ActionReply, Field(description="The agent's most probable move.")]
    keeps_value: Annotated[
        bool | None, Field(description="Whether that move is no mistake; null: unknown.")
    ]


class OpeningsReply(_Reply):
    """The positions of the first plies up to symmetry, as an agent plays them."""

    game: GameReply
    positions: list[OpeningReply]


class PuzzleReply(_Reply):
    """A position right after an agent's mistake; its opponent is to move."""

    moves: Annotated[list[Action], Field(description="To the mistake, which is the last one.")]
    you: Annotated[Seat, Field(description="Who is to move.")]
    goal: Annotated[
        Literal["win", "draw"],
        Field(description="A draw where a win is out of reach, in a seat that should lose."),
    ]
    num_moves: Annotated[int, Field(ge=1, description="Your moves in the shortest solution.")]
    solution: Annotated[list[Action], Field(description="Its moves, of both players.")]
    losing_games: Annotated[
        int, Field(ge=1, description="How many of the agent's losing games the mistake decides.")
    ]


class PuzzlesReply(_Reply):
    """The different mistakes of an agent that lose games, as puzzles; shorter games first."""

    game: GameReply
    agent_sha256: Annotated[
        str | None, Field(description="Tells agents apart; null: the agent is not a trained one.")
    ]
    puzzles: list[PuzzleReply]
    reason: Annotated[
        str | None, Field(description="A sentence that says why there are none; null: there are.")
    ]
