"""Moves per CPU second of one env runner, with policy and value inference.

The whole `sample` is measured on both sides: inference, actions, columns or episodes, and
metrics; on ours the openings and advantages too. NumPy and torch run on one thread.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from benchmarks.rows import Row, Target, interleaved, ratios

__all__ = ["sampling"]

UNIT = "moves per CPU second"
BOARDS = (64, 512, 1024, 4096)
TARGETS = {512: 200.0, 4096: 400.0}
"""Boards, of which 512 are the default of an experiment, to the least ratio to stock."""
MOVES = 100_000
LEAGUE_BOARDS, SNAPSHOTS = 512, 8
"""How a league is measured beside plain self-play."""
STOCK_MOVES = 512
"""A short fragment: with longer ones the stock runner only gets slower."""
STOCK_FRAGMENTS = 6


def sampling(quick: bool) -> list[Row]:
    """Measure the board env runner at several numbers of boards, and the stock one."""
    import torch

    torch.set_num_threads(1)
    runs = 2 if quick else 5
    contestants: dict[Any, Callable[[], float]] = {}
    for boards in BOARDS:
        contestants[boards] = _ours(boards, MOVES // 20 if quick else MOVES)
    contestants["league"] = _ours(LEAGUE_BOARDS, MOVES // 20 if quick else MOVES, SNAPSHOTS)
    contestants["stock"] = _stock(1 if quick else STOCK_FRAGMENTS)
    figures = interleaved(contestants, runs)
    rows = [
        Row("sampling", f"board env runner, {boards:,} boards", UNIT, figures[boards])
        for boards in BOARDS
    ]
    rows.append(
        Row(
            "sampling",
            "stock MultiAgentEnvRunner, 64 envs",
            UNIT,
            figures["stock"],
            note=f"tictactoe_v3, fragments of {STOCK_MOVES} moves, the same network",
        )
    )
    for boards, least in TARGETS.items():
        quotients = ratios(figures[boards], figures["stock"])
        what = f"board env runner, {boards:,} boards / stock"
        rows.append(Row("sampling", what, "x", quotients, Target(at_least=least)))
    rows.append(
        Row(
            "sampling",
            f"board env runner, {LEAGUE_BOARDS} boards, league of {SNAPSHOTS} snapshots / none",
            "x",
            ratios(figures["league"], figures[LEAGUE_BOARDS]),
            Target(at_least=0.6),
            note="on half of the boards the learner plays the snapshots, each on as many",
        )
    )
    return rows


def _ours(boards: int, moves: int, snapshots: int = 0) -> Callable[[], float]:
    from ttt_rllib.agents.bundle import policy_sha256
    from ttt_rllib.agents.policies import NetworkPolicy
    from ttt_rllib.league.league import LeagueSettings
    from ttt_rllib.rl.env_runner import TorchBoardEnvRunner
    from ttt_rllib.rl.ppo import SelfPlayPPOConfig
    from ttt_rllib.sampling.env_runner import BoardEnvRunner
    from ttt_rllib.sampling.opponents import OPPONENTS

    config = SelfPlayPPOConfig().env_runners(num_envs_per_env_runner=boards).debugging(seed=0)
    config.self_play(league=LeagueSettings(play_against_latest_model_ratio=0.5))
    runner = BoardEnvRunner(config.sampler_settings(), config.model_config["activation"], 1)
    runner.set_state(TorchBoardEnvRunner(config=config, worker_index=0).get_state())
    game = config.env_config["game"]
    networks = [
        NetworkPolicy(game, _new_weights(config, seed), config.model_config["activation"])
        for seed in range(snapshots)
    ]
    runner.set_state({OPPONENTS: [(policy_sha256(one), one) for one in networks]})
    runner.sample_games(moves // 10, 0.0)

    def measure() -> float:
        start_s = time.process_time()
        answer = runner.sample_games(moves, 0.0)
        assert not isinstance(answer, FloatingPointError)  # noqa: S101 - random weights are finite
        return float(answer.games.num_moves) / (time.process_time() - start_s)

    return measure


def _new_weights(config: Any, seed: int) -> dict[str, Any]:
    import torch

    from ttt_rllib.rl.env_runner import TorchBoardEnvRunner
    from ttt_rllib.sampling.env_runner import MODULE_ID

    torch.manual_seed(seed)
    runner = TorchBoardEnvRunner(config=config, worker_index=0)
    weights: dict[str, Any] = runner.module[MODULE_ID].get_state(inference_only=True)
    return weights


def _stock(fragments: int) -> Callable[[], float]:
    from ray.rllib.env.multi_agent_env_runner import MultiAgentEnvRunner

    from benchmarks.stock import stock_config

    config = stock_config().env_runners(num_env_runners=0).debugging(seed=0)

    runner = MultiAgentEnvRunner(config=config, worker_index=0)
    runner.sample(num_timesteps=STOCK_MOVES)

    def measure() -> float:
        moves, start_s = 0, time.process_time()
        for _ in range(fragments):
            moves += sum(game.env_steps() for game in runner.sample(num_timesteps=STOCK_MOVES))
            runner.get_metrics()
        return moves / (time.process_time() - start_s)

    return measure
