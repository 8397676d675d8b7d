"""Charts and boards as SVG, knowing nothing of runs."""
