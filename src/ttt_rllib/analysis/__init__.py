"""A game and a position explained, for the terminal, the web page and the report."""
