"""Agents that were not made here: each kind becomes a policy, so that it can be proved."""
