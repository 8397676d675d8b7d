"""Everything that touches RLlib; nothing outside this package imports `ray.rllib`."""
