"""The games an agent loses, from the table: compared with the walk over what can be reached."""

from itertools import islice

import numpy as np
import pytest

from ttt_envs import TIC_TAC_TOE, Game
from ttt_rllib.exact.certificate import certify
from ttt_rllib.exact.losing_games import find_losing_games
from ttt_rllib.exact.solved_game import solve_or_raise
from ttt_rllib.exact.walks import walk_both_seats

FIRST_PLAYER_WINS = Game(3, 3, 2, gravity=True)


@pytest.mark.parametrize("game", [TIC_TAC_TOE, FIRST_PLAYER_WINS], ids=lambda game: game.name)
@pytest.mark.parametrize("skill", [0.0, 0.9, 2.0])
def test_the_sweep_finds_the_games_of_the_walk_in_the_same_order(game, skill):
    solved = solve_or_raise(game)
    positions, optimal = solved.positions, solved.solution.optimal
    noise = np.random.default_rng(7).random(positions.legal.shape)
    moves = np.where(positions.legal, noise + skill * optimal, -1.0).argmax(axis=1)
    walks = walk_both_seats(
        game, lambda boards: moves[positions.find(boards)], game_value=solved.solution.game_value
    )
    certificate = certify(walks, max_lines=10**6)
    found = find_losing_games(solved, moves)
    assert sum(one.count for one in found) == certificate.losing_line_count
    lines = [line for one in found for line in one.shortest()]
    lines.sort(key=lambda line: (len(line.moves), line.seat, line.moves))
    assert tuple(lines) == certificate.losing_lines
    if skill == 2.0:
        assert lines == [], "a perfect agent loses no game"
    elif game == TIC_TAC_TOE:
        assert len(lines) > 1


def test_a_mistake_is_the_agents_last_move_before_which_it_held_its_value():
    solved = solve_or_raise(TIC_TAC_TOE)
    positions, values = solved.positions, solved.solution.values
    noise = np.random.default_rng(3).random(positions.legal.shape)
    moves = np.where(positions.legal, noise, -1.0).argmax(axis=1)
    for found in find_losing_games(solved, moves):
        for line in islice(found.shortest(), 50):
            ply, row = found.mistake(line)
            rows = [0]
            for action in line.moves:
                rows.append(int(positions.children[rows[-1], action]))
            assert rows[ply] == row
            assert values[row] >= 0, "it could still draw or win"
            assert -values[rows[ply + 1]] < values[row]
