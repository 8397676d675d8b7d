"""The experiment schema: every kind of bad input is one line with place, value and remedy."""

from pathlib import Path

import pytest

from ttt_envs import CONNECT_FOUR, TIC_TAC_TOE
from ttt_rllib.config.env import PettingZooEnv
from ttt_rllib.config.experiment import Experiment
from ttt_rllib.config.loading import dump_experiment, load_experiment
from ttt_rllib.config.training import DQNTraining, PPOTraining
from ttt_rllib.errors import InputError

EXPERIMENTS = Path(__file__).parents[2] / "experiments"

BAD = {
    "env_runners: {num_env_runners: -1}": "env_runners.num_env_runners: is -1; ",
    "env: tictactoe": "env: there is no game 'tictactoe'; did you mean tic_tac_toe?",
    "env: chess": "env: there is no game 'chess'; known are tic_tac_toe, connect_four",
    "env: {rows: 9, cols: 9}": "env: rows x cols is 9 x 9; a board has 1 to 64 squares",
    "env: {connect: 4}": "env: connect is 4; on a 3 x 3 board it is 1 to 3",
    "env: {rows: three}": 'env.rows: is "three"; ',
    "training: {minibatchsize: 1}": "training.minibatchsize: unknown key; "
    "did you mean training.minibatch_size?",
    "num_env_runners: 2": "num_env_runners: unknown key; did you mean env_runners.num_env_runners?",
    "training: {xyzzy: 1}": "training.xyzzy: unknown key; known are grad_clip, gamma, lr, ",
    "training: {tau: 0.5}": "training.tau: ppo has no such setting; it is one of dqn",
    "{algorithm: dqn, training: {clip_param: 0.2}}": "training.clip_param: dqn has no such "
    "setting; it is one of ppo",
    "{algorithm: dqn, training: {epsilon: 1.5}}": "training.epsilon: is 1.5; it is at most 1",
    "{algorithm: dqn, training: {replay_buffer_config: {size: 5}}}": "training."
    "replay_buffer_config.size: unknown key; known are capacity",
    "training: {lr: fast}": 'training.lr: is "fast"; input should be a valid number',
    "training: {lr: -0.1}": "training.lr: is -0.1; it is 0 or greater",
    "training: {lr: .nan}": "training.lr: is NaN; ",
    "training: {lr: [[5, 0.1], [9, 0.2]]}": "training.lr: a schedule starts at 0 moves",
    "training: {lr: [[0, 0.1], [9, 0.2], [8, 0.1]]}": "its moves are [0, 9, 8]",
    "training: {minibatch_size: 9000}": "training: minibatch_size is 9000; it is at most "
    "train_batch_size_per_learner, 4096",
    "training: {gamma: 1.1}": "training.gamma: is 1.1; ",
    "seed: yes": 'seed: is "yes"; input should be a valid integer',
    "seed: 1.5": "seed: is 1.5; ",
    "seed: '1'": 'seed: is "1"; ',
    "seed: 4294967296": "seed: is 4294967296; ",
    "seed: 2026-01-01": "2026-01-01 is a date; put it in quotes",
    "training: {lr: [[0, 1e-3]]}": "training.lr: is [[0, 0.001]]; tuple should have at least 2",
    "algorithm: dpo": 'algorithm: is "dpo"; ',
    "opening: {random_plies: [3, 2]}": "opening: random_plies is [3, 2]; the least",
    "opening: {random_plies: [0, 9]}": "opening.random_plies is [0, 9]; a game of 9 squares "
    "takes at most 8",
    "stop: {moves: null, train_s: null}": "stop has no limit at all; set one of ",
    "{evaluation: {evaluation_interval: 0}, stop: {consecutive_unexploitable_evals: 1}}": "stop."
    "consecutive_unexploitable_evals needs exact evaluation",
    "{evaluation: {evaluation_interval: 0}, stop: {optimal_move_rate: 1.0}}": "stop."
    "optimal_move_rate needs exact evaluation",
    "stop: {optimal_move_rate: 2}": "stop.optimal_move_rate: is 2; ",
    "{env: {pettingzoo: tictactoe_v3}, training: {exploring_starts: 0.5}}": "training."
    "exploring_starts is 0.5; with env.pettingzoo",
    "{algorithm: td, env: {pettingzoo: tictactoe_v3}}": "algorithm is td; with env.pettingzoo "
    "RLlib's own learners learn, and nothing knows what follows a move without playing it: set it "
    "to ppo or dqn",
    "{algorithm: td, training: {gamma: 0.9}}": "training.gamma: td has no such setting; it is one "
    "of ppo and dqn",
    "{algorithm: td, training: {epsilon: 1.5}}": "training.epsilon: is 1.5; it is at most 1",
    "{algorithm: td, training: {minibatch_size: 5000}}": "training: minibatch_size is 5000; it is "
    "at most train_batch_size_per_learner, 4096",
    "{env: {pettingzoo: tictactoe_v3}, model: {lookahead: 2}}": "model.lookahead is 2; with "
    "env.pettingzoo nothing knows what follows a move without playing it: set it to 0",
    "{env: {pettingzoo: tictactoe_v3}, model: {threat_planes: true}}": "model.threat_planes is "
    "true; with env.pettingzoo the network sees what the environment shows it",
    "{env: {pettingzoo: tictactoe_v3}, model: {tactical_rule: true}}": "model.tactical_rule is "
    "true; with env.pettingzoo the environment's own mask says which moves may be chosen",
    "{env: {pettingzoo: tictactoe_v3}, search: {model.tactical_rule: {choice: [true]}}}": "search: "
    "with model.tactical_rule=true: model.tactical_rule is true; with env.pettingzoo",
    "model: {threat_planes: 1}": "model.threat_planes: is 1; ",
    "model: {symmetry_average: true}": "model.symmetry_average is true; ppo chooses moves, and "
    "only td values positions: set it to false, or algorithm to td",
    "{search: {model.symmetry_average: {choice: [true]}}}": "search: with "
    "model.symmetry_average=true: model.symmetry_average is true; ppo chooses moves",
    "model: {class: 'my:Net', symmetry_average: true}": "symmetry_average is set, and so is class",
    "opening: 3": "opening: is 3; ",
    "search: {training.lrr: {choice: [1e-3]}}": "search: with training.lrr=0.001: training.lrr: "
    "unknown key; did you mean training.lr?",
    "search: {training.lr: {uniform: [2, 1]}}": "search.training.lr: uniform is [2.0, 1.0]; the "
    "least number comes first",
    "search: {training.lr: {loguniform: [0, 1]}}": "loguniform is [0.0, 1.0]; it begins above 0",
    "search: {training.lr: {choise: [1]}}": "choise: no such distribution; did you mean choice?",
    "search: {training.lr: {choice: []}}": "search.training.lr.choice: is []; ",
    "search: {training.lr: [1, 2]}": "search.training.lr: write one distribution, for example ",
    "search: {training.lr: {randint: [1.5, 2]}}": "search.training.lr.randint.0: is 1.5; ",
    "search: {training.lr: {grid: [1]}, algorithm: optuna}": "search: training.lr: grid goes with "
    "algorithm random, not optuna; write choice, or",
    "search: {training.lr: {choice: [a, 1]}}": 'search: with training.lr="a": training.lr: is "a"',
    "search: {training.minibatch_size: {choice: [64, 9000]}}": "minibatch_size is 9000; it is at",
    "search: {algorithm: optuna}": "search: nothing to search; name a setting, for example",
    "search: {lr: {choice: [1]}}": "search: lr: unknown key; known are algorithm, ",
    "search: {training.lr: {choice: [1]}, objective: exact/nashconv}": "there is no metric "
    "'exact/nashconv'; did you mean exact/nash_conv?",
    "search: {training.lr: {choice: [1]}, objective: play/draw_rate}": "mode: of play/draw_rate "
    "neither way is better; set min or max",
    "search: {training.lr: {choice: [1]}, objective: search/penalised_moves}": "needs both stop.",
    "search: {training.lr: {choice: [1]}, scheduler: pbt}": "pbt is both or neither",
    "search: {model.hidden_sizes: {choice: [[1]]}, algorithm: pbt, scheduler: pbt}": "model."
    "hidden_sizes: pbt changes settings while it trains",
    "search: {training.lr: {choice: [1]}, algorithm: pbt, scheduler: pbt}": "num_to_keep "
    "is 2; with pbt it is 3 or more",
    "search: {training.lr: {choice: [1]}, asha: {grace: 3}}": "search.asha.grace: unknown key; ",
    "search: {training.lr: {choice: [1]}, asha: {grace_period: 3}}": "search: asha is set, but "
    "scheduler is none, which does not use it; set scheduler to asha, or leave asha out",
    "search: {training.lr: {choice: [1]}, scheduler: asha, pbt: {quantile_fraction: 0.5}}": "search"
    ": pbt is set, but scheduler is asha",
    "search: {stop.moves: {choice: [10, 20]}}": "search.stop.moves: all trials of a run have the "
    "same; set stop.moves for all",
    "search: {checkpoint.num_to_keep: {choice: [1, 2]}}": "all trials of a run have the same; set ",
    "search: {evaluation.max_positions: {choice: [1, 2]}}": "all trials of a run have the same; ",
    "{opening: {refuted_starts: 0.5}, evaluation: {evaluation_interval: 0}}": "opening."
    "refuted_starts is 0.5, but only evaluations find such positions; set evaluation.",
    "search: {training.lr: {choice: [1]}, num_samples: 0}": "search.num_samples: is 0; ",
    "{evaluation: {evaluation_interval: 0}, search: {training.lr: {choice: [1]}}}": "search."
    "objective exact/nash_conv needs exact evaluation",
    "checkpoint: {checkpoint_score_attribute: exact/nash}": "not a metric to be better in; did you",
    "env: {pettingzoo: tictactoe_v3, rows: 4}": "env.rows: unknown key; known are pettingzoo, ",
    "env: {pettingzoo: 3}": "env.pettingzoo: is 3; ",
    "env: {petingzoo: tictactoe_v3}": "env.petingzoo: unknown key; known are rows, ",
    "{env: {pettingzoo: tictactoe_v3}, opening: {random_plies: [0, 8]}}": "opening.random_plies "
    "is [0, 8]; with env.pettingzoo games begin as the environment begins them: leave it out",
    "{algorithm: dqn, env: {pettingzoo: tictactoe_v3}, training: {zero_sum_targets: true}}": "train"
    "ing.zero_sum_targets is true; with env.pettingzoo RLlib's own DQN learns",
    "multi_agent: {policies: separate}": "multi_agent.policies is separate; one network plays both",
    "multi_agent: {policies: two}": 'multi_agent.policies: is "two"; ',
    "name: a/b": "name: is 'a/b'; a name has up to 128 letters, digits, '.', '_' and '-' only",
    "- 1": "holds [1]; an experiment is a mapping of settings",
}

