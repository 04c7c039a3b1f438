"""The compiled kernels: one module a family, built from cext/*.pyx by setup.py."""
