"""Rows against hand calculation, and what a run writes against what is documented."""

import json
from pathlib import Path

import pytest

from benchmarks.program import last_line
from benchmarks.rows import Row, Target, interleaved, ratios
from tests.commands import run_module

ROOT = Path(__file__).parent.parent.parent
KEYS = {"benchmark", "what", "unit", "value", "min", "max", "runs", "command"}
OPTIONAL_KEYS = {"target", "note", "detail"}


def test_contestants_take_turns():
    calls = iter(range(6))
    turns = interleaved({"a": lambda: next(calls), "b": lambda: next(calls)}, 3)
    assert turns == {"a": [0, 2, 4], "b": [1, 3, 5]}


def test_ratios_compare_run_by_run():
    # The ratio of the medians would be 2.
    assert ratios([1.0, 6.0, 8.0], [1.0, 3.0, 2.0]) == [1.0, 2.0, 4.0]


def test_a_row_as_json_equals_a_hand_calculation():
    assert Row("env", "play", "x", [3.0, 1.0, 8.0], Target(at_most=2.0), "a note").as_json() == {
        "benchmark": "env",
        "what": "play",
        "unit": "x",
        "value": 3.0,
        "min": 1.0,
        "max": 8.0,
        "runs": 3,
        "command": "python -m benchmarks env",
        "target": {"at_most": 2.0},
        "note": "a note",
    }
    nothing = Row("env", "play", "x", ()).as_json()
    assert (nothing["value"], nothing["min"], nothing["runs"]) == (None, None, 0)
    assert set(nothing) == KEYS


def test_a_quick_run_writes_rows_with_the_documented_keys(tmp_path):
    file = tmp_path / "figures.json"
    done = run_module("benchmarks", "env", "--quick", "--json", file)
    assert done.returncode == 0, done.stderr
    document = json.loads(file.read_text())
    assert set(document) == {"machine", "versions", "rows"}
    machine = {"cpu", "cores", "system", "python", "load_before", "date", "commit"}
    assert machine == set(document["machine"])
    assert document["machine"]["commit"]
    assert {"ray", "torch", "numpy", "pettingzoo", "pgx"} < set(document["versions"])
    assert len(document["rows"]) >= 3
    for row in document["rows"]:
        assert KEYS <= set(row) <= KEYS | OPTIONAL_KEYS, row
        assert row["value"] is None or row["min"] <= row["value"] <= row["max"], row


def test_an_unknown_benchmark_is_refused_by_name():
    done = run_module("benchmarks", "samplign")
    assert done.returncode == 2
    assert "no benchmark 'samplign'; known are env, sampling" in done.stderr


def test_a_quick_run_is_no_report_of_scaling(tmp_path):
    page = tmp_path / "scaling.md"
    done = run_module("benchmarks", "scaling", "--quick", "--markdown", page)
    assert done.returncode == 2
    assert "the page of scaling needs a whole run, without --quick" in done.stderr
    assert not page.exists()


def test_a_program_that_fails_says_why():
    assert last_line("-c", "print('one'); print('two')") == "two"
    with pytest.raises(RuntimeError, match=r"ended with 1: .*no luck"):
        last_line("-c", "raise SystemExit('no luck')")