NOT_YAML = {
    "a: [1,\nb": "bad.yaml:2:2: not YAML: ",
    "\tx: 1": "bad.yaml:1:1: not YAML: ",
    "seed: 1\nseed: 2": "bad.yaml:2:1: not YAML: key 'seed' twice",
    "x: *a": "bad.yaml:1:4: not YAML: ",
    "? [a]\n: 1": "bad.yaml:1:3: not YAML: ",
}


def load(tmp_path, text, *overrides):
    path = tmp_path / "bad.yaml"
    path.write_text(text)
    return load_experiment(path, overrides)


@pytest.mark.parametrize(("text", "expected"), [*BAD.items(), *NOT_YAML.items()])
def test_bad_input_is_one_line_that_names_file_place_value_and_remedy(tmp_path, text, expected):
    with pytest.raises(InputError) as error:
        load(tmp_path, text)
    message = str(error.value)
    assert message.startswith(str(tmp_path / "bad.yaml"))
    assert expected in message
    assert "\n" not in message


def test_a_missing_file_names_the_nearest_one():
    with pytest.raises(InputError, match=r"pppo\.yaml: no such file; did you mean .*/ppo\.yaml\?"):
        load_experiment(EXPERIMENTS / "pppo.yaml")


def test_a_folder_and_a_binary_file_are_not_readable(tmp_path):
    binary = tmp_path / "x.yaml"
    binary.write_bytes(b"\xff\xfe\x00")
    for path in (tmp_path, binary):
        with pytest.raises(InputError, match="not readable"):
            load_experiment(path)


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("seed", "--set seed: write it as key=value"),
        ("=3", "--set =3: write it as key=value"),
        (".=3", "--set .=3: write it as key=value"),
        ("seed=[1", "--set seed=[1:1:3: not YAML"),
        ("training.lrr=3", "training.lrr=3: unknown key; did you mean training.lr?"),
        ("seed=banana", 'seed=banana: is "banana"; input should be a valid integer'),
        ("env={cols: a}", 'env={cols: a}: env.cols: is "a"; input should be a valid integer'),
        ("env.connect=5", ".yaml with env.connect=5: env: connect is 5"),
    ],
)
def test_bad_overrides_are_named(tmp_path, override, expected):
    with pytest.raises(InputError) as error:
        load(tmp_path, "env: tic_tac_toe", override)
    assert expected in str(error.value)


