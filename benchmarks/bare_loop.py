"""PPO self-play in one file of plain PyTorch: what is left without any framework.

The yardstick for the learner and for the time to an unexploitable agent. Each game starts
after 0 to 8 uniformly random plies; one network plays both seats; the value of the
successor counts negative, because it is the opponent's. One thread.
Shapes: `G` games, `n` games still going, `B` moves, `A` actions.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.race import Standing, run_contestant
from ttt_envs.boards import Boards, random_openings
from ttt_envs.game import TIC_TAC_TOE
from ttt_rllib.exact.solved_game import solve_or_raise

__all__ = ["Network", "adam", "loss", "update"]

HIDDEN, GAMES, EPOCHS, MINIBATCH = 128, 1024, 4, 1024
LR, ENTROPY_COEFF, SCHEDULE_MOVES = (3e-3, 2e-4), (0.02, 0.0), 200_000
LAMBDA = 0.8
CLIP, VALUE_COEFF, GRAD_CLIP = 0.2, 0.5, 0.5
RANDOM_PLIES = (0, 8)
PLANES = 2 * TIC_TAC_TOE.num_squares

Columns = dict[str, Tensor]


class Network(nn.Module):
    """18-128-128 with a policy and a value head."""

    def __init__(self) -> None:
        super().__init__()
        first, second = nn.Linear(PLANES, HIDDEN), nn.Linear(HIDDEN, HIDDEN)
        self.trunk = nn.Sequential(first, nn.ReLU(), second, nn.ReLU())
        self.policy = nn.Linear(HIDDEN, TIC_TAC_TOE.num_actions)
        self.value = nn.Linear(HIDDEN, 1)

    def forward(self, observations: Tensor) -> tuple[Tensor, Tensor]:
        """Return masked logits `[B, A]` and values `[B]`; the mask is the tail of the input."""
        planes, legal = observations.tensor_split([PLANES], dim=1)
        hidden = self.trunk(planes)
        return self.policy(hidden) + (1.0 - legal) * -1e9, self.value(hidden).squeeze(1)


def adam(network: Network, lr: float = LR[0]) -> torch.optim.Adam:
    """Return the optimizer, with the settings of `SelfPlayPPOLearner`."""
    return torch.optim.Adam(network.parameters(), lr=lr, eps=1e-7, fused=True)


def loss(logits: Tensor, values: Tensor, batch: Columns, entropy_coeff: float) -> Tensor:
    """Return the clipped PPO loss, with value error and entropy bonus."""
    log_probs = logits.log_softmax(dim=1)
    logp = log_probs.gather(1, batch["actions"][:, None])[:, 0]
    ratio = (logp - batch["logp"]).exp()
    clipped = ratio.clamp(1.0 - CLIP, 1.0 + CLIP)
    surrogate = torch.min(batch["advantages"] * ratio, batch["advantages"] * clipped).mean()
    value = (values - batch["targets"]).square().mean()
    entropy = -(log_probs.exp() * log_probs).sum(dim=1).mean()
    return VALUE_COEFF * value - surrogate - entropy_coeff * entropy


def update(
    network: Network,
    optimizer: torch.optim.Optimizer,
    batch: Columns,
    *,
    entropy_coeff: float,
    epochs: int = EPOCHS,
    minibatch: int = MINIBATCH,
) -> None:
    """Pass `epochs` times over the moves in random order, a step for each minibatch."""
    num_moves = len(batch["actions"])
    for _ in range(epochs):
        for rows in torch.randperm(num_moves).tensor_split(max(1, round(num_moves / minibatch))):
            part = {name: column[rows] for name, column in batch.items()}
            logits, values = network(part["observations"])
            total = loss(logits, values, part, entropy_coeff)
            optimizer.zero_grad(set_to_none=True)
            total.backward()  # type: ignore[no-untyped-call]  # torch has no annotation here
            nn.utils.clip_grad_norm_(network.parameters(), GRAD_CLIP)
            optimizer.step()


def observe(boards: Boards) -> Tensor:
    """Return float32 `[n, 2 * squares + A]`: own stones, other stones, legal mask."""
    planes = boards.observe().reshape(len(boards), -1)
    return torch.from_numpy(np.concatenate([planes, boards.legal_mask()], axis=1)).float()


def play(network: Network, rng: np.random.Generator) -> Columns:
    """Play `GAMES` games to their ends and return the moves of both players."""
    boards, games = random_openings(TIC_TAC_TOE, GAMES, RANDOM_PLIES, rng), torch.arange(GAMES)
    plies: list[tuple[Tensor, ...]] = []
    while len(games):
        observations = observe(boards)
        with torch.inference_mode():
            logits, values = network(observations)
            log_probs = logits.log_softmax(dim=1)
            actions = torch.multinomial(log_probs.exp(), 1)
            logp = log_probs.gather(1, actions)[:, 0]
        boards, won, done = boards.step(actions[:, 0].numpy())
        plies.append((games, observations, actions[:, 0], logp, values, torch.from_numpy(won)))
        games, boards = games[~done], boards[~done]
    return _columns(plies)


def _columns(plies: list[tuple[Tensor, ...]]) -> Columns:
    """Add generalised advantages and value targets, last ply first, and join the plies."""
    next_value, next_advantage = torch.zeros(GAMES), torch.zeros(GAMES)
    parts = []
    for games, observations, actions, logp, values, won in reversed(plies):
        delta = won.float() - next_value[games] - values
        advantages = delta - LAMBDA * next_advantage[games]
        next_value[games], next_advantage[games] = values, advantages
        parts.append((observations, actions, logp, advantages, advantages + values))
    names = ("observations", "actions", "logp", "advantages", "targets")
    columns = dict(zip(names, (torch.cat(part) for part in zip(*parts, strict=True)), strict=True))
    advantages = columns["advantages"]
    columns["advantages"] = (advantages - advantages.mean()) / advantages.std()
    return columns


def train(seed: int) -> Iterator[Standing]:
    """Train for ever; after every iteration yield the moves and the policy so far."""
    torch.manual_seed(seed)
    torch.set_num_threads(1)
    rng, network, moves = np.random.default_rng(seed), Network(), 0
    optimizer = adam(network)
    positions = solve_or_raise(TIC_TAC_TOE).positions

    def table() -> Any:
        with torch.inference_mode():
            return network(observe(positions.boards))[0].softmax(dim=1).double().numpy()

    while True:
        batch = play(network, rng)
        moves += len(batch["actions"])
        progress = min(1.0, moves / SCHEDULE_MOVES)
        optimizer.param_groups[0]["lr"] = LR[0] + progress * (LR[1] - LR[0])
        entropy_coeff = ENTROPY_COEFF[0] + progress * (ENTROPY_COEFF[1] - ENTROPY_COEFF[0])
        update(network, optimizer, batch, entropy_coeff=entropy_coeff)
        yield moves, table


if __name__ == "__main__":
    run_contestant(train)
