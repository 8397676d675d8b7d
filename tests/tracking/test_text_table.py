"""Tables that fit a width, against tables written by hand."""

import pytest

from ttt_rllib.tracking.text_table import TextColumn, broken_heading, fitting, table_lines

COLUMNS = [
    TextColumn("trial", ["00000", "00001"]),
    TextColumn("lr", ["0.001", "0.25"], rank=2),
    TextColumn("hidden_\nsizes", ["64,64", "8"], rank=3),
    TextColumn("moves", ["1,000", "7"], rank=1, width=9),
]


def test_headings_stand_on_figures_that_are_flush_right():
    heads, rows = table_lines(COLUMNS, gap=2)
    assert heads == [
        "              hidden_",
        "trial     lr    sizes      moves",
    ]
    assert rows == [
        "00000  0.001    64,64      1,000",
        "00001   0.25        8          7",
    ]


@pytest.mark.parametrize(
    ("width", "names"),
    [
        # 5 + 1 + 9 = 15 with moves, 6 more with lr, 8 more with sizes.
        (29, ["trial", "lr", "hidden_\nsizes", "moves"]),
        (28, ["trial", "lr", "moves"]),
        (20, ["trial", "moves"]),
        (15, ["trial", "moves"]),
        # Moves do not fit, but what matters less does.
        (14, ["trial", "lr"]),
        (1, ["trial"]),
    ],
)
def test_what_matters_least_is_left_out_first(width, names):
    assert [column.heading for column in fitting(COLUMNS, width)] == names


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        ("lr", "lr"),
        ("num_epochs", "num_\nepochs"),
        ("nash_conv", "nash_conv"),
        ("lambda_", "lambda_"),
        ("train_batch_size_per_learner", "train_\nbatch_\nsize_per_\nlearner"),
    ],
)
def test_long_headings_are_broken_between_words(name, lines):
    assert broken_heading(name) == lines


def test_a_table_without_rows_or_columns_is_empty():
    assert table_lines([]) == ([], [])
    assert table_lines([TextColumn("trial", [])]) == (["trial"], [])
