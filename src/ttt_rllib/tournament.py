"""`python -m ttt_rllib.tournament AGENT...`: everyone against everyone; no ray, no torch."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from ttt_envs.game import TIC_TAC_TOE, Game
from ttt_envs.positions import too_many_positions
from ttt_rllib.agents.bundle import BundleError
from ttt_rllib.agents.fixed_players import FIXED_PLAYERS, PERFECT, RANDOM
from ttt_rllib.agents.policies import GreedyPolicy
from ttt_rllib.commands import EXIT_DONE, check_games, run_command, shortened
from ttt_rllib.config.completion import complete_run
from ttt_rllib.errors import InputError, file_error
from ttt_rllib.league.members import Member, find_player
from ttt_rllib.league.payoffs import PAIR_GAMES, payoffs
from ttt_rllib.league.standing import Standing, rated, standing_as_json
from ttt_rllib.report.tournament_page import tournament_page
from ttt_rllib.runs.bundles import find_bundle
from ttt_rllib.runs.files import write_atomic

__all__ = ["tournament"]

NARROWEST = 24
"""Columns that a table has even where the terminal claims to have fewer."""


def tournament(
    agents: Annotated[
        list[str],
        typer.Argument(
            metavar="AGENT",
            help=f"Runs, checkpoints, bundles, or any of {', '.join(FIXED_PLAYERS)}.",
            autocompletion=complete_run,
        ),
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    as_markdown: Annotated[bool, typer.Option("--markdown", help="Print Markdown.")] = False,
    html: Annotated[Path | None, typer.Option(metavar="FILE", help="Also write a page.")] = None,
    games: Annotated[
        int, typer.Option(metavar="N", help="Sampled games per pair, if the game is large.")
    ] = PAIR_GAMES,
    seed: Annotated[int, typer.Option(min=0, metavar="N", help="Seed of the sampled games.")] = 0,
) -> None:
    """Play every agent against every other in both seats, exactly if the game allows it.

    A trained agent plays its most probable moves, as its certificate assumes; a fixed player draws
    its moves. The random player, and the perfect one where it is known, always take part: their
    ratings are fixed, so that tournaments have one scale.

    Exit codes: 0 done, 2 an agent is missing or plays another game.
    """
    if as_json and as_markdown:
        raise InputError("--json and --markdown: choose one")
    check_games(games)
    members = _members(agents)
    game = members[0].policy.game
    results = payoffs([member.policy for member in members], seed=seed, num_games=games)
    standing = rated(members, results)
    if html is not None:
        try:
            write_atomic(html, tournament_page(game, standing))
        except OSError as error:
            raise file_error(html, "cannot be written", error) from None
    if as_json:
        print(json.dumps(_as_json(game, standing, games, seed), indent=2))
    elif as_markdown:
        print(_markdown(standing))
    else:
        width = max(NARROWEST, shutil.get_terminal_size().columns)
        print("\n".join(_text(game, standing, games, width)))
        if html is not None:
            print(f"\npage: {html}")
    raise typer.Exit(EXIT_DONE)


def _members(names: list[str]) -> list[Member]:
    """Return all players, each once, the trained ones greedy.

    Raises:
        InputError: If one is not there, or they play different games.
    """
    paths = [name for name in names if name not in FIXED_PLAYERS]
    game = _game_of(paths[0]) if paths else TIC_TAC_TOE
    anchors = [RANDOM] if too_many_positions(game) else [PERFECT, RANDOM]
    members = []
    for name in dict.fromkeys((*names, *anchors)):
        member = find_player(name, game)
        if name not in FIXED_PLAYERS:
            member = replace(member, policy=GreedyPolicy(member.policy))
        members.append(member)
    return members


def _game_of(path: str) -> Game:
    if not Path(path).exists():
        # It says what there is.
        find_player(path, TIC_TAC_TOE)
    try:
        return find_bundle(Path(path)).policy.game
    except BundleError as error:
        raise InputError(str(error)) from None


def _as_json(game: Game, standing: Standing, games: int, seed: int) -> dict[str, Any]:
    exact = standing.payoffs.is_exact
    return {
        "game": game.as_json(),
        **standing_as_json(standing),
        "games_of_a_pair": None if exact else games,
        "seed": None if exact else seed,
    }


def _markdown(standing: Standing) -> str:
    lines = [
        "| player | rating | mean score | Nash weight | Nash average | agent |",
        "|---|---|---|---|---|---|",
    ]
    for number, row in zip(standing.order, standing.rows, strict=True):
        lines.append(f"| {' | '.join(row)} | `{standing.players[number].sha256[:12]}` |")
    return "\n".join(lines)


def _text(game: Game, standing: Standing, games: int, width: int) -> list[str]:
    """Return the table of ratings, and the score of every pair with the row as X."""
    exact = standing.payoffs.is_exact
    how = "exact" if exact else f"{games} sampled games of each pair"
    order = standing.order
    means = standing.payoffs.scores.mean(axis=1)
    room = max(8, width - len(" 1   rating  score   Nash") - 1)
    names = {number: shortened(standing.players[number].name, room) for number in order}
    longest = max(map(len, names.values()))
    lines = [
        f"{game.title}, {how}, {len(order)} players",
        "",
        f"{'':3} {'':{longest}} rating  score   Nash",
    ]
    for place, number in enumerate(order, 1):
        lines.append(
            f"{place:3} {names[number]:{longest}} {standing.ratings[number]:6.0f} "
            f"{_signed(means[number])} {100 * standing.nash_weights[number]:5.0f}%"
        )
    x_scores = standing.payoffs.x_wins - standing.payoffs.o_wins
    at_once = max(1, (width - 3) // 6)
    for start in range(0, len(order), at_once):
        columns = order[start : start + at_once]
        lines += ["", "scores: row as X, column as O"]
        lines.append(
            f"{'':3}" + "".join(f"{start + place:6}" for place in range(1, len(columns) + 1))
        )
        for place, number in enumerate(order, 1):
            cells = "".join(_signed(x_scores[number, column]) for column in columns)
            lines.append(f"{place:3}{cells}")
    if not exact:
        worst = float(standing.payoffs.standard_errors.max())
        lines += ["", f"standard errors up to {worst:.2f}, both seats together"]
    return lines


def _signed(score: float) -> str:
    """Return a score in six places; 0 has a plus, whatever its last digits say."""
    return f"{round(float(score), 2) + 0.0:+6.2f}"


if __name__ == "__main__":
    run_command(tournament)
