"""Simulated exposures: what the demo and the tests run on.

A scene (`scene`) falls on a detector (`detector`, with the properties of `calibration`, the noise of `electronics`
and the hits of `events`) and becomes a raw product (`headers`, `products`), the reference files that calibrate it
(`references`, `crds`), and the truth (`truth`). Instruments and modes are data: `nircam` and its like, listed in
`modes`.
"""

__all__ = ["Simulated", "modes", "simulate"]


def __getattr__(name):
    # A command that only wants to list the modes need not import the rest.
    if name in ("Simulated", "simulate"):
        from jwpipe.simulate import api

        return getattr(api, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
