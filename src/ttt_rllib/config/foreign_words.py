"""What other libraries call our settings: Stable-Baselines3, CleanRL, ML-Agents, older RLlib.

Nothing is translated, so that experiments read the same in every file. The message names our
setting, or says why there is none.
"""

from __future__ import annotations

__all__ = ["FOREIGN_WORDS", "NO_SUCH_SETTING", "meant_instead"]

BATCH = ("training.train_batch_size_per_learner",)
MINIBATCH = ("training.minibatch_size", *BATCH)
EPOCHS = ("training.num_epochs", "training.training_intensity")
BOARDS = ("env_runners.num_envs_per_env_runner",)
RUNNERS = ("env_runners.num_env_runners",)
EPSILON = ("training.epsilon",)
START = ("training.num_steps_sampled_before_learning_starts",)
TARGET = ("training.target_network_update_freq",)
HIDDEN = ("model.hidden_sizes",)
MOVES = ("stop.moves",)
KEPT = ("checkpoint.num_to_keep",)

STABLE_BASELINES3 = {
    "learning_rate": ("training.lr",),
    "n_steps": BATCH,
    "batch_size": MINIBATCH,
    "n_epochs": EPOCHS,
    "gae_lambda": ("training.lambda_",),
    "clip_range": ("training.clip_param",),
    "clip_range_vf": ("training.vf_clip_param",),
    "ent_coef": ("training.entropy_coeff",),
    "vf_coef": ("training.vf_loss_coeff",),
    "max_grad_norm": ("training.grad_clip",),
    "total_timesteps": MOVES,
    "n_envs": BOARDS,
    "net_arch": HIDDEN,
    "policy_kwargs": HIDDEN,
    "activation_fn": ("model.activation",),
    "buffer_size": ("training.replay_buffer_config.capacity",),
    "learning_starts": START,
    "train_freq": ("training.training_intensity",),
    "gradient_steps": ("training.training_intensity",),
    "exploration_fraction": EPSILON,
    "exploration_initial_eps": EPSILON,
    "exploration_final_eps": EPSILON,
    "target_update_interval": TARGET,
    "eval_freq": ("evaluation.evaluation_interval",),
    "save_freq": ("checkpoint.checkpoint_frequency",),
    "env_id": ("env",),
    "algo": ("algorithm",),
}

CLEAN_RL = {
    "num_envs": BOARDS,
    "num_steps": BATCH,
    "num_minibatches": MINIBATCH,
    "update_epochs": EPOCHS,
    "clip_coef": ("training.clip_param",),
    "anneal_lr": ("training.lr",),
    "target_network_frequency": TARGET,
    "train_frequency": ("training.training_intensity",),
    "start_e": EPSILON,
    "end_e": EPSILON,
    "track": ("tracking.wandb.mode",),
    "wandb_project_name": ("tracking.wandb.project",),
    "wandb_entity": ("tracking.wandb.entity",),
    "exp_name": ("name",),
}

ML_AGENTS = {
    "beta": ("training.entropy_coeff",),
    "epsilon": ("training.clip_param", "training.epsilon"),
    "lambd": ("training.lambda_",),
    "num_epoch": EPOCHS,
    "hidden_units": HIDDEN,
    "num_layers": HIDDEN,
    "max_steps": MOVES,
    "window": ("self_play.window",),
    "save_steps": ("self_play.save_steps",),
    "swap_steps": ("self_play.swap_steps",),
    "play_against_latest_model_ratio": ("self_play.play_against_latest_model_ratio",),
    "learning_rate_schedule": ("training.lr",),
    "beta_schedule": ("training.entropy_coeff",),
    "trainer_type": ("algorithm",),
    "checkpoint_interval": ("checkpoint.checkpoint_frequency",),
    "keep_checkpoints": KEPT,
    "init_path": ("initialize_from",),
    "initialize_from": ("initialize_from",),
    "buffer_init_steps": START,
}

OLD_RLLIB = {
    "num_workers": RUNNERS,
    "num_rollout_workers": RUNNERS,
    "num_envs_per_worker": BOARDS,
    "num_cpus_per_worker": ("env_runners.num_cpus_per_env_runner",),
    "num_learner_workers": ("learners.num_learners",),
    "num_sgd_iter": EPOCHS,
    "sgd_minibatch_size": MINIBATCH,
    "mini_batch_size_per_learner": MINIBATCH,
    "train_batch_size": BATCH,
    "num_gpus": ("learners.num_gpus_per_learner",),
    "num_gpus_per_worker": ("learners.num_gpus_per_learner",),
    "num_cpus_for_driver": ("resources.num_cpus_for_main_process",),
    "lambda": ("training.lambda_",),
    "fcnet_hiddens": HIDDEN,
    "fcnet_activation": ("model.activation",),
    "lr_schedule": ("training.lr",),
    "entropy_coeff_schedule": ("training.entropy_coeff",),
    "initial_epsilon": EPSILON,
    "final_epsilon": EPSILON,
    "epsilon_timesteps": EPSILON,
    "evaluation_num_workers": ("evaluation.evaluation_interval",),
    "checkpoint_freq": ("checkpoint.checkpoint_frequency",),
    "keep_checkpoints_num": KEPT,
    "timesteps_total": MOVES,
    "training_iteration": ("stop.iterations",),
    "time_total_s": ("stop.train_s",),
    "max_concurrent_trials": ("search.max_concurrent",),
    "metric": ("search.objective",),
    "custom_metrics": ("evaluation.metrics",),
}

