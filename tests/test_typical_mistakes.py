"""What people type wrong: exit code 2, one line that contains the remedy, and nothing written."""

import shlex

import pytest

from tests import in_process
from ttt_rllib.agents.bundle import save_bundle

# The command line, and what its answer must contain so that the next one is right.
MISTAKES = {
    # Which command.
    "trian ppo": "did you mean ttt train?",
    "eval agent": "did you mean ttt evaluate RUN?",
    "resume run": "did you mean ttt train --resume RUN?",
    "list": "did you mean ttt play --list?",
    "ppo": "did you mean ttt train ppo?",
    "ppo.yaml": "did you mean ttt train ppo.yaml?",
    "xyzzyq": "known are train, evaluate, prove, play, ",
    "--verison": "did you mean --version?",
    # Which experiment.
    "train": "for example ttt train ppo; known are connect_four, ",
    "train seed=1": "for example ttt train ppo seed=1",
    "train pppo": "did you mean ppo? Known are connect_four, ",
    "train mine.yml": "did you mean mine.yaml?",
    "train experiments/ppo.yaml": "the package's own experiment of that name is ppo: ttt train ppo",
    "train .": "is a directory; give a YAML file",
    "train notes.txt": "an experiment is a mapping of settings, such as seed: 1",
    "train ppo dqn": "train this one with a second command",
    "train --config ppo.yaml": "write it without: ttt train ppo",
    "train mine.yaml": "training.learning_rate: unknown key; did you mean training.lr?",
    # How a setting is written.
    "train ppo lr 1e-3": "write it as training.lr=1e-3",
    "train ppo lr = 1e-3": "write it as training.lr=1e-3",
    "train ppo training.lr:1e-3": "write it as training.lr=1e-3",
    "train ppo --set training.lr:1e-3": "for example training.lr=1e-3",
    "train ppo --set seed": "write it as key=value, for example seed=1",
    "train ppo --set": "Option '--set' requires an argument",
    "train ppo --lr 1e-3": "write training.lr=VALUE",
    "train ppo --training.lr=1e-3": "write training.lr=VALUE",
    "train ppo --batch-size 64": "write training.minibatch_size=VALUE",
    "train ppo --seed 1 seed=2": "give it only once",
    # Which setting.
    "train ppo lr=1e-3": "did you mean training.lr?",
    "train ppo trainig.lr=1e-3": "did you mean training?",
    "train ppo learning_rate=1e-3": "did you mean training.lr?",
    "train ppo training.n_epochs=3": "did you mean training.num_epochs?",
    "train dqn training.batch_size=64": "did you mean training.train_batch_size_per_learner?",
    "train ppo ent_coef=0.01": "did you mean training.entropy_coeff?",
    "train ppo gae_lambda=0.9": "did you mean training.lambda_?",
    "train ppo num_workers=2": "did you mean env_runners.num_env_runners?",
    "train ppo total_timesteps=1e6": "did you mean stop.moves?",
    "train ppo beta=0.1": "did you mean training.entropy_coeff?",
    "train ppo framework=torch": "leave it out",
    "train dqn training.clip_param=0.1": "it is one of ppo",
    "train ppo search.learning_rate={}": "did you mean training.lr?",
    # Which value.
    "train ppo training.lr=fast": "should be a valid number",
    "train ppo training.lr=-1": "it is 0 or greater",
    "train ppo training.gamma=1.5": "less than or equal to 1",
    "train ppo --seed=abc": "should be a valid integer",
    "train ppo env=chess": "known are tic_tac_toe, connect_four",
    "train ppo env.rows=99": "a board has 1 to 64 squares",
    "train ppo algorithm=sac": "should be 'ppo', 'dqn' or 'td'",
    "train ppo model.hidden_sizes=64": "write a list in brackets, as in [64, 64]",
    "train ppo env_runners.num_env_runners=999": "lower env_runners.num_env_runners",
    # Which option.
    "train ppo --sed 1": "did you mean --seed?",
    "train ppo --output-dir x": "write --storage DIR",
    "train ppo --wait soon": "'--wait': Input should be a valid number",
    "train ppo --port 9000": "is the page's; add --web",
    "train ppo --name a/b": "letters, digits, '.', '_' and '-'",
    "train ppo --resume-if-exists": "give its --name",
    "train ppo --keep-dashboard": "add --set ray.include_dashboard=true",
    "train ppo --address 127.0.0.1:1": "drop --address to train on this machine",
    "train --resume nothing": "give the folder that a training named last",
    # Agents and runs.
    "evaluate": "for example ttt evaluate results/ppo/RUN",
    "evaluate nothing": "give a run, a checkpoint or a bundle",
    "evaluate agent --require perfekt": "not one of 'unexploitable', 'perfect'",
    "evaluate agent --games 3": "give an even number, 2 to 1000000",
    "evaluate agent --jsn": "did you mean --json?",
    "prove": "for example ttt prove my_module:agent",
    "prove agent": "prove it with: ttt evaluate agent",
    "prove notes.txt": "write MODULE:AGENT, as in notes:agent",
    "prove nothing": "is neither MODULE:AGENT, such as my_module:agent, nor an ONNX file, nor",
    "prove nothing:agent": "run this in its folder, or install it",
    "prove ttt_rllib:agent --game tictacto": "did you mean tic_tac_toe?",
    "prove ttt_rllib:evalute_agent": "did you mean evaluate_agent?",
    "prove agent --seat z": "not one of 'x', 'o'",
    "play nobody": "known are perfect, random, ",
    "play --web --port 70000": "less than or equal to 65535",
    "play --port 9000": "is the page's; add --web",
    "play --host 0.0.0.0": "is the page's; add --web",
    "play --web --seat x": "is for the terminal; choose who sits where on the page",
    "play --port http": "'--port': Input should be a valid integer",
    "play --seat z": "not one of 'x', 'o', 'ask'",
    "play --seed x": "such as --seed 1",
    "export agent": "for example ttt export results/ppo/RUN --to agent",
    "export agent --to .": "give a new folder",
    "export agent --to notes.txt": "give a new folder",
    "export agent --to new --lookahead 9": "less than or equal to 6",
    "report .": "give the folder that a training named last",
    "tournament": "for example ttt tournament perfect random",
    "tournament nobody": "known are perfect, random, ",
    "tournament random --games 5": "give an even number, 2 to 1000000",
    "tournament random --json --markdown": "choose one",
    "submit": "for example ttt submit results/ppo/RUN",
    "submit agent": "give the folder that a training named last",
    "settings lr": "did you mean training.lr?",
    "settings num_sgd_iter": "did you mean training.num_epochs?",
    "settings xyzzy": "known sections are env, ",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory, new_network):
    """A working directory with an experiment that has a fault, some other file, and an agent."""
    folder = tmp_path_factory.mktemp("mistakes")
    (folder / "mine.yaml").write_text("# Is it quick?\ntraining: {learning_rate: 1e-3}\n")
    (folder / "notes.txt").write_text("to do")
    save_bundle(new_network(), folder / "agent", {})
    return folder


def test_there_are_at_least_sixty_mistakes():
    assert len(MISTAKES) >= 60


@pytest.mark.parametrize(("line", "remedy"), MISTAKES.items())
def test_a_mistake_is_answered_with_its_remedy_in_one_line(folder, line, remedy):
    before = in_process.listing(folder)
    outcome = in_process.call(shlex.split(line), cwd=folder, env={})
    assert outcome.code == 2, outcome
    (error,) = outcome.errors
    assert error.startswith("error: ")
    assert remedy.lower() in error.lower()
    assert outcome.stdout == ""
    assert in_process.listing(folder) == before
