"""Training with RLlib; nothing outside this package imports `ray.rllib`."""
