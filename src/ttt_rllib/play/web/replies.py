"""The parts of the server's answers: agents, games and moves in the terms of `schemas`.

Shapes: a board alone is a batch `[1]`.
"""

from __future__ import annotations

from ttt_envs.game import Game
from ttt_rllib.analysis.game_record import GameRecord, position_text
from ttt_rllib.analysis.position import Analysis, MoveAnalysis, Outlook
from ttt_rllib.analysis.squares import landing_squares, owners
from ttt_rllib.evaluation.puzzles import Puzzle, find_puzzles, no_puzzles_reason
from ttt_rllib.play.agents import Agent, AgentList
from ttt_rllib.play.web.schemas import (
    ActionReply,
    AgentReply,
    AgentsReply,
    GameReply,
    OpeningReply,
    OutlookReply,
    PuzzleReply,
    PuzzlesReply,
)

__all__ = [
    "action_replies",
    "agents_reply",
    "drawing",
    "game_reply",
    "opening_reply",
    "puzzles_reply",
]

FIXED_ABOUT = {
    "perfect": "Plays any move that keeps the value.",
    "random": "Plays any legal move.",
    "one_ply": "Wins if it can at once, else parries.",
    "alpha_beta": "Looks a few moves ahead.",
}
TRAINED_ABOUT = {
    "perfect": "Plays every position right: proven.",
    "unexploitable": "Cannot be beaten: proven.",
    "exploitable": "Can be beaten: its certificate lists how.",
    "undecided": "Not beaten yet, and not proven: there are too many positions.",
    None: "Trained; it has no certificate.",
}


def agents_reply(agents: AgentList, preferred: str) -> AgentsReply:
    """Return all agents for people to choose from.

    Args:
        agents: The list.
        preferred: Slug of the agent that is offered first.
    """
    replies = [
        AgentReply(
            id=agent.slug,
            name=agent.name,
            about=_about(agent),
            is_trained=agent.is_trained,
            verdict=agent.verdict,
            game=game_reply(agent.game),
        )
        for agent in agents.agents
    ]
    return AgentsReply(agents=replies, preferred=preferred)


def game_reply(game: Game) -> GameReply:
    """Return the rules, with a title for people."""
    return GameReply(
        name=game.name,
        title=game.title,
        rows=game.rows,
        cols=game.cols,
        connect=game.connect,
        gravity=game.gravity,
        moves=None if game.table is None else list(game.move_names),
    )


def drawing(record: GameRecord) -> str | None:
    """Return the current position as text, if the game has no board."""
    return None if record.game.table is None else position_text(record)


def action_replies(record: GameRecord, analysis: Analysis) -> list[ActionReply]:
    """Return the legal moves of a position."""
    squares = landing_squares(record, [move.action for move in analysis.moves])
    moves = zip(analysis.moves, squares, strict=True)
    return [_action_reply(move, square) for move, square in moves]


def opening_reply(record: GameRecord, analysis: Analysis) -> OpeningReply:
    """Return an opening, and what the agent plays there."""
    actions = action_replies(record, analysis)
    choice = max(actions, key=lambda action: action.probability)
    keeps = None
    if analysis.outlook is not None and choice.outlook is not None:
        keeps = choice.outlook.value == analysis.outlook.value
    return OpeningReply(
        moves=list(record.moves),
        squares=owners(record),
        drawing=drawing(record),
        turn=record.turn,
        outlook=_outlook_reply(analysis.outlook),
        actions=actions,
        choice=choice,
        keeps_value=keeps,
    )


def puzzles_reply(agent: Agent) -> PuzzlesReply:
    """Return the puzzles of an agent, or the sentence that says why it has none."""
    reason = no_puzzles_reason(agent.game)
    if not agent.is_trained:
        reason = "this player draws its moves at random, so none of its mistakes is certain to come"
    found = () if reason else find_puzzles(agent.policy)
    if not found and reason is None:
        reason = "this agent loses no game, so it has no hole to find"
    return PuzzlesReply(
        game=game_reply(agent.game),
        agent_sha256=agent.sha256,
        puzzles=[_puzzle_reply(puzzle) for puzzle in found],
        reason=None if reason is None else f"{reason[:1].upper()}{reason[1:]}.",
    )


def _puzzle_reply(puzzle: Puzzle) -> PuzzleReply:
    return PuzzleReply(
        moves=list(puzzle.moves),
        you="O" if len(puzzle.moves) % 2 else "X",
        goal="win" if puzzle.wins else "draw",
        num_moves=puzzle.num_moves,
        solution=list(puzzle.solution),
        losing_games=puzzle.num_lines,
    )


def _about(agent: Agent) -> str:
    if agent.is_trained:
        knowledge = f" It {agent.knowledge.replace(', ', ' and ')}." if agent.knowledge else ""
        return TRAINED_ABOUT[agent.verdict] + knowledge
    return FIXED_ABOUT[agent.slug.partition(".")[0]]


def _action_reply(move: MoveAnalysis, square: int) -> ActionReply:
    return ActionReply(
        action=move.action,
        square=square,
        outlook=_outlook_reply(move.outlook),
        is_best=move.is_best,
        # A sum of rounded numbers may exceed 1 by the last digit.
        probability=min(1.0, move.probability or 0.0),
    )


def _outlook_reply(outlook: Outlook | None) -> OutlookReply | None:
    return None if outlook is None else OutlookReply(value=outlook.value, plies=outlook.plies)
