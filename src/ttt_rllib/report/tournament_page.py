"""A tournament as one self-contained HTML page: no network, no script."""

from __future__ import annotations

from importlib.resources import files

from jinja2 import Environment, StrictUndefined

from ttt_envs.game import Game
from ttt_rllib.league.standing import Standing
from ttt_rllib.report.charts.figure import stylesheet
from ttt_rllib.report.charts.heat_map import heat_map

__all__ = ["tournament_page"]

TEMPLATE = "tournament.html.j2"


def tournament_page(game: Game, standing: Standing) -> str:
    """Return the page.

    Args:
        game: What is played.
        standing: The results.
    """
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    source = files("ttt_rllib.report").joinpath(TEMPLATE).read_text(encoding="utf-8")
    order = standing.order
    payoffs = standing.payoffs
    names = [standing.players[number].name for number in order]
    pairs = (payoffs.x_wins - payoffs.o_wins)[order][:, order]
    best = standing.players[order[0]]
    return environment.from_string(source).render(
        stylesheet=stylesheet(),
        game=game.title,
        sentence=f"{len(order)} players, and {best.name} leads.",
        how="Computed exactly, over all games that can be played."
        if payoffs.is_exact
        else "Sampled; the standard error of a pair's score is up to "
        f"{float(payoffs.standard_errors.max()):.2f}.",
        rows=standing.rows,
        figure=heat_map("Score of the row as X against the column as O", names, pairs),
    )
