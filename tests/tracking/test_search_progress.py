"""The progress of a search at every width: against tables written by hand, with Tune's trials."""

import time

import pytest
from ray.tune.experiment import Trial

from tests.tracking.screens import screen, shown
from ttt_rllib.config.experiment import Experiment
from ttt_rllib.metrics import nest
from ttt_rllib.tracking.search_progress import SearchProgress, progress_of

EXPERIMENT = {
    "stop": {"consecutive_unexploitable_evals": 3, "moves": 300_000},
    "search": {
        "training.lr": {"choice": [[[0, 2e-3], [200_000, 2e-4]], [[0, 3e-3], [200_000, 2e-4]]]},
        "training.train_batch_size_per_learner": {"choice": [2048, 4096]},
        "training.minibatch_size": {"choice": [256, 512]},
        "training.num_epochs": {"randint": [2, 6]},
        "training.lambda_": {"uniform": [0.5, 1.0]},
        "model.hidden_sizes": {"choice": [[64, 64], [128, 128]]},
        "num_samples": 4,
    },
}
KEYS = [key for key in EXPERIMENT["search"] if "." in key]


def trial(number, status, moves, objective, values):
    """Return one of Tune's own trials."""
    stopping = {"exact/consecutive_unexploitable_evals": 3, "play/moves": 300_000}
    made = Trial("PPO", trial_id=f"{number:05d}", stub=True, stopping_criterion=stopping)
    made.config = dict(zip(KEYS, values, strict=True))
    if moves:
        evals = 3 if status == "done" else 0
        figures = {
            "play/moves": moves,
            "exact/consecutive_unexploitable_evals": evals,
            **({} if objective is None else {"search/penalised_moves": objective}),
        }
        made.run_metadata.last_result = nest(figures)
    tunes = {"done": Trial.TERMINATED, "stopped early": Trial.TERMINATED}
    made.set_status(tunes.get(status, status))
    return made


def lr(first):
    return [[0, first], [200_000, 2e-4]]


@pytest.fixture
def trials():
    return [
        trial(0, "done", 61_440, 61_440.0, (lr(2e-3), 2048, 256, 3, 0.91, [64, 64])),
        trial(1, "stopped early", 40_960, 33_000.0, (lr(3e-3), 4096, 256, 5, 0.5, [64, 64])),
        trial(2, Trial.RUNNING, 8_192, 812_000.0, (lr(3e-3), 4096, 256, 2, 0.7, [128, 128])),
        trial(3, Trial.PENDING, 0, None, (lr(2e-3), 2048, 256, 2, 0.65, [64, 64])),
    ]


def told(trials, *, width=120, is_terminal=True, height=40, **search):
    """Return the lines that are left on a screen of a search with these trials."""
    data = {**EXPERIMENT, "search": {**EXPERIMENT["search"], **search}}
    console = screen(width, is_terminal=is_terminal, height=height)
    progress = progress_of(Experiment.model_validate(data), console)
    assert isinstance(progress, SearchProgress)
    # The trials that had ended before this session are not told again.
    progress.on_step_end(trials=trials[2:])
    progress.on_step_end(trials=trials)
    for one in trials:
        # As Tune does when it is interrupted.
        one.set_status(Trial.TERMINATED)
    progress.close()
    return shown(console)


# The setting that is equal in all trials, minibatch_size, is not there.
WIDE = """
                                                     train_
                                                     batch_
                               penalised_         size_per_    num_           hidden_
trial          state    moves       moves     lr    learner  epochs  lambda_    sizes
00000           done   61,440      61,440  0.002       2048       3     0.91    64,64
00001  stopped early   40,960      33,000  0.003       4096       5      0.5    64,64
00002    interrupted    8,192     812,000  0.003       4096       2      0.7  128,128
00003    interrupted        0           -  0.002       2048       2     0.65    64,64
""".strip("\n").splitlines()


