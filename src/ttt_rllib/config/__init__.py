"""What an experiment may say: one module per section, checked before anything starts."""
