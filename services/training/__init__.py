"""Training: the embedded bases and the LoRA adapters of personas, each from one YAML recipe."""