def test_the_table_shows_what_differs_and_the_best_trial_that_was_not_stopped_first(trials):
    assert told(trials) == [
        *WIDE,
        "2 of 4 trials done",
        "best 00000: search/penalised_moves 61,440",
    ]


@pytest.mark.parametrize(("width", "names"), [(40, 0), (60, 2), (80, 4), (120, 5)])
def test_narrow_tables_keep_trial_state_and_moves_and_say_what_is_missing(trials, width, names):
    lines = told(trials, width=width)
    heading = next(line for line in lines if line.startswith("trial"))
    assert heading.split()[:3] == ["trial", "state", "moves"]
    table = lines[: lines.index(heading) + 5]
    assert max(map(len, table)) <= width
    (row,) = (line.split() for line in table if line.startswith("00001"))
    # trial, "stopped early", moves and the objective
    assert len(row) == 5 + names
    missing = 5 - names
    more = [line for line in lines if "more column" in line]
    assert more == ([f"{missing} more columns in a wider terminal"] if missing > 1 else
                    [f"{missing} more column in a wider terminal"] if missing else [])  # fmt: skip


def test_a_low_terminal_keeps_the_best_trial_and_the_newest_ones(trials):
    lines = told(trials, width=40, height=10)
    rows = [line.split()[0] for line in lines if line.startswith("0000")]
    assert rows == ["00000", "00002", "00003"]


PIPE = """
each trial stops when unexploitable 3 times in a row; limit 300,000 moves or 10 min
0 of 4 trials done
00000  done  61,440 moves  search/penalised_moves 61,440  {first}
00001  stopped early  40,960 moves  search/penalised_moves 33,000  {second}
2 of 4 trials done, best 00000: search/penalised_moves 61,440
""".strip("\n")
FIRST = (
    "lr=0.002 train_batch_size_per_learner=2048 minibatch_size=256 num_epochs=3 lambda_=0.91 "
    "hidden_sizes=64,64"
)
SECOND = (
    "lr=0.003 train_batch_size_per_learner=4096 minibatch_size=256 num_epochs=5 lambda_=0.5 "
    "hidden_sizes=64,64"
)


def test_a_pipe_gets_a_line_for_every_trial_that_ends(trials):
    assert told(trials, is_terminal=False) == PIPE.format(first=FIRST, second=SECOND).splitlines()


def test_the_time_left_is_that_of_all_trials_where_one_that_runs_is_half_done(trials, monkeypatch):
    console = screen(120, is_terminal=False)
    progress = SearchProgress(console, Experiment.model_validate(EXPERIMENT))
    progress.on_step_end(trials=[])

    began_s = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: began_s + 90.0)
    progress.on_step_end(trials=trials)
    # Two trials and a half took 90 s, so the other one and a half take 54 s.
    assert shown(console)[-1].startswith("2 of 4 trials done, about 54 s left, best 00000")


def test_with_seeds_the_best_trial_is_of_the_best_configuration(trials):
    # Means: 47,220 of the first two, 30,000 of the others, whose seed 00002 is the worst.
    other = trial(2, "done", 59_000, 59_000.0, (lr(3e-3), 4096, 256, 2, 0.7, [128, 128]))
    last = trial(3, "done", 1_000, 1_000.0, (lr(3e-3), 4096, 256, 2, 0.7, [128, 128]))
    second = trial(1, "done", 33_000, 33_000.0, (lr(2e-3), 2048, 256, 3, 0.91, [64, 64]))
    made = [trials[0], second, other, last]
    for one in made:
        one.config["seed"] = int(one.trial_id) % 2
    lines = told(made, num_seeds=2, num_samples=2)
    assert lines[-1] == "best 00003: search/penalised_moves 1,000"


def test_nothing_is_said_of_a_best_trial_before_one_has_ended(trials):
    lines = told(trials[2:])
    assert lines[-1] == "0 of 4 trials done"
