"""Alerts and dashboard: promtool's verdict, and the metric names of a real run."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from ttt_rllib.metrics import METRICS

HERE = Path(__file__).parent
MONITORING = HERE.parent.parent / "k8s" / "components" / "monitoring"
NAME = re.compile(r"\bray_\w+|\bttt:[\w:]+")
FUNCTIONS = re.compile(r"_(?:bucket|sum|count)$")


def expressions():
    for panel in json.loads((MONITORING / "ttt-rllib.json").read_text())["panels"]:
        for target in panel["targets"]:
            yield panel["title"], target["expr"]
    for rule in yaml.safe_load((MONITORING / "rules.yaml").read_text())["groups"][0]["rules"]:
        yield rule.get("alert", rule.get("record")), rule["expr"]


def test_every_query_uses_metrics_that_a_run_had():
    seen = set((HERE / "metrics_of_a_run.txt").read_text().split()) | {"ttt:moves:rate1m"}
    seen |= {f"ray_{metric.gauge_name}" for metric in METRICS if metric.gauge}
    for title, expression in expressions():
        names = {
            FUNCTIONS.sub("", name) if name not in seen else name
            for name in NAME.findall(expression)
        }
        assert names, title
        assert names <= seen, title


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
