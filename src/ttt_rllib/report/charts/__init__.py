"""Charts and boards as SVG; they know nothing of runs."""
