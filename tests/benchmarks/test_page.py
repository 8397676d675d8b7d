"""The page against a document written by hand."""

import json
from pathlib import Path

import pytest

from benchmarks.page import page, verdict
from benchmarks.scaling_page import write_page
from ttt_rllib.errors import InputError

DOCS = Path(__file__).parent.parent.parent / "docs"


def row(**fields):
    return {
        "benchmark": "env",
        "what": "random play",
        "unit": "moves per CPU second",
        "value": 1_234_567.8,
        "min": 1_200_000.0,
        "max": 1_300_000.4,
        "runs": 5,
        "command": "python -m benchmarks env",
        **fields,
    }


DOCUMENT = {
    "machine": {
        "cpu": "Z80",
        "cores": 2,
        "system": "CP/M",
        "python": "3.11.7",
        "date": "1976-07-01",
        "commit": "abc1234",
    },
    "versions": {"ray": "2.60.0", "pgx": None},
    "rows": [
        row(target={"at_least": 1e6}),
        row(what="Pgx", value=None, min=None, max=None, runs=0, note="not installed"),
        row(benchmark="startup", command="python -m benchmarks startup", unit="s", value=1.256),
    ],
}


def test_the_page_of_a_document_reads_as_written_by_hand():
    lines = page(DOCUMENT).splitlines()
    machine = "CPU Z80, cores 2, OS CP/M, Python 3.11.7, date 1976-07-01, commit abc1234"
    assert f"Machine: {machine}." in lines
    assert "Packages: ray 2.60.0, pgx not installed." in lines
    assert [line for line in lines if line.startswith(("| random", "| Pgx"))] == [
        "| random play | moves per CPU second | 1,234,568 | 1,200,000 to 1,300,000 | 5 "
        "| >= 1,000,000 | met |",
        "| Pgx (1) | moves per CPU second | - |  | 0 |  |  |",
        "| random play | s | 1.26 | 1,200,000 to 1,300,000 | 5 |  |  |",
    ]
    assert "(1) not installed" in lines
    assert [line for line in lines if line.startswith("## ")] == ["## env", "## startup"]
    assert [line for line in lines if line.startswith("    ")] == [
        "    python -m benchmarks env",
        "    python -m benchmarks startup",
    ]


@pytest.mark.parametrize(
    ("value", "target", "said"),
    [
        (5.0, {"at_least": 5.0}, "met"),
        (4.0, {"at_least": 5.0}, "falls short by 20%"),
        (30.0, {"at_most": 30.0}, "met"),
        (45.0, {"at_most": 30.0}, "exceeded by 50%"),
        (0.0, {"at_most": 0.0}, "met"),
        (3.0, {"at_most": 0.0}, "exceeded by 3"),
        (None, {"at_most": 30.0}, "not measured"),
    ],
)
def test_a_verdict_says_by_how_much_a_target_is_missed(value, target, said):
    assert verdict(row(value=value, target=target)) == said


def test_the_published_page_is_that_of_the_published_figures():
    document = json.loads((DOCS / "benchmarks.json").read_text())
    assert (DOCS / "benchmarks.md").read_text() == page(document)


def test_the_scaling_report_and_its_pictures_are_those_of_the_published_figures(tmp_path):
    document = json.loads((DOCS / "scaling.json").read_text())
    write_page(document, tmp_path / "scaling.md")
    written = {path.name for path in tmp_path.iterdir()}
    assert written == {"scaling.md", *(path.name for path in DOCS.glob("scaling_*.svg"))}
    for name in written:
        assert (tmp_path / name).read_text() == (DOCS / name).read_text(), name


def test_figures_of_other_benchmarks_make_no_report_of_scaling(tmp_path):
    with pytest.raises(InputError, match="needs the figures of a whole"):
        write_page(DOCUMENT, tmp_path / "scaling.md")
    assert list(tmp_path.iterdir()) == []
