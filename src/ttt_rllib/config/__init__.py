"""What an experiment may say: one file a section, read and checked before anything starts."""
