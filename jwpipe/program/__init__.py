"""A program's worth of exposures as a graph of tasks: planned (plan), written for make and Slurm, run, looked at."""
