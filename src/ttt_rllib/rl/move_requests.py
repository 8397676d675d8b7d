"""How an Algorithm gets moves from its remote env runners, whatever becomes of each of them.

A request carries the weights, so an env runner that has just been restarted, or that missed an
iteration, plays with the right ones, and an iteration needs one call to each env runner.
"""

from __future__ import annotations

import math
import time
from typing import Any

import ray
from ray.exceptions import RayError, RayTaskError
from ray.rllib.core import COMPONENT_LEARNER, COMPONENT_RL_MODULE
from ray.rllib.utils.metrics import WEIGHTS_SEQ_NO

from ttt_envs.boards import Boards
from ttt_rllib.league.league import League
from ttt_rllib.rl.hosts import AlgorithmHost
from ttt_rllib.sampling.env_runner import STARTS, Sampled
from ttt_rllib.sampling.opponents import OPPONENTS

__all__ = ["MoveRequests", "current_weights"]

RESTART_TIMEOUT_S = 300.0
"""How long to wait for an env runner when all are gone; a pod takes a minute or two."""

RESTART_POLL_S = 0.25
"""How often an env runner that is gone is asked whether it is back."""

SLOWEST = 3.0
"""How much longer than the others an env runner may take before it is left out."""


def current_weights(learner_group: Any) -> dict[str, Any]:
    """Return the learners' weights, by module, and their number, as env runners take them over."""
    component = f"{COMPONENT_LEARNER}/{COMPONENT_RL_MODULE}"
    state = learner_group.get_state(components=[component], inference_only=True)[COMPONENT_LEARNER]
    return {key: state[key] for key in (COMPONENT_RL_MODULE, WEIGHTS_SEQ_NO)}


