"""Simulated exposures: what the demo and the tests run on.

A scene (`scene`, `traces`, through `optics`) falls on a detector (`detector`, with the properties of `calibration`, the
noise of `electronics` or `irs2`, the offsets of `transients` and the hits of `events`) and becomes a raw product and
the truth (`headers`, `products`), and the reference files that calibrate it (`references` and its kin, `crds`).
Dithered exposures (`dithers`) look at one sky (`starfield`) through the geometry of the detectors (`siaf`, `pointing`),
as ramps or, quicker, as count rates (`rates`), with the references of images and associations.
Instruments and modes are data: `nircam` and its like, listed in `modes`; what near infrared detectors share is in
`hawaii`.
"""

__all__ = ["Simulated", "modes", "simulate"]


def __getattr__(name):
    # A command that only wants to list the modes need not import the rest.
    if name in ("Simulated", "simulate"):
        from jwpipe.simulate import api

        return getattr(api, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
