"""Whether a certificate from a file holds for an agent that was measured again.

Two walks of the same agent may end at different limits, for example because the run had its own
`evaluation.max_positions`. What both know must then be the same, what only the file claims cannot
be checked, and what only the new walk knows contradicts nothing.
"""

from __future__ import annotations

import numpy as np

from ttt_envs.boards import Boards
from ttt_rllib.agents.bundle import Bundle
from ttt_rllib.agents.policies import Policy
from ttt_rllib.evaluation.matches import greedy_actions
from ttt_rllib.exact.certificate import LosingLine
from ttt_rllib.exact.walks import SEATS
from ttt_rllib.runs.certificate_json import FORMAT_VERSION, AgentCertificate, same_certificate

__all__ = ["certificate_fault"]

ABOUT = ("game", "weights_sha256", "agent_sha256")
CLAIMS = (
    "unexploitable",
    "perfect",
    "game_value",
    "guaranteed_as_x",
    "guaranteed_as_o",
    "moves_sha256_as_x",
    "moves_sha256_as_o",
    "replies",
    "losing_replies",
    "losing_positions",
    "decision_positions",
    "mistakes",
    "losing_line_count",
)
"""Figures that are None unless they are known whatever else there is."""

WRONG = "does not hold for this agent"


def certificate_fault(
    bundle: Bundle, ours: AgentCertificate, stored: AgentCertificate
) -> str | None:
    """Return what is wrong with a stored certificate, as a clause; None if it holds.

    Args:
        bundle: The agent.
        ours: What was just proved about it.
        stored: The certificate from a file.
    """
    if same_certificate(ours, stored):
        return None
    pairs = [(_end(ours, seat), _end(stored, seat)) for seat in SEATS]
    if stored.format_version != FORMAT_VERSION or all(one == other for one, other in pairs):
        return WRONG
    if any(getattr(ours, name) != getattr(stored, name) for name in ABOUT):
        return WRONG
    claims = [(getattr(ours, name), getattr(stored, name)) for name in CLAIMS]
    if any(None not in pair and pair[0] != pair[1] for pair in claims):
        return WRONG
    if not all(_reached_fits(ours, stored, seat) for seat in SEATS):
        return WRONG
    if not all(_happens(bundle.policy, line) for line in stored.losing_lines):
        return WRONG
    if any(one is None and other is not None for one, other in claims):
        reason = ours.incomplete_as_x or ours.incomplete_as_o
        return f"cannot be checked: {reason}; raise --max-positions" if reason else WRONG
    return None


def _end(certificate: AgentCertificate, seat: str) -> str:
    """Return where the walk of a seat ended; "" if it reached everything."""
    end: str = getattr(certificate, f"incomplete_as_{seat}")
    return end


def _reached_fits(ours: AgentCertificate, stored: AgentCertificate, seat: str) -> bool:
    """Tell whether the numbers of positions of a seat can be those of the same agent."""
    here, there = (getattr(one, f"positions_as_{seat}") for one in (ours, stored))
    ends = _end(ours, seat), _end(stored, seat)
    if ends[0] == ends[1]:
        return bool(here == there)
    return bool(ends[0] or there <= here)


def _happens(policy: Policy, line: LosingLine) -> bool:
    """Tell whether a game can be played against an agent, and ends with the agent's result."""
    game, moves = policy.game, line.moves
    boards, passed, actions = Boards.empty(game, 1), [], []
    done = won = False
    for ply, action in enumerate(moves):
        if done or not (0 <= action < game.num_actions and boards.legal_mask()[0, action]):
            return False
        if (ply % 2 == 0) == (line.seat == "x"):
            passed.append(boards)
            actions.append(action)
        step = boards.step(np.array([action]))
        boards, won, done = step.boards, bool(step.won[0]), bool(step.done[0])
    if not done:
        return False
    is_agents_win = (len(moves) % 2 == 1) == (line.seat == "x")
    if line.result != (won and (1 if is_agents_win else -1)):
        return False
    if not passed:
        return True
    asked = Boards(
        game,
        np.concatenate([one.mover for one in passed]),
        np.concatenate([one.opponent for one in passed]),
    )
    return bool((greedy_actions(policy, asked) == np.array(actions)).all())
