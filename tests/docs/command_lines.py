"""Command lines as they stand in documents and manifests, checked by the programs themselves.

Nothing is run: our own commands and Ray's parse their words, an experiment is loaded with its
settings, and files, extras, tests and modules that are named must exist.
"""

from __future__ import annotations

import re
import shlex
import tomllib
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from importlib.util import find_spec
from typing import Any

import pytest

import ttt_rllib
from tests.docs.blocks import ROOT
from ttt_rllib.cli import COMMANDS, subcommand
from ttt_rllib.config.experiment_files import find_experiment
from ttt_rllib.config.loading import load_experiment
from ttt_rllib.errors import InputError
from ttt_rllib.train.command_line import overrides_of, split_words

__all__ = ["check_commands", "parse_ray", "parse_ttt"]

NOT_OURS = {
    *(".", "cd", "export", "printf", "git", "pre-commit", "minikube"),
    *("iptables", "redis-server", "gcloud", "eksctl"),
}
"""Programs whose words are not looked at; those of docs/cluster.md are run by tests/cluster."""

REFUSED = re.compile(r"#.*\bis refused\b.*\b(\S+)$")
"""The comment of a command that shows what a mistake is answered with; its last word is in it."""

ENDS = {"&&", "||", ";", "|", "&"}


def check_commands(text: str) -> None:
    """Check every command of a block.

    Raises:
        AssertionError: If a program is not known, or something that is named does not exist.
        Exception: What a program raises if its words are wrong.
    """
    for line in re.sub(r"\\\n\s*", " ", text).splitlines():
        refused = REFUSED.search(line)
        for words in _commands(line):
            if refused is None:
                _check(words)
                continue
            with pytest.raises(InputError, match=re.escape(refused[1])):
                _check(words)


def parse_ttt(words: Sequence[str]) -> dict[str, Any]:
    """Return the parameters of `ttt <words>`; the experiment of a training is loaded.

    Raises:
        Exception: click's, or an InputError, if a word is wrong.
    """
    name, *arguments = words
    if name.startswith("-"):
        assert words in (["--version"], ["--help"], ["--install-completion"]), words
        return {}
    with _subcommand(name).make_context(name, list(arguments)) as context:
        params = dict(context.params)
    if name == "train" and params["resume"] is None:
        word, settings = split_words(params["experiment"], params["settings"] or ())
        overrides = overrides_of(params["overrides"] or (), settings, params["seed"])
        assert word is not None, words
        here = ROOT / word
        load_experiment(here if here.is_file() else find_experiment(word), overrides)
    return params


def parse_ray(words: Sequence[str]) -> dict[str, Any]:
    """Return the parameters of `ray start`; Kubernetes' variables count as values.

    Raises:
        Exception: click's, if a word is wrong.
    """
    from ray.scripts.scripts import start

    name, *arguments = words
    assert name == "start", words
    numbers = [re.sub(r"\$\(CPUS\)", "2", word) for word in arguments]
    numbers = [re.sub(r"\$\(HEAD\)", "ttt-head", word) for word in numbers]
    with start.make_context(name, [word for word in numbers if word != "$NODE"]) as context:
        return dict(context.params)


def _commands(line: str) -> Iterator[list[str]]:
    """Yield the commands of a line, each as its words, without redirections and variables."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    command: list[str] = []
    for word in [*lexer, ";"]:
        if word in ENDS:
            while command and re.match(r"[A-Za-z_]\w*=", command[0]):
                command.pop(0)
            if command:
                yield command
            command = []
        else:
            command.append(word)


def _check(words: list[str]) -> None:
    program, *rest = words
    if program in NOT_OURS:
        return
    if program.startswith("k8s/"):
        assert (ROOT / program).stat().st_mode & 0o100, program
        return
    assert program in PROGRAMS, f"{program}: no test knows this program; see {__name__}"
    PROGRAMS[program](rest)


def _python(words: list[str]) -> None:
    assert words[0] == "-m", words
    module, arguments = words[1], words[2:]
    assert find_spec(module) is not None, module
    name = module.removeprefix("ttt_rllib.")
    if name in COMMANDS:
        parse_ttt([name, *arguments])
    if module == "benchmarks":
        from benchmarks.__main__ import BENCHMARKS

        assert set(arguments) <= set(BENCHMARKS), arguments


def _pip(words: list[str]) -> None:
    assert words[0] in ("install", "wheel"), words
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    for before, word in zip(["", *words], words, strict=False):
        if before in ("-c", "-r"):
            assert (ROOT / word).is_file(), word
        if word.startswith("dist/"):
            assert word == f"dist/ttt_rllib-{ttt_rllib.__version__}-py3-none-any.whl"
        if before == "-e":
            named = re.fullmatch(r"\.(?:\[([\w,]+)\])?", word)
            assert named, word
            wanted = set((named[1] or "").split(",")) - {""}
            assert wanted <= set(extras["optional-dependencies"]), word


def _uv(words: list[str]) -> None:
    assert words[0] == "pip", words
    _pip(words[1:])


def _pytest(words: list[str]) -> None:
    for word in words:
        if word.startswith("tests/"):
            assert (ROOT / word).exists(), word


def _docker(words: list[str]) -> None:
    if words[0] != "run":
        assert words[0] in ("build", "push", "compose"), words
        return
    after = next(place for place, word in enumerate(words) if word.startswith("ttt-rllib"))
    if words[after + 1 :]:
        parse_ttt(words[after + 1 :])


def _kubectl(words: list[str]) -> None:
    for word in words:
        if word.startswith("k8s/"):
            path = ROOT / word
            assert path.is_file() if "-f" in words else path.is_dir(), word


def _make(words: list[str]) -> None:
    rules = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert set(words) <= set(rules), words


PROGRAMS: dict[str, Callable[[list[str]], object]] = {
    "docker": _docker,
    "kubectl": _kubectl,
    "make": _make,
    "pip": _pip,
    "pytest": _pytest,
    "python": _python,
    "python3": _python,
    "ray": parse_ray,
    "ttt": parse_ttt,
    "uv": _uv,
}


@cache
def _subcommand(name: str) -> Any:
    assert name in COMMANDS, name
    return subcommand(name)
