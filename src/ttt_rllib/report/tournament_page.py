"""A tournament as one self-contained HTML page: no network, no script."""

from __future__ import annotations

from ttt_envs.game import Game
from ttt_rllib.league.standing import Standing
from ttt_rllib.report.charts.figure import stylesheet
from ttt_rllib.report.charts.heat_map import heat_map
from ttt_rllib.report.template import render

__all__ = ["tournament_page"]

TEMPLATE = "tournament.html.j2"


def tournament_page(game: Game, standing: Standing) -> str:
    """Return the page.

    Args:
        game: What is played.
        standing: The results.
    """
    order = standing.order
    payoffs = standing.payoffs
    names = [standing.players[number].name for number in order]
    pairs = (payoffs.x_wins - payoffs.o_wins)[order][:, order]
    best = standing.players[order[0]]
    return render(
        TEMPLATE,
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
