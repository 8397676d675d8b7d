"""Parts of torch without torch's compiler, which takes a second of CPU time to import.

`torch.optim` imports it with the first optimizer, only to tell it to leave the optimizer alone,
and `torch.use_deterministic_algorithms`, which RLlib calls with a seed, to tell it as well.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from inspect import unwrap
from typing import Any

import torch

__all__ = ["EagerAdam", "eager_determinism"]

_step = unwrap(torch.optim.Adam.step)


class EagerAdam(torch.optim.Adam):
    """Adam in its fused form, one kernel for all parameters; its state is that of torch's Adam.

    The methods are torch's own, without the decorators that import the compiler.

    Args:
        params: What to optimise.
        eps: Added to the denominator.
    """

    def __init__(self, params: Any, *, eps: float) -> None:
        super().__init__(params, eps=eps, fused=True)

    add_param_group = unwrap(torch.optim.Adam.add_param_group)
    load_state_dict = unwrap(torch.optim.Adam.load_state_dict)
    state_dict = unwrap(torch.optim.Adam.state_dict)
    zero_grad = unwrap(torch.optim.Adam.zero_grad)

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Make a step along the gradients, as `torch.optim.Adam.step` does."""
        if closure is not None or not self.state:
            # torch's own also makes the state.
            return _step(self, closure)
        for group in self.param_groups:
            weights = [weight for weight in group["params"] if weight.grad is not None]
            states = [self.state[weight] for weight in weights]
            steps = [state["step"] for state in states]
            torch._foreach_add_(steps, 1)
            # The kernel that torch's own step ends in, after four times as much bookkeeping.
            torch._fused_adam_(
                weights,
                [weight.grad for weight in weights],
                [state["exp_avg"] for state in states],
                [state["exp_avg_sq"] for state in states],
                [],
                steps,
                lr=group["lr"],
                beta1=group["betas"][0],
                beta2=group["betas"][1],
                weight_decay=group["weight_decay"],
                eps=group["eps"],
                amsgrad=False,
                maximize=False,
            )
        return None


@contextmanager
def eager_determinism() -> Iterator[None]:
    """Let a call of `torch.use_deterministic_algorithms` import no compiler."""
    original = torch.use_deterministic_algorithms
    if "torch._inductor" not in sys.modules:
        torch.use_deterministic_algorithms = _use_deterministic_algorithms
    try:
        yield
    finally:
        torch.use_deterministic_algorithms = original


def _use_deterministic_algorithms(mode: bool, *, warn_only: bool = False) -> None:
    torch.set_deterministic_debug_mode(("warn" if warn_only else "error") if mode else "default")