OTHERS = {
    "discount": ("training.gamma",),
    "discount_factor": ("training.gamma",),
    "step_size": ("training.lr",),
    "optimizer_lr": ("training.lr",),
    "random_seed": ("seed",),
    "game": ("env",),
    "environment": ("env",),
    "board_size": ("env.rows",),
    "layers": HIDDEN,
    "hidden_size": HIDDEN,
    "epochs": EPOCHS,
    "workers": RUNNERS,
    "n_workers": RUNNERS,
    "num_actors": RUNNERS,
    "gpus": ("learners.num_gpus_per_learner",),
    "steps": MOVES,
    "timesteps": MOVES,
    "games": MOVES,
    "entropy_coef": ("training.entropy_coeff",),
    "value_loss_coef": ("training.vf_loss_coeff",),
    "clip_ratio": ("training.clip_param",),
    "minibatch": MINIBATCH,
    "episodes": MOVES,
    "num_iterations": ("stop.iterations",),
    "replay_size": ("training.replay_buffer_config.capacity",),
    "wandb_project": ("tracking.wandb.project",),
}

FOREIGN_WORDS: dict[str, tuple[str, ...]] = {
    **OTHERS,
    **OLD_RLLIB,
    **ML_AGENTS,
    **CLEAN_RL,
    **STABLE_BASELINES3,
}
"""Our keys of what they mean, the likeliest first; an algorithm may lack some of them."""

NOT_TAKEN = "leave it out"

NO_SUCH_SETTING = {
    "framework": f"there is nothing to choose, networks are PyTorch's; {NOT_TAKEN}",
    "device": "set learners.num_gpus_per_learner=1 to learn on a GPU",
    "cuda": "set learners.num_gpus_per_learner=1 to learn on a GPU",
    "policy": "the network is one for both seats; its layers are model.hidden_sizes",
    "rollout_fragment_length": "runners play whole games; the batch is "
    "training.train_batch_size_per_learner",
    "time_horizon": "runners play whole games; the batch is training.train_batch_size_per_learner",
    "batch_mode": f"runners always play whole games; {NOT_TAKEN}",
    "normalize_advantage": f"advantages are always normalised; {NOT_TAKEN}",
    "norm_adv": f"advantages are always normalised; {NOT_TAKEN}",
    "clip_vloss": "set training.vf_clip_param=null to turn clipping of the value loss off",
    "target_kl": "there is no limit on the KL divergence; lower training.num_epochs instead",
    "kl_coeff": "there is no penalty on the KL divergence; training.clip_param limits a step",
    "kl_target": "there is no penalty on the KL divergence; training.clip_param limits a step",
    "use_gae": f"advantages are always GAE's; {NOT_TAKEN}, or set training.lambda_=1",
    "use_critic": f"there is always a value head; {NOT_TAKEN}",
    "use_sde": f"actions are squares, not numbers; {NOT_TAKEN}",
    "normalize": f"observations are 0 and 1 already; {NOT_TAKEN}",
    "prioritized_replay": f"the replay buffer draws uniformly; {NOT_TAKEN}",
    "dueling": f"the Q network has one head; {NOT_TAKEN}",
    "noisy": f"exploration is training.epsilon; {NOT_TAKEN}",
    "n_step": f"targets look one move ahead; {NOT_TAKEN}, or use algorithm=td with lambda_",
    "torch_deterministic": f"a seed reproduces a run as it is; {NOT_TAKEN}",
    "verbose": f"a run prints a line per second; {NOT_TAKEN}",
    "log_level": f"a run prints a line per second; {NOT_TAKEN}",
    "capture_video": "watch the agent with ttt play --web",
    "render": "watch the agent with ttt play --web",
    "render_mode": "watch the agent with ttt play --web",
    "tensorboard_log": "TensorBoard's files are always written, under trials/ in the run directory",
    "summary_freq": f"every iteration is logged; {NOT_TAKEN}",
    "team_change": "there is one team; self_play.swap_steps changes its opponents",
    "initial_elo": "ratings come from an exact table of results, without a first value",
    "memory": f"positions show everything, so no memory is needed; {NOT_TAKEN}",
    "use_lstm": f"positions show everything, so no memory is needed; {NOT_TAKEN}",
}
"""Words that mean nothing here, each with what to do instead."""


def meant_instead(word: str, known: tuple[str, ...] = ()) -> str:
    """Return a clause that says what a word of another library is called here, or "".

    Args:
        word: A key without its section.
        known: The keys that the experiment's algorithm has; empty = those of all algorithms.
    """
    normal = word.strip().lower().replace("-", "_")
    targets = FOREIGN_WORDS.get(normal, ())
    fitting = [key for key in targets if not known or key in known]
    if fitting:
        return f"; did you mean {fitting[0]}?"
    reason = NO_SUCH_SETTING.get(normal)
    return f"; {reason}" if reason else ""
