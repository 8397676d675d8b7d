"""The model of an iteration against rates that are known, hand calculation and real columns."""

import math
from dataclasses import asdict, replace
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from benchmarks.rows import document
from benchmarks.scaling import error_row
from benchmarks.scaling_advice import Adviser
from benchmarks.scaling_iterations import BESIDE, CENTRE, LARGEST, SETTINGS
from benchmarks.scaling_learners import GROUPS
from benchmarks.scaling_model import TERMS, Model, fit, lockstep_steps
from benchmarks.scaling_report import ADVISED, CLUSTERS, Report, overrides
from benchmarks.scaling_setting import GAMES, Setting, Timing
from tests.benchmarks.test_page import row
from ttt_rllib.config.loading import load_experiment
from ttt_rllib.sampling.board_sampler import BoardSampler, SamplerSettings
from ttt_rllib.sampling.columns import policy_exploration, ppo_columns
from ttt_rllib.sampling.rollout import Evaluation

ROOT = Path(__file__).parent.parent.parent
CORES = 2
MOVES_PER_GAME = {"tic_tac_toe": 4.0, "4x4x4": 10.5, "connect_four": 16.5}
LEARNED = [setting for settings in GROUPS.values() for setting in settings]
TRUE = Model(
    {
        "runner": (5e-3, 3e-4, 6e-7, 4e-9, 2.5e-11),
        "collect": (4e-3, 1e-3, 2e-9, 0.1),
        "local": (1.1,),
        "learn": (4e-3, 8e-7, 2e-9, 4e-11, 1e-3, 1e-9),
        "distribute": (2e-3, 3e-9, 0.9, 1.7, 2e-3, 5e-9),
        "sync": (2e-3, 7e-4, 1e-9),
        "rest": (2.5e-3, 3e-5),
    }
)


def timing(setting, model=TRUE):
    """What a machine takes that works exactly as the model says."""
    length = MOVES_PER_GAME[setting.game]
    iteration = model.predict(setting, length, CORES)
    runner_cpu_s = model.runner_cpu_s(setting, iteration.moves, length)
    remote = setting.num_env_runners > 0
    return Timing(
        moves=iteration.moves,
        moves_per_game=length,
        sample_s=iteration.sample_s,
        learn_s=iteration.learn_s,
        sync_s=iteration.sync_s,
        rest_s=iteration.rest_s,
        runner_cpu_s=runner_cpu_s if remote else 0.0,
        driver_cpu_s=iteration.learn_s,
    )


FITTED = {setting: timing(setting) for setting in SETTINGS}
LEARNING = {setting: TRUE.predict(setting, 4.0, CORES).learn_s for setting in LEARNED}


def test_known_rates_come_back_from_the_timings_that_they_make():
    found = fit(FITTED, CORES, LEARNING).rates
    assert found.keys() == TRUE.rates.keys() == TERMS.keys()
    for phase, rates in TRUE.rates.items():
        assert found[phase] == pytest.approx(rates, rel=1e-4), phase
        assert len(rates) == len(TERMS[phase]), phase


def test_rates_are_never_negative_whatever_the_noise():
    rng = np.random.default_rng(0)
    noisy = {
        setting: Timing(
            **{name: value * rng.uniform(0.8, 1.2) for name, value in asdict(t).items()}
        )
        for setting, t in FITTED.items()
    }
    rates = fit(noisy, CORES).rates
    assert min(rate for phase in rates.values() for rate in phase) >= 0.0


def test_the_largest_setting_is_larger_than_all_that_are_fitted_in_every_factor():
    for name in ("num_env_runners", "flops", "row_bytes", "weight_bytes", "batch_size"):
        assert getattr(LARGEST, name) >= max(getattr(one, name) for one in SETTINGS), name
    assert LARGEST.num_env_runners > max(one.num_env_runners for one in SETTINGS)


def test_what_is_not_fitted_has_no_part_in_the_fit():
    assert not {LARGEST, *BESIDE} & set(SETTINGS)

    def rows(factor):
        for setting in (*SETTINGS, *BESIDE, LARGEST):
            time, fitted = timing(setting), setting in SETTINGS
            learn_s = time.learn_s if fitted else factor * time.learn_s
            time = replace(time, learn_s=learn_s)
            detail = {"setting": asdict(setting), "timing": asdict(time), "fitted": fitted}
            yield row(what=setting.name, detail={"kind": "iteration", **detail})

    machine = {"cores": CORES}
    true, slow = (
        Report({**document(machine, {}, []), "rows": list(rows(factor))}) for factor in (1.0, 2.0)
    )
    assert LARGEST in slow.measured
    assert slow.measured[LARGEST].learn_s == 2.0 * true.measured[LARGEST].learn_s
    assert slow.model == true.model


def test_the_error_is_that_of_every_round_by_hand():
    times = [replace(timing(LARGEST), learn_s=0.0, sync_s=0.0, rest_s=0.0)] * 2
    true_s = timing(LARGEST).wall_s
    rounds = [[replace(times[0], sample_s=factor * true_s)] for factor in (1.0, 2.0, 0.8)]
    # The model says moves / true_s; a round that takes twice as long has half the speed.
    assert error_row(TRUE, LARGEST, rounds, CORES).figures == pytest.approx([0.0, 1.0, 0.2])


