"""A run on disk: one module per file format, the reader beside the writer."""
