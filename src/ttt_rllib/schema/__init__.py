"""The sections of an experiment, a file a subject; `ttt_rllib.experiment` is the whole."""
