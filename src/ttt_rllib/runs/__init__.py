"""A run on disk: one module per file format, with reader and writer together."""
