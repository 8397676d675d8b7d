"""Who plays: policies from positions to move probabilities, in numpy, and how they are stored."""
