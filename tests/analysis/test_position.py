"""Values, lengths and sentences against a plain recursion over the rules."""

import re

import numpy as np
import pytest

from ttt_envs import CONNECT_FOUR, TIC_TAC_TOE, Game
from ttt_rllib.agents.policies import RandomPolicy
from ttt_rllib.analysis.game_record import GameRecord
from ttt_rllib.analysis.position import (
    Outlook,
    analyse,
    move_sentence,
    outlook_words,
    position_sentence,
)


def value_for(seat, who):
    return 0 if who is None else 1 if who == seat else -1


def test_value_and_length_of_all_positions_are_those_of_a_recursion(naive, lines_to):
    assert len(lines_to) == 5478
    decisions = 0
    for board, moves in lines_to.items():
        record = GameRecord(TIC_TAC_TOE, moves)
        analysis = analyse(record)
        who, winner_moves = naive.fate(board)
        assert analysis.outlook.value == value_for(record.turn, who)
        if who is None:
            assert analysis.outlook.plies == board.count(".")
        else:
            assert analysis.outlook.winner_moves == winner_moves
            # X and O take turns, so the winner's moves and who is on move give the plies.
            own_turn = who == record.turn and winner_moves > 0
            assert analysis.outlook.plies == 2 * winner_moves - own_turn
        decisions += bool(analysis.moves)
    assert decisions == 4520


def test_the_best_moves_are_those_a_recursion_likes_no_other_better_than(naive, lines_to):
    for board, moves in list(lines_to.items())[::5]:
        record = GameRecord(TIC_TAC_TOE, moves)
        seat = record.turn

        def merit(square, board=board, seat=seat):
            who, winner_moves = naive.fate(naive.after(board, square))
            value = value_for(seat, who)
            return value, -value * winner_moves

        merits = {square: merit(square) for square in naive.squares(board)}
        best = max(merits.values(), default=None)
        analysis = analyse(record)
        assert analysis.best_actions == tuple(s for s, m in merits.items() if m == best)
        assert {m.action: m.outlook.value for m in analysis.moves} == {
            square: value for square, (value, _) in merits.items()
        }


CLAIM = re.compile(
    r"(?:you could (?P<could>still draw|win at once|win in \d); now )?"
    r"(?P<now>you win in \d|you lose in \d|you win|it is a draw|still a draw)"
    r"(?:; (?P<possible>in \d|at once) was possible)?"
)


def test_every_word_of_the_sentences_is_what_a_recursion_finds(naive, lines_to):
    edges = [(b, m, s) for b, m in lines_to.items() for s in naive.squares(b)]
    assert len(edges) == 16167
    kinds = set()
    for board, moves, square in edges[::9]:
        record = GameRecord(TIC_TAC_TOE, (*moves, square))
        claim = CLAIM.fullmatch(move_sentence(record)).groupdict()
        me, child = naive.mover(board), naive.after(board, square)
        (before, before_moves), (now, now_moves) = naive.fate(board), naive.fate(child)
        over = not naive.squares(child)
        gave_away = value_for(me, now) < value_for(me, before)
        drawn = "it is a draw" if over or gave_away else "still a draw"
        says = {
            1: "you win" if over else f"you win in {now_moves}",
            0: drawn,
            -1: f"you lose in {now_moves}",
        }
        assert claim["now"] == says[value_for(me, now)]
        could = "win at once" if before_moves == 1 else f"win in {before_moves}"
        assert claim["could"] == ((could if before == me else "still draw") if gave_away else None)
        best = before_moves - (before == me)
        slower = not gave_away and before is not None and now_moves != best
        when = "at once" if best == 0 else f"in {best}"
        assert claim["possible"] == (when if slower else None)
        kinds.add((value_for(me, before), value_for(me, now), over, slower))
    # A win kept at once, in time or late; a win given for a draw or a loss; a draw kept, ended
    # or lost; a loss drawn out or not. A last move has no choice, so it gives nothing away.
    assert len(kinds) == 10


@pytest.mark.parametrize(
    ("moves", "subject", "sentence"),
    [
        ((0, 1), "you", "you could still draw; now you lose in 3"),
        ((0, 1), "O", "O could still draw; now O loses in 3"),
        ((4, 1), "you", "you could still draw; now you lose in 3"),
        ((0, 4), "you", "still a draw"),
        ((0, 3, 1, 4, 8), "you", "you could win at once; now you lose in 1"),
        ((0, 3, 1, 4, 5), "you", "you could win at once; now it is a draw"),
        ((0, 3, 1, 4, 2), "you", "you win"),
        ((0, 3, 1, 4, 2), "X", "X wins"),
    ],
)
def test_sentences_as_written_by_hand(moves, subject, sentence):
    assert move_sentence(GameRecord(TIC_TAC_TOE, moves), subject) == sentence


def test_a_position_is_said_by_hand():
    positions = {
        (): "it is a draw with best play",
        (0, 1): "X wins in 3",
        (0, 3, 1, 4): "X wins in 1",
        (0, 3, 1, 4, 2): "X has won",
        (0, 1, 2, 4, 3, 5, 7, 6, 8): "it is a draw",
    }
    for moves, sentence in positions.items():
        assert position_sentence(GameRecord(TIC_TAC_TOE, moves)) == sentence


