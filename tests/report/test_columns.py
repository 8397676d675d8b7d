"""Columns without anything in them, by hand."""

from ttt_rllib.report.columns import filled_columns


def test_a_column_that_is_empty_in_every_row_is_left_out_with_its_heading():
    rows = [("1", "-", "a", ""), ("2", "", "-", "")]
    assert filled_columns(("n", "proof", "name", "commit"), rows) == (
        ("n", "name"),
        (("1", "a"), ("2", "-")),
    )
    assert filled_columns(("n", "name"), []) == ((), ())
