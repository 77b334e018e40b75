"""Viewers' messages: reading what platforms send, cleaning it, and which question comes first."""
