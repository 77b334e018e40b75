"""The language engine: a shared base with a bank of adapters, and what it is told."""
