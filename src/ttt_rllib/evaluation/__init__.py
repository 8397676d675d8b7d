"""How good an agent is: exactly where the game is small enough, by sampled games elsewhere."""
