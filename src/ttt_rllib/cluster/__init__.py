"""Ray: joining a cluster, room for trials, storage that all nodes share, the dashboard."""
