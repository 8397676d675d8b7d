"""Ray: joining a cluster, the room on it, storage that all nodes share, the dashboard."""