def test_what_is_wrong_in_the_file_is_not_laid_to_an_override(tmp_path):
    with pytest.raises(InputError, match=r"\.yaml: seed: is \"x\""):
        load(tmp_path, "seed: x", "env.connect=3", "training.lr=1e-3")
    with pytest.raises(InputError, match=r"^seed=y: is"):
        load(tmp_path, "seed: x", "seed=y", "env.connect=3")


def test_an_override_that_the_file_makes_wrong_is_named_and_those_beside_it_are_not(tmp_path):
    text = "{algorithm: td, model: {symmetry_average: true}}"
    with pytest.raises(InputError) as found:
        load(tmp_path, text, "seed=1", "algorithm=ppo")
    place = f"{tmp_path / 'bad.yaml'} with algorithm=ppo: model.symmetry_average is true; "
    assert str(found.value).startswith(place)
    # Whatever is written beside it, this file is wrong.
    with pytest.raises(InputError, match=r"bad\.yaml: model\.symmetry_average is true"):
        load(tmp_path, "{algorithm: ppo, model: {symmetry_average: true}}", "seed=1")


def test_overrides_are_yaml_and_win_over_the_file(tmp_path):
    experiment = load(
        tmp_path, "{seed: 1, env: connect_four}", "seed=7", "env.cols=8", "training.lr=1e-4"
    )
    assert (experiment.seed, experiment.training.lr) == (7, 1e-4)
    assert (experiment.env.rows, experiment.env.cols, experiment.env.gravity) == (6, 8, True)


