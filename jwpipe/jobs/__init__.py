"""Running a pipeline on one exposure (api), or on many under one budget of threads and memory (batch)."""
