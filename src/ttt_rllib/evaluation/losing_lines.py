"""The games that an agent loses: more of them than its certificate lists, where that is quick."""

from __future__ import annotations

from ttt_rllib.agents.policies import Policy
from ttt_rllib.evaluation.matches import greedy_actions
from ttt_rllib.exact.certificate import Certificate, LosingLine, certify
from ttt_rllib.exact.solved_game import game_value
from ttt_rllib.exact.walks import walk_both_seats

__all__ = ["MAX_LINES", "losing_lines", "walked_losing_lines"]

MAX_LINES = 20_000
"""Most games that are listed; these take a second."""

MAX_POSITIONS = 50_000
"""If opponents can lead the agent to more positions, they are not all reached again."""


def losing_lines(agent: Policy, certificate: Certificate) -> tuple[LosingLine, ...]:
    """Return the games in which an agent gets less than its seat is worth, the shortest first.

    Args:
        agent: The agent; its most probable moves count.
        certificate: What is proved about it.

    Returns:
        All of them where there are few, `MAX_LINES` of them where there are more; only those that
        the certificate lists where the agent can be led to too many positions.
    """
    listed, count = certificate.losing_lines, certificate.losing_line_count
    reached = certificate.positions_as_x + certificate.positions_as_o
    if count is None or count <= len(listed) or reached > MAX_POSITIONS:
        return listed
    return walked_losing_lines(agent)


def walked_losing_lines(agent: Policy) -> tuple[LosingLine, ...]:
    """Return the games in which an agent gets less than its seat is worth, without a certificate.

    Args:
        agent: The agent; its most probable moves count.

    Returns:
        At most `MAX_LINES` games per seat, the shortest first; fewer than there are where the
        agent can be led to more than `MAX_POSITIONS` positions.
    """
    walks = walk_both_seats(
        agent.game,
        lambda boards: greedy_actions(agent, boards),
        game_value=game_value(agent.game),
        max_positions=MAX_POSITIONS,
    )
    return certify(walks, max_lines=MAX_LINES).losing_lines
