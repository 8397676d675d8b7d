"""Alerts and dashboard: promtool's verdict, and the series of a real run.

`tests/tracking/test_two_nodes.py` runs every query on one.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.k8s.queries import MONITORING, dashboard_queries, panels, rule_queries
from ttt_rllib.metrics import LIVE_METRICS, METRICS, RunLabels

HERE = Path(__file__).parent
NAME = re.compile(r"\b(?:ray_\w+|ttt:[\w:]+)")
HISTOGRAM = re.compile(r"_bucket$")
GROUPED = re.compile(r"\b(?:by|on) \(([^)]*)\)")
MATCHED = re.compile(r"[{,](\w+)=")
SCRAPED = {"instance", "namespace", "pod"}
"""The labels that Prometheus adds: the first always, the others on Kubernetes."""
LE = "le"
"""The label of a histogram's buckets."""


def series():
    """Return the labels of every series that a run had, by its name, and of our own metrics."""
    lines = (HERE / "series_of_a_run.txt").read_text().splitlines()
    seen = {name: set(labels) for name, *labels in map(str.split, lines)}
    seen |= {f"ray_{one.gauge_name}": set(RunLabels._fields) for one in METRICS if one.gauge}
    seen |= {metric.series: set(metric.labels) for metric in LIVE_METRICS}
    return seen | {"ttt:moves:rate1m": {"namespace"}}


@pytest.mark.parametrize(
    ("title", "query"), [*dashboard_queries(), *rule_queries()], ids=lambda text: text[:40]
)
def test_a_query_uses_series_and_labels_that_a_run_had(title, query):
    seen = series()
    names = {HISTOGRAM.sub("", name) for name in NAME.findall(query)}
    assert names, title
    assert names <= set(seen), title
    labels = {label for group in GROUPED.findall(query) for label in group.split(", ")}
    labels |= set(MATCHED.findall(query))
    assert labels <= set().union(*(seen[name] for name in names)) | SCRAPED | {LE}, title


def labels_left(query):
    """Return the labels that the answer to a query has."""
    aggregated = re.match(r"\w+ by \(([^)]*)\)", query)
    if aggregated:
        return set(aggregated[1].split(", "))
    seen = series()
    return SCRAPED.union(*(seen[HISTOGRAM.sub("", name)] for name in NAME.findall(query)))


def test_a_legend_names_only_labels_that_are_left():
    for panel in panels():
        for target in panel["targets"]:
            shown = set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
            assert shown <= labels_left(target["expr"]), panel["title"]


def test_every_panel_has_a_place_and_a_number_that_no_other_has():
    cells = [
        (x, y)
        for place in (panel["gridPos"] for panel in panels())
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(set(cells)) == len(cells)
    assert len({panel["id"] for panel in panels()}) == len(panels())


@pytest.mark.skipif(shutil.which("promtool") is None, reason="needs promtool (Debian: prometheus)")
def test_promtool_takes_the_rules_and_each_alert_is_raised_when_it_should():
    for command in (
        ["check", "rules", str(MONITORING / "rules.yaml")],
        ["test", "rules", str(HERE / "rules_test.yaml")],
    ):
        checked = subprocess.run(
            ["promtool", *command], capture_output=True, text=True, check=False
        )
        assert checked.returncode == 0, checked.stdout + checked.stderr


def test_every_alert_has_a_course_of_figures_that_raises_it():
    tested = (HERE / "rules_test.yaml").read_text()
    raised = set(re.findall(r"alertname: (\w+)\n +exp_alerts:\n", tested))
    assert raised == {name for name, _ in rule_queries() if name.startswith("Ttt")}
