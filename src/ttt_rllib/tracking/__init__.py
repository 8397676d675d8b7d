"""Shows a run while it trains: in the terminal, in Weights & Biases and in Prometheus."""
