"""Raw random play on one core: games stepped, observed and masked, no network.

Every contestant plays uniformly random legal moves and makes the mover's observation and
legal mask in every position, since that is what a policy would be given.
Shapes: `N` boards.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from benchmarks.machine import one_core
from benchmarks.rows import NOT_INSTALLED, Row, Target, interleaved, ratios

__all__ = ["env"]

OURS, PETTINGZOO, OPENSPIEL, PGX = "ttt_envs", "PettingZoo", "OpenSpiel", "Pgx"
UNIT = "moves per CPU second"

OUR_BOARDS = (4096, 16384)
PGX_BOARDS = (1024, 8192)
PGX_PLIES = 64
"""Plies in one compiled call, so that Python's overhead does not count against JAX."""

Play = Callable[[], int]
"""Plays for a while and returns the number of moves."""


def env(quick: bool) -> list[Row]:
    """Measure the contestants, and the ratios to PettingZoo and to Pgx."""
    seconds, runs = (0.1, 2) if quick else (1.0, 5)
    notes = dict.fromkeys((OURS, PETTINGZOO, OPENSPIEL, PGX), "")
    contestants = {}
    with one_core():
        for name, make in ((OURS, _ours), (PETTINGZOO, _pettingzoo), (OPENSPIEL, _openspiel)):
            contestants[name], notes[name] = _prepared(make, seconds)
        if not quick:  # JAX takes 10 s to compile.
            contestants[PGX], notes[PGX] = _prepared(_pgx, seconds)
        there = {name: measure for name, measure in contestants.items() if measure is not None}
        figures = interleaved(there, runs)
    rows = [
        Row(
            "env",
            f"random play, {name}",
            UNIT,
            figures.get(name, ()),
            Target(at_least=5e6) if name == OURS else None,
            notes[name],
        )
        for name in contestants
    ]
    for peer, bound in ((PETTINGZOO, 400.0), (OPENSPIEL, None), (PGX, 1.0)):
        if peer in figures:
            target = Target(at_least=bound) if bound is not None else None
            quotients = ratios(figures[OURS], figures[peer])
            rows.append(Row("env", f"random play, ttt_envs / {peer}", "x", quotients, target))
    return rows


def _prepared(
    make: Callable[[], dict[str, Play]], seconds: float
) -> tuple[Callable[[], float] | None, str]:
    """Choose the best of a contestant's settings; return its measurement and the setting."""
    try:
        settings = make()
    except ModuleNotFoundError:
        return None, NOT_INSTALLED
    for play in settings.values():
        play()  # compiles, fills caches
    best = max(settings, key=lambda name: _rate(settings[name], seconds / 2))
    return lambda: _rate(settings[best], seconds), best


def _rate(play: Play, seconds: float) -> float:
    moves, start_s = 0, time.process_time()
    while (elapsed_s := time.process_time() - start_s) < seconds:
        moves += play()
    return moves / elapsed_s


def _ours() -> dict[str, Play]:
    from ttt_envs.boards import Boards
    from ttt_envs.game import TIC_TAC_TOE

    rng = np.random.default_rng(0)

    def play(num_boards: int) -> int:
        boards, moves = Boards.empty(TIC_TAC_TOE, num_boards), 0
        while len(boards):
            boards.observe()
            boards.legal_mask()
            moves += len(boards)
            boards, _, done = boards.step(boards.random_actions(rng))
            boards = boards[~done]
        return moves

    return {f"{n:,} boards in lockstep": partial(play, n) for n in OUR_BOARDS}


def _pettingzoo() -> dict[str, Play]:
    from pettingzoo.classic import tictactoe_v3

    rng = random.Random(0)
    game = tictactoe_v3.env()

    def play() -> int:
        game.reset()
        moves = 0
        for _ in game.agent_iter():
            observation, _, terminated, truncated, _ = game.last()
            if terminated or truncated:
                game.step(None)
                continue
            game.step(rng.choice(np.flatnonzero(observation["action_mask"])))
            moves += 1
        return moves

    return {"tictactoe_v3, Python loop": play}


def _openspiel() -> dict[str, Play]:
    import pyspiel

    rng = random.Random(0)
    game = pyspiel.load_game("tic_tac_toe")

    def play() -> int:
        state = game.new_initial_state()
        moves = 0
        while not state.is_terminal():
            state.observation_tensor()
            state.apply_action(rng.choice(state.legal_actions()))
            moves += 1
        return moves

    return {"Python loop over the C++ game": play}


def _pgx() -> dict[str, Play]:
    import jax
    import pgx
    from pgx.experimental import auto_reset

    game = pgx.make("tic_tac_toe")
    step = jax.vmap(auto_reset(game.step, game.init))

    def ply(state: Any, key: Any) -> tuple[Any, Any]:
        action_key, reset_key = jax.random.split(key)
        odds = jax.numpy.where(state.legal_action_mask, 0.0, -jax.numpy.inf)
        actions = jax.random.categorical(action_key, odds)
        after = step(state, actions, jax.random.split(reset_key, len(actions)))
        # What is not returned is never computed: XLA drops dead code.
        return after, (state.observation, state.legal_action_mask)

    @jax.jit
    def plies(state: Any, key: Any) -> Any:
        return jax.lax.scan(ply, state, jax.random.split(key, PGX_PLIES))

    def play(num_boards: int) -> int:
        state = jax.vmap(game.init)(jax.random.split(jax.random.key(0), num_boards))
        jax.block_until_ready(plies(state, jax.random.key(1)))
        return num_boards * PGX_PLIES

    return {f"{n:,} boards, jitted, auto-reset": partial(play, n) for n in PGX_BOARDS}
