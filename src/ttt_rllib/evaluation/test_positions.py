def optimal_rates(agent): return {}