def test_learning_by_hand():
    # 4 passes over 4,096 moves, in 4 minibatches each, of 39,936 operations a move.
    rates = {**TRUE.rates, "learn": (0.0, 1e-6, 0.0, 1e-11, 1e-3, 0.0)}
    by_hand_s = 16_384 * (1e-6 + 39_936e-11) + 16 * 1e-3
    assert Model(rates).predict(CENTRE, 4.0, CORES).learn_s == pytest.approx(by_hand_s)
    # Two learners with half of the moves each make as many steps, of half the minibatch.
    two = replace(CENTRE, num_learners=2, batch_size=2048, minibatch_size=512)
    rates["distribute"] = (0.0, 0.0, 0.0, 1.0, 0.0, 0.0)
    shared_s = (by_hand_s - 16e-3) / 2 + 16e-3
    assert Model(rates).predict(two, 4.0, 2).learn_s == pytest.approx(shared_s)
    assert Model(rates).predict(two, 4.0, 1).learn_s == pytest.approx(2 * shared_s)


def test_processes_share_the_cores_there_are():
    setting = replace(CENTRE, num_env_runners=8, num_boards=64, batch_size=65_536)
    model = Model({**TRUE.rates, "collect": (0.0, 0.0, 0.0, 0.0), "rest": (0.0, 0.0)})
    many, few = (model.predict(setting, 4.0, cores).sample_s for cores in (8, 2))
    assert few == pytest.approx(4.0 * many)
    assert model.predict(setting, 4.0, 1000).sample_s == many


def test_env_runners_beside_learning_are_waited_for_only_where_they_take_longer():
    model = Model({**TRUE.rates, "collect": (1e-3, 0.0, 0.0, 0.0)})
    fast = replace(CENTRE, sample_beside_learning=True)
    assert model.predict(fast, 4.0, 8).sample_s == pytest.approx(1e-3)
    slow = replace(fast, num_boards=4, hidden_sizes=(8, 8), num_epochs=1)
    prediction = model.predict(slow, 4.0, 8)
    alone_s = model.runner_cpu_s(slow, prediction.moves, 4.0) / 2
    rest_s = prediction.learn_s + prediction.sync_s + prediction.rest_s
    assert prediction.sample_s == pytest.approx(alone_s - rest_s + 1e-3)


def test_sizes_of_the_default_network_by_hand():
    # 18 squares' marks to 128, 128 to 128, 128 to nine moves and the value; a bias each.
    assert CENTRE.flops == 2 * (18 * 128 + 128 * 128 + 128 * 10)
    assert CENTRE.weight_bytes == 4 * (19 * 128 + 129 * 128 + 129 * 10)


def sampler(game, boards):
    """A sampler, and a list that counts the evaluations of an untrained network."""
    steps = []

    def evaluate(observations):
        steps.append(len(observations))
        legal = observations[:, -GAMES[game].num_actions :].astype(np.float32)
        return Evaluation((legal - 1) * np.float32(1e9), np.zeros_like(legal[:, 0]))

    settings = SamplerSettings(
        game=GAMES[game],
        random_plies=(0, 8),
        exploring_starts=0.0,
        num_boards=boards,
        seed=(0,),
        explore=True,
        columns=partial(ppo_columns, gamma=1.0, lambda_=0.8),
        exploration=policy_exploration,
    )
    return partial(BoardSampler(settings, 1).sample, evaluate), steps


@pytest.mark.parametrize("game", GAMES)
def test_a_move_has_as_many_bytes_as_its_columns(game):
    games = sampler(game, 8)[0]()
    assert sum(column.nbytes for column in games.columns.values()) == (
        games.num_moves * Setting(game).row_bytes
    )


@pytest.mark.parametrize("setting", [CENTRE, *SETTINGS[4:6], *SETTINGS[-4:]], ids=lambda s: s.name)
def test_an_env_runner_steps_its_boards_about_as_often_as_the_model_says(setting):
    share, calls = setting.moves / setting.samplers, 4
    sample, steps = sampler(setting.game, setting.num_boards)
    games = [sample(num_moves=math.ceil(share)) for _ in range(calls)]
    length = sum(one.num_moves for one in games) / sum(one.num_games for one in games)
    expected = lockstep_steps(setting, share, length)
    assert len(steps) / calls == pytest.approx(expected, rel=0.25)
    # The moves of whole games are hardly more than were asked for.
    assert sum(one.num_moves for one in games) / calls == pytest.approx(share, rel=0.03)


@pytest.mark.parametrize("cores", [1, 2, 3, 8])
def test_where_every_process_helps_the_advice_uses_all_cores_and_no_more(cores):
    free = {phase: (0.0,) * len(rates) for phase, rates in TRUE.rates.items()}
    slow_games = Model({**free, "runner": (0.0, 0.0, 1e-3, 0.0, 0.0), "local": (1.0,)})
    choice = Adviser(slow_games, CENTRE, 4.0).choose(cores)
    # The trial's own process samples itself or waits.
    assert choice.processes == (cores if cores > 2 else 1)
    assert choice.speed_up == pytest.approx(max(1, cores - 1))


@pytest.mark.parametrize("experiment", ADVISED)
def test_the_advice_fits_the_cores_and_is_an_experiment(experiment):
    adviser = Adviser(TRUE, ADVISED[experiment], MOVES_PER_GAME[ADVISED[experiment].game])
    speeds = []
    for cores in CLUSTERS:
        for least_efficiency in (0.0, 0.5):
            choice = adviser.choose(cores, least_efficiency)
            assert 1 <= choice.processes <= cores
            assert choice.efficiency >= least_efficiency
            assert choice.setting.moves == ADVISED[experiment].moves
            if experiment.endswith(".yaml"):
                load_experiment(ROOT / experiment, overrides(choice.setting))
        speeds.append(adviser.choose(cores).moves_per_s)
    assert adviser.choose(1).speed_up >= 0.98
    assert all(b >= 0.98 * a for a, b in pairwise(speeds))