class MoveRequests:
    """Asks all env runners for moves, and takes what has come.

    What it takes follows from the seed alone as long as every env runner answers in time. One that
    does not is left out of the iteration, and of those that follow until it answers; its late
    moves are dropped, since they were played with old weights.

    Args:
        algorithm: The RLlib Algorithm.
        league: Where the opponents come from; None = there are none.
    """

    def __init__(self, algorithm: AlgorithmHost, league: League | None = None) -> None:
        self._algorithm = algorithm
        self._league = league
        self._starts: Boards | None = None
        self._references: dict[str, Any] = {}
        self._weights: dict[str, Any] | None = None
        self._reference: Any = None
        self._are_restored = False
        self._seq_no, self._calls = -1, 0
        self._asked: dict[Any, int] = {}
        self._asked_weights: dict[str, Any] | None = None
        self._late: dict[Any, int] = {}
        self._back: list[int] = []
        self._pings: list[Any] = []
        self._pinged_s = -math.inf

    @property
    def num_late(self) -> int:
        """Env runners that were asked in an earlier iteration and have not answered yet."""
        return len(self._late)

    def start_from(self, positions: Boards | None) -> None:
        """Let a share of the games begin in these positions, once new weights are used."""
        self._starts = positions

    def use(self, weights: dict[str, Any]) -> None:
        """Play the moves that will be asked for with these weights.

        Args:
            weights: As `current_weights` returns them, perhaps with the hashes of the opponents
                and the positions to start from; else those of now.
        """
        opponents = () if self._league is None else self._league.opponents
        hashes = tuple(one.sha256 for one in opponents)
        self._weights = {OPPONENTS: hashes, STARTS: self._starts, **weights}
        if self._algorithm.config.num_env_runners > 0:
            # Every node fetches them once, however many env runners it has.
            references = [(sha256, self._stored(sha256)) for sha256 in self._weights[OPPONENTS]]
            self._reference = ray.put({**self._weights, OPPONENTS: references})

    def _stored(self, sha256: str) -> Any:
        """Return a reference to a member of the league, which is stored once."""
        if sha256 not in self._references:
            assert self._league is not None  # noqa: S101 - for the type checker
            self._references[sha256] = ray.put(self._league.find(sha256).policy)
        return self._references[sha256]

    def get_state(self) -> dict[str, Any]:
        """Return what the next moves follow from, apart from the learners' weights."""
        is_asked = bool(self._asked)
        state: dict[str, Any] = {
            "seq_no": self._seq_no,
            "calls": self._calls - is_asked,
            "starts": self._starts,
        }
        if is_asked and self._algorithm.config.sample_beside_learning:
            state["weights"] = self._asked_weights
        return state

    def set_state(self, state: dict[str, Any]) -> None:
        """Take over a state made by `get_state`, and drop what was asked for before."""
        if self._asked:
            # An env runner that is still playing would be left out of the next iteration.
            timeout_s = self._algorithm.config.sample_timeout_s
            ray.wait(list(self._asked), num_returns=len(self._asked), timeout=timeout_s)
            self._late |= self._asked
        self._asked, self._weights = {}, None
        self._seq_no, self._calls = state.get("seq_no", -1), state.get("calls", 0)
        self._starts = state.get("starts")
        if (weights := state.get("weights")) is not None:
            self.use(weights)
            self._are_restored = True

    def _next_call(self) -> int:
        """Return how many times the weights have been played with before."""
        if self._weights is None:
            self.use(current_weights(self._algorithm.learner_group))
            assert self._weights is not None  # noqa: S101 - for the type checker
        seq_no = self._weights[WEIGHTS_SEQ_NO]
        if seq_no != self._seq_no:
            self._seq_no, self._calls = seq_no, 0
        self._calls += 1
        return self._calls - 1

    def ask(self, num_moves: int, epsilon: float) -> None:
        """Ask all remote env runners that are up and not late; do nothing if they have been asked.

        Args:
            num_moves: Least number of moves of all together; 0 = one round of all boards.
            epsilon: Share of random moves, for algorithms that explore by it.
        """
        if self._asked or self._algorithm.config.num_env_runners == 0:
            return
        self._take_late()
        manager = self._algorithm.env_runner_group._worker_manager  # noqa: SLF001 - its actors
        busy = set(self._late.values())
        free = [number for number in manager.healthy_actor_ids() if number not in busy]
        if not free:
            return
        share, call = math.ceil(num_moves / len(free)), self._next_call()
        actors = manager.actors()
        for number in free:
            answer = actors[number].sample_games.remote(
                share, epsilon, state=self._reference, call=call
            )
            self._asked[answer] = number
        self._asked_weights = self._weights
        if self._are_restored:
            # Those of the iteration before; what follows is played with the learners' own.
            self._weights, self._are_restored = None, False

    def take(self, num_moves: int, epsilon: float) -> list[Sampled]:
        """Return what the env runners have played, in their order; ask them first if need be.

        Args:
            num_moves: As for `ask`.
            epsilon: As for `ask`.

        Raises:
            FloatingPointError: If the network's outputs are not finite.
            RuntimeError: If no env runner comes back within `RESTART_TIMEOUT_S`.
        """
        algorithm = self._algorithm
        if algorithm.config.num_env_runners == 0:
            call = self._next_call()
            if self._league is not None:
                pairs = [(one.sha256, one.policy) for one in self._league.opponents]
                algorithm.env_runner.set_state({OPPONENTS: pairs})
            algorithm.env_runner.set_state({STARTS: self._starts})
            answer = algorithm.env_runner.sample_games(num_moves, epsilon, call=call)
            if isinstance(answer, FloatingPointError):
                raise answer
            return [answer]
        deadline_s = time.monotonic() + RESTART_TIMEOUT_S
        while time.monotonic() < deadline_s:
            self.ask(num_moves, epsilon)
            answers = self._answers(deadline_s)
            if answers:
                return [answers[number] for number in sorted(answers)]
            # All of them are gone. Ray is restarting them and refuses calls until then.
            while not self._restored() and time.monotonic() < deadline_s:
                time.sleep(RESTART_POLL_S)
        raise RuntimeError(
            f"none of the {algorithm.config.num_env_runners} env runners came back within "
            f"{RESTART_TIMEOUT_S:g} s; worker-*.err in Ray's session logs tell why they ended"
        )

    def restore(self) -> list[int]:
        """Take back env runners that have been restarted.

        Returns:
            Their numbers, with those that came back since the last call, while all were gone.
        """
        back, self._back = [*self._back, *self._probe()], []
        return back

    def _probe(self) -> list[int]:
        """Take back env runners that have been restarted, and return their numbers.

        RLlib would wait for each that is gone, on a cluster half a minute in every iteration. Here
        it is asked without waiting, and more than once: Ray leaves a question unanswered for 2 s
        that comes while the actor starts.
        """
        group = self._algorithm.env_runner_group
        manager = group._worker_manager  # noqa: SLF001 - its actors
        gone = set(manager.actor_ids()) - set(manager.healthy_actor_ids())
        if not gone:
            self._pings = []
            return []
        if self._has_ping():
            self._pings = []
            # This one answers at once, and nobody waits long for the others.
            restored: list[int] = group.probe_unhealthy_env_runners(RESTART_POLL_S)
            return restored
        if time.monotonic() >= self._pinged_s + RESTART_POLL_S:
            actors = manager.actors()
            self._pings += [actors[number].ping.remote() for number in sorted(gone)]
            self._pinged_s = time.monotonic()
        return []

    def _has_ping(self) -> bool:
        """Tell whether any that is gone has answered; forget the questions that failed."""
        if not self._pings:
            return False
        ready, self._pings = ray.wait(self._pings, num_returns=len(self._pings), timeout=0.0)
        has_one = False
        for reference in ready:
            try:
                ray.get(reference)
            except RayError:
                continue
            has_one = True
        return has_one

    def _restored(self) -> bool:
        self._back += self._probe()
        self._take_late()
        return self._algorithm.env_runner_group.num_healthy_remote_workers() > len(self._late)

    def _answers(self, deadline_s: float) -> dict[int, Sampled]:
        """Return the answers, but those that take much longer than the slowest of the others."""
        answers: dict[int, Sampled] = {}
        start_s = time.monotonic()
        while self._asked:
            until_s = deadline_s
            if answers:
                slowest_s = max(answer.sample_s for answer in answers.values())
                patience_s = max(self._algorithm.config.sample_timeout_s, SLOWEST * slowest_s)
                until_s = min(until_s, start_s + patience_s)
            # At first until one has come, which tells how long the others may take.
            ready, _ = ray.wait(
                list(self._asked),
                num_returns=len(self._asked) if answers else 1,
                timeout=max(0.0, until_s - time.monotonic()),
            )
            if not ready:
                self._late |= self._asked
                self._asked = {}
            for reference in ready:
                worker = self._asked.pop(reference)
                answer = self._fetch(reference, worker)
                if answer is not None:
                    answers[worker] = answer
        return answers

    def _take_late(self) -> None:
        """Let those that have answered meanwhile take part again."""
        if not self._late:
            return
        ready, _ = ray.wait(list(self._late), num_returns=len(self._late), timeout=0.0)
        for reference in ready:
            self._fetch(reference, self._late.pop(reference))

    def _fetch(self, reference: Any, worker: int) -> Sampled | None:
        """Return an answer; None if its env runner has failed and is restarted."""
        group = self._algorithm.env_runner_group
        try:
            answer = ray.get(reference)
        except RayTaskError:
            raise
        except RayError:
            if not group._ignore_ray_errors_on_env_runners:  # noqa: SLF001 - RLlib's own choice
                raise
            group._worker_manager.set_actor_state(worker, healthy=False)  # noqa: SLF001
            return None
        if isinstance(answer, FloatingPointError):
            raise answer
        return answer
