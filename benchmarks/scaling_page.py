"""`docs/scaling.md` and its pictures, from the figures of `python -m benchmarks scaling`.

Everything follows from the JSON file alone, so the page can be rewritten without measuring:
`python -m benchmarks.scaling_page docs/scaling.json docs/scaling.md`. The prose is in
`scaling.md.j2`; the tables are made here.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from jinja2 import Environment, StrictUndefined

from benchmarks.page import machine_lines, table, verdict
from benchmarks.scaling_advice import Choice
from benchmarks.scaling_model import TERMS
from benchmarks.scaling_report import (
    ADVISED,
    CLUSTERS,
    LARGE,
    Json,
    Report,
    enlarged,
    overrides,
    setting_of,
)
from benchmarks.scaling_setting import GAMES, SCALAR_BYTES
from ttt_rllib.commands import run_command
from ttt_rllib.errors import InputError
from ttt_rllib.report.charts.figure import Figure, Tone
from ttt_rllib.report.charts.line_chart import Line, line_chart
from ttt_rllib.report.charts.svg_file import svg_file

__all__ = ["page", "pictures", "write_page"]

COMMAND = "python -m benchmarks scaling --json docs/scaling.json --markdown docs/scaling.md"
TEMPLATE = Path(__file__).with_name("scaling.md.j2")
CURVE = tuple(2**power for power in range(11))
"""Numbers of cores in the picture."""
TONES: Mapping[str, Tone] = {"tic_tac_toe": "win", "4x4x4": "draw", "connect_four": "loss"}
LEAST_EFFICIENCY = 0.5
"""What a trial's processes must bring on average, by the table, to be called efficient."""
THOUSAND = 1000
PHASES = ("sample_s", "learn_s", "sync_s", "rest_s")


def write_page(document: Json, markdown: Path) -> None:
    """Write the page, and its pictures beside it.

    Raises:
        InputError: If the figures are those of a quick run, or of other benchmarks.
    """
    report = Report(document)
    if not report.rows("strength"):
        raise InputError(f"{markdown}: needs the figures of a whole `python -m benchmarks scaling`")
    figures = pictures(report, markdown.stem)
    markdown.write_text(page(report, figures), encoding="utf-8")
    for name, figure in figures.items():
        markdown.with_name(name).write_text(svg_file(figure), encoding="utf-8")


def page(report: Report, figures: Mapping[str, Figure]) -> str:
    """Return the page.

    Args:
        report: What was measured.
        figures: The pictures by the names of their files.
    """
    # It is Markdown, where nothing is escaped.
    environment = Environment(undefined=StrictUndefined, keep_trailing_newline=True)  # noqa: S701
    check = next(row for row in report.rows() if "target" in row and "model" in row["what"])
    return environment.from_string(TEMPLATE.read_text(encoding="utf-8")).render(
        command=COMMAND,
        machine=machine_lines(report.document),
        cores=report.cores,
        large=LARGE,
        scalar_bytes=SCALAR_BYTES,
        least_efficiency=f"{LEAST_EFFICIENCY:.0%}",
        check={**check, "verdict": verdict(check)},
        iterations=_iterations(report),
        parts=_parts(report),
        trials=_trials(report),
        strength=_strength(report),
        rates=_rates(report),
        clusters=_clusters(report),
        commands=_commands(report),
        pictures=[f"![{figure.title}]({name})" for name, figure in figures.items()],
    )


def pictures(report: Report, stem: str) -> dict[str, Figure]:
    """Return the pictures by the names of their files, which begin with `stem`."""
    return {f"{stem}_model.svg": _model_chart(report), f"{stem}_cores.svg": _cores_chart(report)}


def _iterations(report: Report) -> str:
    """All iterations, phase by phase, with the model's error."""
    rows = []
    for setting, time in report.measured.items():
        error = report.predict(setting, time).moves_per_s / time.moves_per_s - 1.0
        name = setting.name if setting in report.fitted else f"**{setting.name}**"
        phases = (f"{1e3 * getattr(time, phase):.3g}" for phase in PHASES)
        speeds = (f"{time.moves_per_s:,.0f}", f"{time.moves_per_cpu_s:,.0f}")
        rows.append((name, f"{time.moves:,.0f}", *phases, *speeds, f"{error:+.0%}"))
    head = ("setting", "moves", "sample", "learn", "weights", "rest")
    return _markdown((*head, "moves per wall s", "per CPU s", "model's error"), rows)


def _parts(report: Report) -> str:
    """Sampling and learning by themselves."""
    sampling = [row for row in report.rows() if row["what"].startswith("sampling")]
    return table([*sampling, *report.rows("learning")])


def _trials(report: Report) -> str:
    """Trials side by side, measured and predicted."""
    measured = {row["detail"]["trials"]: row["value"] for row in report.rows("trials")}
    rows = []
    for row in report.rows("trials"):
        setting, number = setting_of(row), row["detail"]["trials"]
        length = report.moves_per_game(setting.game)
        predicted = report.model.trials_per_s(setting, length, report.cores, number)
        speed_up = row["value"] / measured[1]
        efficiency = f"{speed_up / min(number, report.cores):.0%}"
        speeds = (f"{row['value']:,.0f}", f"{predicted:,.0f}", f"{speed_up:.2f}")
        rows.append((number, *speeds, efficiency))
    head = ("trials", "moves per wall s", "model", "speed-up", "efficiency")
    return _markdown(head, rows)


