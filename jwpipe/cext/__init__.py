"""The compiled kernels: one module a family, built from cext/*.pyx by setup.py."""

import os

# Kernels come in short bursts. By default OpenMP's threads spin between them, at the cost of whatever else runs; asleep
# they wake in microseconds. The variable counts once the first kernel is loaded, below here.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
