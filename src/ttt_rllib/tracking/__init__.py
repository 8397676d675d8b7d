"""Who follows a run: the terminal, Weights & Biases, Prometheus."""
