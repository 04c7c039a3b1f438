"""Products in memory, and their layout in files."""