def test_a_file_name_that_cannot_name_a_folder_says_what_to_do(tmp_path):
    path = tmp_path / "my exp.yaml"
    path.write_text("")
    with pytest.raises(InputError, match=r"name: is 'my exp'; .*: rename the file"):
        load_experiment(path)


def test_the_default_opening_is_cut_to_a_small_board_but_not_what_was_written(tmp_path):
    small = "env: {rows: 2, cols: 2, connect: 2}"
    assert load(tmp_path, small).opening.random_plies == (0, 3)
    with pytest.raises(InputError, match="a game of 4 squares takes at most 3"):
        load(tmp_path, small, "opening.random_plies=[0, 8]")


def test_on_pettingzoo_the_defaults_are_those_that_rllib_can_do(tmp_path):
    text = "{algorithm: dqn, env: {pettingzoo: tictactoe_v3}}"
    experiment = load(tmp_path, text)
    assert experiment.opening.random_plies == (0, 0)
    assert experiment.training.zero_sum_targets is False
    assert load(tmp_path, dump_experiment(experiment)) == experiment
    assert load(tmp_path, "env: {pettingzoo: connect_four_v3}").env.game == CONNECT_FOUR
    named = load(tmp_path, text, "env=connect_four", "algorithm=ppo")
    assert named.env.game == CONNECT_FOUR


def test_games_have_names(tmp_path):
    assert load(tmp_path, "env: connect_four").env.game == CONNECT_FOUR
    assert load(tmp_path, "").env.game == TIC_TAC_TOE


def test_an_empty_file_is_all_defaults_under_its_own_name(tmp_path):
    assert load(tmp_path, "# nothing") == Experiment(name="bad")


@pytest.mark.parametrize("path", sorted(EXPERIMENTS.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_experiment_is_short_states_its_question_and_survives_a_round_trip(path, tmp_path):
    lines = path.read_text().splitlines()
    assert len(lines) <= 40
    assert lines[0].startswith("# ")
    assert "?" in lines[0]
    experiment = load_experiment(path)
    assert experiment.name == path.stem
    assert load(tmp_path, dump_experiment(experiment)) == experiment


def test_the_settings_of_another_algorithm_are_not_dropped_in_python_either():
    with pytest.raises(ValueError, match="is PPOTraining; with algorithm dqn give DQNTraining"):
        Experiment(algorithm="dqn", training=PPOTraining(lr=0.5))
    assert Experiment(algorithm="dqn", training=DQNTraining(lr=0.5)).training.lr == 0.5
    assert Experiment(algorithm="dqn", training=PPOTraining()).training == DQNTraining()
    training = PPOTraining(lr=((0, 1e-3), (9, 1e-4)))
    assert Experiment(training=training).training == training
    elsewhere = {"training": training, "env": PettingZooEnv(pettingzoo="tictactoe_v3")}
    assert Experiment.model_validate(elsewhere).training.vf_clip_param is None
