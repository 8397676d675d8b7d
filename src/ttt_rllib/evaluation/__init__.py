"""How good an agent is: exact where the game allows it, sampled elsewhere."""
