"""The sections of an experiment, a file a subject; `ttt_rllib.config.experiment` is the whole."""