def test_an_agents_probabilities_and_estimate_are_its_own(new_network):
    network = new_network(seed=3)
    record = GameRecord(TIC_TAC_TOE, (4, 0))
    analysis = analyse(record, network)
    chances = {move.action: move.probability for move in analysis.moves}
    expected = network(record.board)[0]
    assert chances == {action: expected[action] for action in (1, 2, 3, 5, 6, 7, 8)}
    assert sum(chances.values()) == pytest.approx(1.0)
    assert analysis.estimate == network.values(record.board)[0]
    assert analyse(record, RandomPolicy(TIC_TAC_TOE)).estimate is None
    over = analyse(GameRecord(TIC_TAC_TOE, (0, 3, 1, 4, 2)), network)
    assert (over.moves, over.estimate, over.outlook) == ((), None, (-1, 0))
    with pytest.raises(ValueError, match="the agent plays Game"):
        analyse(GameRecord(CONNECT_FOUR), network)


def test_in_a_large_game_what_is_not_known_is_none():
    record = GameRecord(CONNECT_FOUR, (3, 4, 3, 4))
    analysis = analyse(record, RandomPolicy(CONNECT_FOUR))
    assert analysis.outlook is None
    known = {move.action: move.outlook for move in analysis.moves if move.outlook is not None}
    assert known == {}
    assert {move.is_best for move in analysis.moves} == {None}
    assert np.allclose([move.probability for move in analysis.moves], 1 / 7)
    assert (analysis.best_actions, move_sentence(record), position_sentence(record)) == (
        (),
        None,
        None,
    )


def test_in_a_large_game_what_threats_force_is_known():
    # X has three stones in column 3, and O three in column 4.
    record = GameRecord(CONNECT_FOUR, (3, 4, 3, 4, 3, 4))
    analysis = analyse(record)
    assert analysis.outlook == (1, 1)
    assert analysis.best_actions == (3,)
    known = {move.action: move.outlook for move in analysis.moves if move.outlook is not None}
    # Any other move but column 4 lets O win at once.
    assert known == {3: (1, 0)} | dict.fromkeys((0, 1, 2, 5, 6), (-1, 1))
    assert {move.action: move.is_best for move in analysis.moves} == {
        action: action == 3 for action in range(7)
    }
    assert move_sentence(record, "O") == "O loses in 1"
    assert position_sentence(record) == "X wins in 1"
    assert move_sentence(record.play(3)) == "you win"
    assert move_sentence(record.play(0)) == "you could win at once; now you lose in 1"
    assert analyse(record.play(3)).outlook == (-1, 0)


def test_the_published_value_of_a_large_game_is_that_of_its_first_position():
    record = GameRecord(CONNECT_FOUR)
    assert analyse(record).outlook == (1, None)
    assert position_sentence(record) == "X wins with best play"
    after = record.play(3)
    assert (move_sentence(after), position_sentence(after)) == (None, None)
    drawn = GameRecord(Game(7, 7, 4, gravity=True))
    assert position_sentence(drawn) == "it is a draw with best play"


def test_where_the_second_player_wins_every_first_move_is_known_to_lose():
    record = GameRecord(Game(6, 6, 4, gravity=True))
    analysis = analyse(record)
    assert analysis.outlook == (-1, None)
    assert {move.outlook for move in analysis.moves} == {Outlook(-1, None)}
    assert {outlook_words(move.outlook) for move in analysis.moves} == {"loses with best play"}
    assert position_sentence(record) == "O wins with best play"
    after = record.play(2)
    assert analyse(after).outlook == (1, None)
    assert move_sentence(after) == "you lose with best play"
    assert analyse(after.play(2)).outlook is None


LONG_GAME = (3, 3, 3, 2, 6, 2, 4, 5, 2, 3, 6, 1, 4, 2, 4, 4, 5, 5, 5, 2, 4)
LONG_GAME += (5, 3, 0, 4, 0, 1, 1, 1, 6, 6, 6, 0, 6, 5, 2, 3, 1, 1, 0, 0, 0)
"""A game of Connect Four that fills the board."""


def merit_of(record):
    """Return value and -value * plies for the mover, by recursion over the rules."""
    if record.is_over:
        return (0, 0) if record.result == "draw" else (-1, 0)
    below = [merit_of(record.play(action)) for action in record.legal]
    return max((-value, -merit - (-value)) for value, merit in below)


def test_the_end_of_a_large_game_is_that_of_a_recursion():
    for ply in range(37, 42):
        record = GameRecord(CONNECT_FOUR, LONG_GAME[:ply])
        for action in (None, *record.legal):
            here = record if action is None else record.play(action)
            outlook = analyse(here).outlook
            assert (outlook.value, -outlook.value * outlook.plies) == merit_of(here)
        after = {move.action: merit_of(record.play(move.action)) for move in analyse(record).moves}
        best = min(after.values())
        assert analyse(record).best_actions == tuple(a for a, m in after.items() if m == best)


def test_a_long_game_is_told_from_where_it_is_known():
    told = [
        move_sentence(GameRecord(CONNECT_FOUR, LONG_GAME[:ply]), "X" if ply % 2 else "O")
        for ply in range(1, 43)
    ]
    assert set(told[:23]) == {None}
    assert told[23:26] == ["O loses in 2", None, "it is a draw"]
    assert set(told[26:41]) == {"still a draw"}
    assert told[41] == "it is a draw"
