"""Drawings against text written by hand and against an XML parser."""

from xml.etree import ElementTree as ET

import pytest

from ttt_envs import CONNECT_FOUR, TIC_TAC_TOE, Game, draw_svg, draw_text

SVG = "{http://www.w3.org/2000/svg}"
X_STONES, O_STONES = 0b000_010_101, 0b100_001_000  # X on 0, 2 and 4; O on 3 and 8


def test_text_equals_the_board_drawn_by_hand():
    assert draw_text(TIC_TAC_TOE, X_STONES, O_STONES) == "X . X\nO X .\n. . O"


def test_text_with_numbers_names_the_empty_squares():
    assert draw_text(TIC_TAC_TOE, X_STONES, O_STONES, numbers=True) == "X 1 X\nO X 5\n6 7 O"


def test_numbers_of_two_digits_keep_the_columns_aligned():
    drawn = draw_text(Game(3, 4, 3), 1 << 1, 1 << 10, numbers=True)
    assert drawn == " 0  X  2  3\n 4  5  6  7\n 8  9  O 11"


def test_gravity_games_are_drawn_with_the_bottom_row_last():
    drawn = draw_text(CONNECT_FOUR, 1 << 38, 1 << 31).split("\n")
    assert drawn == [". . . . . . ."] * 4 + [". . . O . . .", ". . . X . . ."]


@pytest.mark.parametrize(
    ("game", "x_stones", "o_stones", "lines"),
    [
        (TIC_TAC_TOE, X_STONES, O_STONES, 4),
        (TIC_TAC_TOE, 0, 0, 4),
        (CONNECT_FOUR, 1 << 38 | 1 << 41, 1 << 31, 11),
    ],
)
def test_svg_is_well_formed_and_has_one_mark_a_stone(game, x_stones, o_stones, lines):
    root = ET.fromstring(draw_svg(game, x_stones, o_stones))  # noqa: S314 - our own output
    assert root.tag == f"{SVG}svg"
    grid, *crosses = root.findall(f"{SVG}path")
    assert grid.get("d").count("M") == lines
    assert len(crosses) == x_stones.bit_count()
    assert len(root.findall(f"{SVG}circle")) == o_stones.bit_count()
    assert len(root) == 1 + x_stones.bit_count() + o_stones.bit_count()


def test_svg_puts_each_mark_on_the_middle_of_its_square():
    # Squares are 60 px: 3 is row 1, column 0, and 8 is row 2, column 2.
    root = ET.fromstring(draw_svg(TIC_TAC_TOE, 1 << 1, O_STONES))  # noqa: S314 - our own output
    circles = root.findall(f"{SVG}circle")
    assert [(c.get("cx"), c.get("cy")) for c in circles] == [("30", "90"), ("150", "150")]
    cross = root.findall(f"{SVG}path")[1].get("d")
    # reach 0.28 * 60 = 16.8 around (90, 30)
    assert cross == "M73.2 13.2l33.6 33.6m0 -33.6l-33.6 33.6"
    assert root.get("viewBox") == "0 0 180 180"
    assert root.get("aria-label") == ". X . / O . . / . . O"
