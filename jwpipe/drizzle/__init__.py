"""Drizzling: the output grid, what falls on it, and the keywords that tell of it."""
