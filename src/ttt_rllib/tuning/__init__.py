"""Everything that touches Ray Tune: trials, searches, schedulers, and what survives a kill."""
