"""Whatever a command is given, it answers with an exit code and a line, and breaks nothing.

Each input is a sound one with a fault: an experiment, a path, a bundle or a run directory.
The same ones each time, so that a failure is about the change under test;
`FUZZ_SEED=$RANDOM pytest tests/test_fuzz_commands.py` tries others, and `-m long` many more.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import yaml

from tests import in_process, mutations
from tests.commands import ROOT, THOROUGH, own_lines, start_command
from tests.report.conftest import made_rows, made_trials, write_metrics, write_run, write_search
from ttt_envs import Game
from ttt_rllib.agents.bundle import load_bundle, save_bundle, weights_sha256
from ttt_rllib.config.experiment import Experiment
from ttt_rllib.runs.checkpoints import write_manifest

SEED = int(os.environ.get("FUZZ_SEED", "0"))
QUICK, LONG = 40, 600 if THOROUGH else 200
"""Inputs of each of the four kinds."""

SAMPLE = 5
"""Of each kind, inputs that are given to real processes, too."""

MAX_S = 20.0
"""More than any command takes here on a slow and busy machine."""

TRIAL = "00000"
ROWS = [
    {"perf/iteration": row, "play/moves": 4000 * row, "exact/nash_conv_greedy": 2.0 / row}
    for row in range(1, 6)
]
SETTINGS = (
    "seed", "algorithm", "env", "env.rows", "env.connect", "model", "model.hidden_sizes", "ray",
    "training", "training.lr", "training.num_epochs", "training.train_batch_size_per_learner",
    "stop", "stop.moves", "search", "search.num_samples", "search.training.lr", "search.asha",
    "env_runners.num_env_runners", "checkpoint.num_to_keep", "opening", "learners.num_learners",
    "name", "", ".", "a..b", "x", "seed.x", "search.", "search.x.y", "a.b.c.d.e.f.g.h.i.j.k",
    "s\x1beed", "\ud800",
)  # fmt: skip
ODD_OPTIONS = (
    ("evaluate",), ("evaluate", "{agent}", "--games"), ("evaluate", "{agent}", "--seed"),
    ("evaluate", "{agent}", "--require"), ("play", "{agent}", "--seed"), ("play", "--seat"),
    ("play", "--web", "--port"), ("play", "--web", "--host", "nowhere.invalid", "--seed"),
    ("prove",), ("prove", "ttt_rllib:prove", "--game"), ("prove", "ttt_rllib:prove", "--seat"),
    ("export", "{agent}"), ("report",), ("submit",), ("train", "--plan"),
    ("train", "{experiment}", "--plan", "--wait"), ("train", "{experiment}", "--plan", "--set"),
    ("train", "{experiment}", "--plan", "--name"),
)  # fmt: skip
ODD_WORDS = (
    "", "x", "-1", "1", "3", "0.5", "nan", "inf", "1e9", "9" * 400, "\u0663", "true", "--", "a\nb",
    "\x1b[31m", "\udcff", "x" * 100_000,
)  # fmt: skip


class Input(NamedTuple):
    """A command line and what lies behind it.

    Attributes:
        words: The words after `ttt`.
        what: What is wrong, for the message.
        codes: The exit codes that are right.
        as_nobody: Whether a user runs it who owns nothing.
        is_sound: Tells afterwards whether what the command accepted is what was meant; None if
            that is not known.
    """

    words: tuple[str, ...]
    what: str
    codes: frozenset[int] = frozenset({0, 1, 2})
    as_nobody: bool = False
    is_sound: Callable[[str], bool] | None = None


@pytest.fixture(scope="module")
def material(new_network, new_summary) -> Iterator[Path]:
    """A folder with sound runs, bundles and experiments; another user can read it."""
    folder = Path(tempfile.mkdtemp(prefix="fuzz"))
    folder.chmod(0o755)
    sound = folder / "sound"
    done = write_run(sound / "ppo" / "done", new_summary(), new_network(), rows=made_rows(8))
    add_checkpoint(done.trials / TRIAL, new_network(seed=1))
    killed = write_run(sound / "ppo" / "killed", None, None, rows=())
    for number in range(2):
        trial = killed.trials / f"0000{number}"
        add_checkpoint(trial, new_network(seed=2 + number))
        write_metrics(trial / "metrics.csv", ROWS[: 4 + number])
    search = Experiment.model_validate(
        {"name": "search", "search": {"training.lr": {"uniform": [1e-4, 1e-2]}, "num_samples": 4}}
    )
    found = write_run(
        sound / "search" / "done", new_summary(), new_network(seed=4), experiment=search, rows=ROWS
    )
    write_search(found, made_trials(4), exploits=["t01"])
    save_bundle(new_network(seed=5), sound / "bundle", {"saved_at": "2026-01-01"})
    shutil.copytree(ROOT / "experiments", sound / "experiments")
    yield folder
    make_removable(folder)
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def warm(material) -> None:
    """Import what the commands import late, while every file of it can be read."""
    for words in (
        ("evaluate", "sound/bundle"),
        ("report", "sound/ppo/done"),
        ("play", "--list"),
        ("compare", "sound/ppo", "--html", "page.html"),
    ):
        in_process.call(words, cwd=material, env={})
    for name in ("ppo", "dqn_pettingzoo"):
        words = ("train", f"sound/experiments/{name}.yaml", "--plan")
        assert in_process.call(words, cwd=material, env={}).code == 0
    resumed = in_process.call(
        ("train", "--resume", "sound/ppo/killed", "--plan"), cwd=material, env={}
    )
    assert "has checkpoints but no state to resume from" in resumed.errors[-1]


def add_checkpoint(trial: Path, policy: Any) -> None:
    folder = trial / "checkpoint_000000"
    save_bundle(policy, folder / "agent", {"saved_at": f"2026-01-0{1 + int(trial.name)}"})
    write_manifest(folder)


def experiment_input(rng: random.Random, place: Path) -> Input:
    """An experiment whose text, values or overrides are odd."""
    file = rng.choice(sorted((place / "experiments").glob("*.yaml")))
    words: tuple[str, ...] = ("train", str(file), "--storage", str(place / "new"), "--plan")
    text = file.read_text(encoding="utf-8")
    kind = rng.choice(("sound", "bytes", "text", "value", "value", "set", "set", "replaced"))
    if kind == "sound":
        return Input(words, kind, frozenset({0}), as_nobody=False)
    if kind == "bytes":
        file.write_bytes(mutations.changed_bytes(rng, text.encode()))
    elif kind == "text":
        file.write_bytes(mutations.changed_text(rng, text))
    elif kind == "value":
        file.write_bytes(mutations.changed_json(rng, json.dumps(yaml.safe_load(text))))
    elif kind == "set":
        for _ in range(rng.choice((1, 1, 1, 3))):
            key, value = rng.choice(SETTINGS), rng.choice(mutations.ODD_VALUES)
            shown = value if isinstance(value, str) else json.dumps(value)
            override = rng.choice((f"{key}={shown}", shown, f"{key}=", f"={shown}"))
            words = (*words, *rng.choice((("--set", override), (override,))))
        words = tuple(word.replace("\x00", "0").replace("\ud800", "\udcff") for word in words)
    else:
        kind += f" by {mutations.replaced_file(rng, file)}"
    return Input(words, f"{file.name}: {kind}", frozenset({0, 2}), as_nobody=is_nobody(rng))


def path_input(rng: random.Random, place: Path) -> Input:
    """A path or an option that cannot be meant."""
    experiment, agent = place / "experiments" / "debug.yaml", place / "bundle"
    if rng.random() < 0.25:
        words = rng.choice(ODD_OPTIONS)
        odd = rng.choice(ODD_WORDS)
        told = [word.format(agent=agent, experiment=experiment) for word in words]
        # A page that is served would not end.
        return Input((*told, "--no-such" if "--web" in told and odd.isdecimal() else odd), "option")
    path, out = mutations.odd_path(rng, place), str(place / "out")
    refused, any_code = frozenset({2}), frozenset({0, 2})
    words, codes = rng.choice(
        (
            (("evaluate", path), refused),
            (("evaluate", path, "--json"), refused),
            (("export", path, "--to", out), refused),
            (("export", str(agent), "--to", path), any_code),
            (("report", path), refused),
            (("play", path), refused),
            (("play", path, "--results", str(place)), refused),
            (("play", "--results", path), any_code),
            (("play", "--list", "--results", path), any_code),
            (("prove", path), refused),
            (("prove", f"{path}:agent", "--game", "tictactoe"), refused),
            (("runs", path), any_code),
            (("compare", path), any_code),
            (("train", path, "--plan"), any_code),
            (("train", str(experiment), "--plan", "--storage", path), any_code),
            (("train", str(experiment), "--plan", "--name", path), any_code),
            (("train", "--plan", "--resume", path), refused),
            (("train", str(experiment), "--resume-if-exists", "--plan", "--name", path), any_code),
        )
    )
    return Input(words, f"path {path[:80]!r}", codes, as_nobody=is_nobody(rng))


def bundle_input(rng: random.Random, place: Path) -> Input:
    """A bundle with a changed byte, key, type or array."""
    bundle = place / "bundle"
    agent, weights = bundle / "agent.json", bundle / "weights.npz"
    described, arrays = json.loads(agent.read_text(encoding="utf-8")), dict(np.load(weights))
    kind = rng.choice(
        ("json", "json", "json", "bytes", "weights", "arrays", "rehashed", "replaced")
    )
    if kind == "json":
        agent.write_bytes(mutations.changed_json(rng, json.dumps(described)))
    elif kind == "bytes":
        agent.write_bytes(mutations.changed_bytes(rng, agent.read_bytes()))
    elif kind == "weights":
        weights.write_bytes(mutations.changed_bytes(rng, weights.read_bytes()))
    elif kind in ("arrays", "rehashed"):
        changed, what = changed_arrays(rng, arrays)
        kind += f": {what}"
        np.savez(weights, **changed)
        if kind.startswith("rehashed"):
            rehash(agent, described, changed, rng)
    else:
        kind += f" by {mutations.replaced_file(rng, rng.choice((agent, weights, bundle)))}"

    def is_sound(_: str) -> bool:
        now, kept = json.loads(agent.read_text(encoding="utf-8-sig")), dict(np.load(weights))
        same = all(np.array_equal(kept.get(name), array) for name, array in arrays.items())
        # A key may be missing, if what it says is the default.
        read = [{**asdict(Game()), **one["game"]} for one in (now, described)]
        return same and json.dumps(read[0]) == json.dumps(read[1])

    return Input(
        agent_command(rng, bundle, place),
        f"bundle: {kind}",
        as_nobody=is_nobody(rng),
        is_sound=None if kind.startswith("rehashed") else is_sound,
    )


def run_input(rng: random.Random, place: Path) -> Input:
    """A run directory of which a file or a folder was damaged, changed, replaced or lost."""
    run = place / rng.choice(("ppo/done", "ppo/killed", "search/done"))
    known = {load_bundle(path.parent).agent_sha256 for path in run.rglob("agent.json")}
    path = rng.choice(sorted(run.rglob("*")))
    kind = rng.choice(("changed", "changed", "bytes", "replaced"))
    change = {
        ".json": mutations.changed_json,
        ".csv": mutations.changed_csv,
        ".yaml": mutations.changed_text,
    }.get(path.suffix)
    if path.is_dir() or kind == "replaced":
        kind += f" by {mutations.replaced_file(rng, path)}"
    elif kind == "changed" and change is not None:
        path.write_bytes(change(rng, path.read_text(encoding="utf-8")))
    else:
        path.write_bytes(mutations.changed_bytes(rng, path.read_bytes()))
    words = rng.choice(
        (
            agent_command(rng, run, place),
            ("report", str(run)),
            ("report", str(run)),
            ("runs", str(place)),
            ("compare", str(run)),
            ("compare", str(run), "--html", str(place / "page.html")),
            ("play", "--list", "--results", str(place)),
            ("train", "--plan", "--resume", str(run)),
            ("train", str(place / "experiments" / "debug.yaml"), "--plan", "--resume-if-exists",
             "--storage", str(place), "--set", f"name={run.parent.name}", "--name", run.name),
        )
    )  # fmt: skip

    def is_sound(stdout: str) -> bool:
        # Which of the run's agents is meant may change, but none can come from nowhere.
        return "--json" not in words or json.loads(stdout)["agent_sha256"] in known

    what = f"{path.relative_to(place)}: {kind}"
    return Input(words, what, as_nobody=is_nobody(rng), is_sound=is_sound)


KINDS = {
    "experiment": experiment_input,
    "path": path_input,
    "bundle": bundle_input,
    "run": run_input,
}


def agent_command(rng: random.Random, agent: Path, place: Path) -> tuple[str, ...]:
    """A command that reads an agent."""
    return rng.choice(
        (
            ("evaluate", str(agent)),
            ("evaluate", str(agent), "--json"),
            ("evaluate", str(agent), "--require", "unexploitable"),
            ("export", str(agent), "--to", str(place / "out")),
            ("play", str(agent)),
        )
    )


def changed_arrays(rng: random.Random, arrays: dict[str, Any]) -> tuple[dict[str, Any], str]:
    """Return weights of which one array has another type, shape, name or value."""
    name = rng.choice(sorted(arrays))
    array = arrays[name]
    other = {
        "float64": array.astype("f8"), "complex": array.astype("c8"), "text": array.astype("U8"),
        "a scalar": np.float32(1), "transposed": array.T, "twice": np.concatenate([array, array]),
        "empty": array[:0], "NaN": array * np.nan, "inf": array + np.inf, "bool": array > 0,
        "deep": array[None, None], "huge": array * 1e30, "records": np.zeros(3, [("a", "f4")]),
        "big-endian": array.astype(">f4"), "bytes": array.astype("S4"),
        "time": np.zeros(3, "M8[s]"), "one": array[:1], "wide": np.tile(array, 2),
    }  # fmt: skip
    kind = rng.choice((*other, "removed", "renamed", "added"))
    rest = {key: value for key, value in arrays.items() if key != name}
    if kind == "removed":
        return rest, f"{name} {kind}"
    if kind == "renamed":
        return rest | {f"x.{name}": array}, f"{name} {kind}"
    if kind == "added":
        return arrays | {"trunk.2.weight": array}, kind
    return rest | {name: other[kind]}, f"{name} {kind}"


def rehash(agent: Path, described: Any, arrays: dict[str, Any], rng: random.Random) -> None:
    """Make agent.json fit the weights, as a program that writes bundles itself would."""
    real = {name: np.real(array) for name, array in arrays.items()}
    with suppress(ValueError, TypeError):
        described["weights_sha256"] = weights_sha256(real)
    described["format_version"] = rng.choice((1, 2))
    agent.write_text(json.dumps(described), encoding="utf-8")


def is_nobody(rng: random.Random) -> bool:
    return rng.random() < 0.15 and os.getuid() == 0


def make_removable(folder: Path) -> None:
    """Give back the rights that an input took."""
    for parent, folders, _ in os.walk(folder):
        for name in folders:
            path = Path(parent, name)
            if not path.is_symlink() and not path.stat().st_mode & stat.S_IXUSR:
                path.chmod(0o755)


def made_input(kind: str, number: int, material: Path) -> tuple[Input, Path]:
    """Make an input in a new copy of the material, always at the same place."""
    place = material / "w"
    if place.exists():
        make_removable(place)
        shutil.rmtree(place)
    shutil.copytree(material / "sound", place, symlinks=True)
    (place / "home").mkdir()
    (place / "cwd").mkdir()
    return KINDS[kind](random.Random(f"{SEED} {kind} {number}"), place), place


def environment(place: Path) -> dict[str, str]:
    return {"HOME": str(place / "home"), "PYTHONDONTWRITEBYTECODE": "1"}


STDIN = "5\n1\n9\nx\n\nquit\n"


def complaint(made: Input, place: Path) -> tuple[str | None, in_process.Outcome]:
    """Run an input in this process; return what is wrong with the answer, None if nothing."""
    before = in_process.listing(place)
    outcome = in_process.call(
        made.words,
        cwd=place / "cwd",
        env=environment(place),
        stdin=STDIN,
        as_nobody=made.as_nobody,
    )
    return next(faults(made, place, before, outcome), None), outcome


def faults(
    made: Input, place: Path, before: dict[str, Any], outcome: in_process.Outcome
) -> Iterator[str]:
    """Yield what is wrong with an answer."""
    errors = [line for line in outcome.errors if line.startswith("error: ")]
    if outcome.code is None:
        yield "raised"
    if any("Traceback" in line for line in outcome.errors):
        yield "a traceback"
    if outcome.code not in made.codes:
        yield f"exit code {outcome.code}"
    if outcome.code == 2 and (len(errors) != 1 or len(outcome.errors) != 1):
        yield f"{len(outcome.errors)} lines, {len(errors)} of them begin with error:"
    if outcome.code == 0 and errors:
        yield "done, with an error"
    if outcome.wall_s > MAX_S:
        yield f"took {outcome.wall_s:.0f} s"
    may_write = made.words[0] in ("report", "export") or "--html" in made.words
    writes = outcome.code == 0 and may_write
    after = in_process.listing(place)
    if not writes and after != before:
        paths = [path for path in {**before, **after} if before.get(path) != after.get(path)]
        yield f"written: {', '.join(paths)}"
    if outcome.code in (0, 1) and made.is_sound is not None and not made.is_sound(outcome.stdout):
        yield "accepted what is not what was written"


def check(kind: str, numbers: range, material: Path) -> None:
    """Try inputs, and fail with all that were answered wrongly."""
    print(f"repeat with FUZZ_SEED={SEED}")  # noqa: T201 - pytest shows it if the test fails
    wrong = []
    for number in numbers:
        made, place = made_input(kind, number, material)
        fault, outcome = complaint(made, place)
        if fault is not None:
            words = " ".join(word[:200] for word in made.words)
            told = "\n".join(line[:300] for line in outcome.errors[-12:])
            wrong.append(f"{kind} {number}, {made.what}: {fault}\n{words!r}\n{told}\n")
    assert not wrong, f"FUZZ_SEED={SEED}: {len(wrong)} of {len(numbers)}:\n" + "\n".join(wrong)


@pytest.mark.parametrize("kind", KINDS)
def test_any_input_gives_an_exit_code_and_one_line_and_nothing_is_written_if_it_is_wrong(
    kind, material, warm
):
    check(kind, range(QUICK), material)


def test_the_plan_of_a_run_that_is_done_writes_nothing(material, warm):
    run = material / "sound" / "ppo" / "done"
    (run / "report.html").unlink(missing_ok=True)
    before = in_process.listing(run)
    outcome = in_process.call(("train", "--plan", "--resume", str(run)), cwd=material, env={})
    assert outcome.code == 0
    assert "the run is done, there is nothing to resume" in outcome.stdout
    assert in_process.listing(run) == before


@pytest.mark.long
@pytest.mark.parametrize("kind", KINDS)
def test_many_more_inputs_are_answered_likewise(kind, material, warm):
    check(kind, range(QUICK, LONG), material)


@pytest.mark.long
@pytest.mark.parametrize("kind", KINDS)
def test_a_process_answers_as_the_function_in_this_process_does(kind, material, warm):
    print(f"repeat with FUZZ_SEED={SEED}")  # noqa: T201
    numbers = iter(range(LONG))
    for _ in range(SAMPLE):
        made, place = next(
            one
            for one in (made_input(kind, number, material) for number in numbers)
            if not one[0].as_nobody
        )
        _, here = complaint(made, place)
        # The same input again, since the first run may have written its results.
        made, place = made_input(kind, next(numbers) - 1, material)
        process = start_command(
            *made.words, cwd=place / "cwd", env=environment(place), stdin=-1, errors="replace"
        )
        _, stderr = process.communicate(STDIN, timeout=600)
        assert (process.returncode, tuple(own_lines(stderr))) == (here.code, here.errors), made
