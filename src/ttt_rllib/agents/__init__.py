"""The players: policies map positions to move probabilities, in numpy, and load from bundles."""
