"""Pools of players: who plays whom, what they score, and how they are rated; numpy only."""
