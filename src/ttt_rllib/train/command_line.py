"""The words of `ttt train`: settings beside options, and what was meant where one is wrong."""

from __future__ import annotations

from collections.abc import Sequence

from ttt_rllib.config.experiment_files import shipped_experiments
from ttt_rllib.config.settings_table import known_setting, nearest_setting
from ttt_rllib.errors import InputError

__all__ = ["explain_option", "overrides_of", "split_words"]

OTHER_OPTIONS = {
    **dict.fromkeys(("config", "experiment", "file", "f", "c"), "write it without: ttt train ppo"),
    **dict.fromkeys(
        ("out", "output", "output-dir", "results", "logdir", "log-dir", "dir"),
        "write --storage DIR",
    ),
    **dict.fromkeys(("run-name", "run-id", "id", "tag"), "write --name NAME"),
    **dict.fromkeys(("restore", "continue", "checkpoint", "load"), "write --resume RUN_DIR"),
    **dict.fromkeys(("cluster", "ray-address", "head"), "write --address ADDR"),
    **dict.fromkeys(("show", "check", "validate", "test"), "write --plan"),
    **dict.fromkeys(("override", "s", "o", "param"), "write it without: seed=1"),
}
"""What other programs call our options."""


def split_words(experiment: str | None, words: Sequence[str]) -> tuple[str | None, tuple[str, ...]]:
    """Return the experiment and the settings: with `--resume` there may be settings alone.

    A first word with "=" is a setting, since no experiment is called so.
    """
    if experiment is not None and "=" in experiment and not experiment.endswith(".yaml"):
        return None, (experiment, *words)
    return experiment, tuple(words)


def overrides_of(
    sets: Sequence[str], words: Sequence[str], seed: str | None = None
) -> tuple[str, ...]:
    """Return all overrides: those of `--set`, the words, and `--seed`; of equal keys the last.

    Args:
        sets: As given to `--set`.
        words: The words after the experiment, `key=value` each.
        seed: As given to `--seed`.

    Raises:
        InputError: If a word is no setting, or a key has two values given in different ways.
    """
    for place, word in enumerate(words):
        if "=" not in word:
            raise InputError(f"{word}: {_remedy(word, words[place + 1 :])}")
    ways = {
        "--set": dict(_parts(one) for one in sets),
        "the words": dict(_parts(one) for one in words),
        "--seed": {} if seed is None else {"seed": seed.strip()},
    }
    given: dict[str, tuple[str, str]] = {}
    for way, values in ways.items():
        for key, value in values.items():
            before, other = given.get(key, (way, value))
            if other != value:
                raise InputError(
                    f"{key} is {other} by {before} and {value} by {way}; give it only once"
                )
            given[key] = way, value
    return (*sets, *words, *([] if seed is None else [f"seed={seed}"]))


def explain_option(option: str) -> str:
    """Return what an option that does not exist is called here, as a clause, or ""."""
    name = option.lstrip("-").lower()
    if name in OTHER_OPTIONS:
        return f"; {OTHER_OPTIONS[name]}"
    key = known_setting(name.replace("-", "_"))
    return f"; a setting has no dashes: write {key}=VALUE" if key else ""


def _parts(override: str) -> tuple[str, str]:
    key, _, value = override.partition("=")
    return key.strip(), value.strip()


def _remedy(word: str, after: Sequence[str]) -> str:
    """Return what to write instead of a word that is no setting."""
    key, colon, value = word.partition(":")
    if not colon and after:
        # "lr = 1e-3" and "lr 1e-3" are words of their own to a shell.
        value = next((one for one in after if one != "="), "")
        value = "" if "=" in value else value
    if word in shipped_experiments() or word.endswith((".yaml", ".yml")):
        return "one command trains one experiment; train this one with a second command"
    setting = nearest_setting(key)
    if setting is None:
        return "is no setting; write it as key=value, for example seed=1"
    return f"write it as {setting}={value.strip() or 'VALUE'}"
