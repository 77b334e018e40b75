"""Training data for the language models, made by the show's own deterministic path."""
