"""Everything that touches Ray Tune: trials, searches, schedulers, and crash-safe state."""
