"""Charts of the benchmarks against the published JSON file, read independently."""

import json
import re
from pathlib import Path

import pytest

from ttt_rllib.errors import InputError
from ttt_rllib.report import benchmark_chart, read_benchmarks

FILE = Path(__file__).parent.parent.parent / "docs" / "benchmarks.json"


def test_found_rows_and_drawn_bars_have_the_medians_of_the_published_file():
    rows = [row for row in json.loads(FILE.read_text())["rows"] if row["benchmark"] == "env"]
    medians = [row["value"] for row in rows if row["unit"] == "moves per CPU second"]
    found = read_benchmarks(FILE).find("env", unit="moves per CPU second")
    assert [row.value for row in found] == medians
    svg = benchmark_chart("Random play", found).svg
    widths = [float(width) for width in re.findall(r"width: max\(2px, ([\d.]+)%\)", svg)]
    assert widths == pytest.approx([100 * median / max(medians) for median in medians], abs=0.01)
    names = re.findall(r'<span class="name">(.*?)</span>', svg)
    assert names == ["ttt_envs", "PettingZoo", "OpenSpiel", "Pgx"], "without what they share"


def test_a_row_without_a_figure_is_not_found(tmp_path):
    content = json.loads(FILE.read_text())
    row = next(row for row in content["rows"] if row["what"].endswith("Pgx"))
    row |= {"value": None, "min": None, "max": None, "runs": 0, "note": "not installed"}
    copy = tmp_path / "copy.json"
    copy.write_text(json.dumps(content))
    found = read_benchmarks(copy).find("env", "Pgx", "OpenSpiel", unit="moves per CPU second")
    assert [row.what for row in found] == ["random play, OpenSpiel"]


@pytest.mark.parametrize("text", [None, "{", "[]", '{"machine": {}, "rows": []}'])
def test_another_file_is_named(tmp_path, text):
    path = tmp_path / "other.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(InputError, match=r"other\.json: holds no benchmarks"):
        read_benchmarks(path)
