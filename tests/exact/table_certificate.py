"""What an agent can be led to by the table of all positions: the oracle of the walk.

Shapes: `P` positions, `A` actions.
"""

import numpy as np


def reached_by_table(positions, greedy, agent_is_x):
    """`[P]` bool, the positions that opponents can bring a deterministic agent to."""
    allowed = _allowed(positions, greedy, agent_is_x)
    reached = np.zeros(len(positions), np.bool_)
    reached[0] = True
    for rows in positions.plies():
        moves = reached[rows, None] & allowed[rows]
        reached[positions.children[rows][moves]] = True
    return reached


def losing_games_by_table(positions, greedy, agent_is_x, target):
    """Number of games that end below `target` for the agent."""
    allowed = _allowed(positions, greedy, agent_is_x)
    games = _losing_ends(positions, agent_is_x, target).astype(object)
    for rows in reversed(list(positions.plies())):
        games[rows] += np.where(allowed[rows], games[positions.children[rows]], 0).sum(axis=1)
    return games[0]


def good_replies_by_table(positions, greedy, agent_is_x, target):
    """Moves of the opponent in reached positions, and those that still lead to such a game."""
    reached = reached_by_table(positions, greedy, agent_is_x)
    allowed = _allowed(positions, greedy, agent_is_x)
    losing = _losing_ends(positions, agent_is_x, target)
    for rows in reversed(list(positions.plies())):
        losing[rows] |= (allowed[rows] & losing[positions.children[rows]]).any(axis=1)
    opponents = reached & (positions.x_to_move != agent_is_x)
    replies = positions.legal & opponents[:, None]
    return int(replies.sum()), int((replies & losing[positions.children]).sum())


def _losing_ends(positions, agent_is_x, target):
    agent_lost = positions.lost & (positions.x_to_move == agent_is_x)
    opponent_lost = positions.lost & (positions.x_to_move != agent_is_x)
    results = np.where(agent_lost, -1, np.where(opponent_lost, 1, 0))
    return positions.terminal & (results < target)


def _allowed(positions, greedy, agent_is_x):
    agent = (positions.x_to_move == agent_is_x)[:, None]
    return positions.legal & (~agent | (greedy > 0))
