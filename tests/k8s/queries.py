"""The queries of the dashboard and of the alerts, as Prometheus gets them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

__all__ = ["MONITORING", "dashboard_queries", "operands", "panels", "rule_queries"]

MONITORING = Path(__file__).parents[2] / "k8s" / "components" / "monitoring"
COMPARISON = re.compile(r"(?<= )(==|>=|<=|>|<)(?= |$)")


def panels() -> list[dict[str, Any]]:
    """Return the panels of the dashboard that show something: all but the headings."""
    dashboard = json.loads((MONITORING / "ttt-rllib.json").read_text())
    return [panel for panel in dashboard["panels"] if panel["type"] != "row"]


def dashboard_queries() -> Iterator[tuple[str, str]]:
    """Yield every panel's title with each of its queries, for all runs."""
    for panel in panels():
        for target in panel["targets"]:
            yield panel["title"], target["expr"].replace("$run", ".*")


def rule_queries() -> Iterator[tuple[str, str]]:
    """Yield every rule's name with its query."""
    for group in yaml.safe_load((MONITORING / "rules.yaml").read_text())["groups"]:
        for rule in group["rules"]:
            yield rule.get("alert", rule.get("record")), rule["expr"]


def operands(query: str) -> str:
    """Return the query with every comparison's answer, 0 or 1, instead of what it lets through.

    An alert that is not raised has no data; this has, if what it compares has.
    """
    return COMPARISON.sub(r"\1 bool", query)
