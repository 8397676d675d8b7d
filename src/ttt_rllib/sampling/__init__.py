"""Games to learn from, played on thousands of boards at once, without torch and RLlib."""
