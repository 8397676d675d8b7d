"""The replay buffer against a plain deque of the newest moves."""

from collections import deque

import numpy as np
import pytest

from ttt_rllib.rl.replay_buffer import ReplayBuffer


def columns(first, count):
    numbers = np.arange(first, first + count)
    return {"number": numbers, "row": np.stack([numbers, -numbers], axis=1).astype(np.int16)}


def numbers(buffer):
    return set(buffer.sample(5_000, np.random.default_rng(0))["number"].tolist())


@pytest.mark.parametrize("sizes", [[3, 4], [10], [7, 7, 7], [25], [9, 1, 1], [4, 25, 3]])
def test_it_holds_the_newest_moves_as_a_deque_does(sizes):
    buffer, truth, first = ReplayBuffer(10), deque(maxlen=10), 0
    for size in sizes:
        buffer.add(columns(first, size))
        truth.extend(range(first, first + size))
        first += size
        assert len(buffer) == len(truth)
        assert numbers(buffer) == set(truth)


def test_the_columns_of_a_move_stay_together_and_keep_their_types():
    buffer = ReplayBuffer(10)
    buffer.add(columns(0, 17))
    drawn = buffer.sample(100, np.random.default_rng(1))
    assert np.array_equal(drawn["row"][:, 0], drawn["number"])
    assert np.array_equal(drawn["row"][:, 1], -drawn["number"])
    assert drawn["row"].dtype == np.int16


def test_moves_are_drawn_uniformly():
    buffer = ReplayBuffer(8)
    buffer.add(columns(0, 8))
    counts = np.bincount(buffer.sample(80_000, np.random.default_rng(2))["number"])
    # Four standard errors of a binomial with probability 1/8.
    assert np.all(np.abs(counts - 10_000) < 4 * np.sqrt(80_000 * 7 / 64))


@pytest.mark.parametrize("moves", [0, 4, 10, 27])
def test_a_restored_buffer_goes_on_like_the_original(moves):
    original, restored = ReplayBuffer(10), ReplayBuffer(10)
    original.add(columns(0, moves)) if moves else None
    restored.set_state(original.get_state())
    for buffer in (original, restored):
        buffer.add(columns(100, 4))
    drawn = [buffer.sample(50, np.random.default_rng(3)) for buffer in (original, restored)]
    assert all(np.array_equal(drawn[0][name], drawn[1][name]) for name in drawn[0])


def test_the_state_holds_only_what_is_filled():
    buffer = ReplayBuffer(1_000_000)
    buffer.add(columns(0, 5))
    assert {len(values) for values in buffer.get_state()["columns"].values()} == {5}


def test_an_empty_buffer_and_a_state_that_does_not_fit_are_refused():
    with pytest.raises(ValueError, match="empty"):
        ReplayBuffer(10).sample(1, np.random.default_rng(0))
    large = ReplayBuffer(20)
    large.add(columns(0, 20))
    with pytest.raises(ValueError, match="20 moves do not fit into a replay buffer of 10"):
        ReplayBuffer(10).set_state(large.get_state())
