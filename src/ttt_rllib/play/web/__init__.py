"""The page to play on, and its HTTP API."""
