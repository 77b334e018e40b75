"""Draws the built-in hosts: sculpted relief, one light for every material, and painted strands over it."""