def _strength(report: Report) -> str:
    """Time to an unexploitable agent."""
    found: dict[str, dict[str, Json]] = {}
    for row in report.rows("strength"):
        found.setdefault(row["detail"]["runners"], {})[row["detail"]["column"]] = row
    rows = [
        (
            runners,
            *(_spread(columns[name]) for name in ("moves", "training")),
            columns["moves"]["note"].split(" seeds")[0],
        )
        for runners, columns in found.items()
    ]
    head = ("sampled by", "moves", "training, s", "seeds that got there")
    return _markdown(head, rows)


def _rates(report: Report) -> str:
    """The fitted rates."""
    rows = [
        (f"`{term.symbol}`", f"{rate:.3g}", term.unit or "-", term.meaning)
        for phase, rates in report.model.rates.items()
        for term, rate in zip(TERMS[phase], rates, strict=True)
    ]
    return _markdown(("rate", "fitted", "unit", "for"), rows)


def _clusters(report: Report) -> str:
    """What to run on some clusters, and what it brings."""
    rows = []
    for name, asked in ADVISED.items():
        for batch in (asked, enlarged(asked)):
            adviser = report.adviser(batch)
            for cores in CLUSTERS:
                fastest = adviser.choose(cores)
                good = adviser.choose(cores, LEAST_EFFICIENCY)
                speeds = (f"{fastest.moves_per_s:,.0f}", f"{fastest.speed_up:.2f}")
                number = cores // good.processes
                together = (_run(good), f"{number:,}", f"{number * good.moves_per_s:,.0f}")
                what = (name, f"{batch.batch_size:,}", f"{cores:,}")
                rows.append((*what, _run(fastest), fastest.processes, *speeds, *together))
    head = ("experiment", "batch", "cores")
    fastest_head = ("fastest trial", "processes", "moves per s", "speed-up")
    good_head = ("efficient trial", "at once", "moves per s in all")
    return _markdown((*head, *fastest_head, *good_head), rows)


def _run(choice: Choice) -> str:
    setting = choice.setting
    if not setting.num_env_runners and not setting.num_learners:
        return f"one process, {setting.num_boards:,} boards"
    run = f"{setting.num_env_runners} x {setting.num_boards:,} boards"
    beside = " beside learning" * setting.sample_beside_learning
    learners = f", {setting.num_learners} learners" if setting.num_learners else ""
    return run + beside + learners


def _commands(report: Report) -> str:
    """The trials of the table with the experiments' own batches, as commands."""
    commands: dict[str, str] = {}
    for name, asked in ADVISED.items():
        if name.endswith(".yaml"):
            adviser, least = report.adviser(asked), min(CLUSTERS)
            choices = {"efficient": adviser.choose(least, LEAST_EFFICIENCY)}
            choices |= {f"fastest on {cores:,} cores": adviser.choose(cores) for cores in CLUSTERS}
            for what, choice in choices.items():
                options = " ".join(f"--set {one}" for one in overrides(choice.setting))
                commands.setdefault(f"ttt train {name} {options}", what)
    return "\n".join(f"# {what}\n{command}" for command, what in commands.items())


def _model_chart(report: Report) -> Figure:
    pairs = {
        setting: (time.moves_per_s, report.predict(setting, time).moves_per_s)
        for setting, time in report.measured.items()
    }
    seen = np.array([pair for setting, pair in pairs.items() if setting in report.fitted])
    unseen = np.array([pair for setting, pair in pairs.items() if setting not in report.fitted])
    everything = np.concatenate([seen, unseen])
    ends = np.array([everything.min() * 0.9, everything.max() * 1.1])
    lines = [
        Line("equal", ends, ends, "faint", value=""),
        Line("fitted", seen[:, 0], seen[:, 1], "ink", value="", is_dots=True),
        Line("not fitted", unseen[:, 0], unseen[:, 1], "loss", value="", is_dots=True),
    ]
    title = "Moves per second: model and measurement"
    return line_chart(title, lines, x_name="measured", is_log=True)


def _cores_chart(report: Report) -> Figure:
    lines, cores = [], np.array(CURVE, float)
    for asked in ADVISED.values():
        for batch, is_large in ((asked, False), (enlarged(asked), True)):
            adviser = report.adviser(batch)
            speed_ups = np.array([adviser.choose(number).speed_up for number in CURVE])
            name = GAMES[asked.game].title + f", batch x {LARGE}" * is_large
            tone, value = TONES[asked.game], f"{speed_ups[-1]:.3g} x"
            lines.append(Line(name, cores, speed_ups, tone, is_large, value))
    title = "Predicted speed-up of one trial over its cores"
    return line_chart(title, lines, x_name="cores", is_log=True)


def _spread(row: Json) -> str:
    median, least, greatest = (
        f"{row[name]:,.0f}" if row["value"] >= THOUSAND else f"{row[name]:.3g}"
        for name in ("value", "min", "max")
    )
    return f"{median} ({least} to {greatest})"


def _markdown(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def main(
    json_file: Annotated[Path, typer.Argument(help="The file that `--json` wrote.")],
    markdown: Annotated[Path, typer.Argument(help="The page to write.")],
) -> None:
    """Rewrite the page from the figures of an earlier run."""
    write_page(json.loads(json_file.read_text(encoding="utf-8")), markdown)


if __name__ == "__main__":
    run_command(main)
