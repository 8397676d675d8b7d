"""Self-play reinforcement learning on RLlib, on games whose truth is known exactly."""

__version__ = "0.2.0"
