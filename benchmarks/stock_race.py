"""Stock RLlib in the race: its PPO on `tictactoe_v3`, with the settings of `ppo.yaml`.

It has no random openings, as no PettingZoo environment has.
"""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.race import Standing, run_contestant

SETTINGS = {
    "train_batch_size_per_learner": 4096,
    "minibatch_size": 1024,
    "num_epochs": 4,
    "gamma": 1.0,
    "lambda_": 0.8,
    "lr": [[0, 3e-3], [200_000, 2e-4]],
    "entropy_coeff": [[0, 0.02], [200_000, 0.0]],
    "vf_loss_coeff": 0.5,
    "clip_param": 0.2,
    "grad_clip": 0.5,
}
RUNNERS = {"num_env_runners": 2, "num_cpus_per_env_runner": 0.5}


def train(seed: int) -> Iterator[Standing]:
    """Train for ever; after every iteration yield the moves and the policy so far."""
    from ttt_rllib.cluster.connection import connect, disconnect

    connect(None)  # before anything imports ray
    import torch
    from ray.rllib.utils.metrics import ENV_RUNNER_RESULTS, NUM_ENV_STEPS_SAMPLED_LIFETIME

    from benchmarks.stock import stock_config
    from ttt_envs.game import TIC_TAC_TOE
    from ttt_rllib.agents.policies import NetworkPolicy, policy_table
    from ttt_rllib.exact.solved_game import solve_or_raise
    from ttt_rllib.exact.tables import Table
    from ttt_rllib.sampling.env_runner import MODULE_ID

    torch.set_num_threads(1)  # as Ray does in an actor of one CPU, such as a trial
    positions = solve_or_raise(TIC_TAC_TOE).positions
    config = stock_config().training(**SETTINGS).env_runners(**RUNNERS).debugging(seed=seed)
    algorithm = config.build_algo()

    def table() -> Table:
        learner = algorithm.learner_group.get_weights([MODULE_ID])[MODULE_ID]
        return policy_table(positions, NetworkPolicy(TIC_TAC_TOE, learner, "relu"))

    try:
        while True:
            algorithm.train()
            key = (ENV_RUNNER_RESULTS, NUM_ENV_STEPS_SAMPLED_LIFETIME)
            yield int(algorithm.metrics.peek(key)), table
    finally:
        disconnect()


if __name__ == "__main__":
    run_contestant(train)
