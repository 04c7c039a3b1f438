"""What the near infrared instruments have in common: HAWAII-2RG detectors of 2048 x 2048 pixels.

Source: JWST User Documentation, "Understanding Exposure Times" and the detector pages of the instruments.
"""

from jwpipe.simulate.instrument import Window

__all__ = ["BORDERS", "FULL", "PARAMETERS", "PIXEL_AREA", "RULES", "SIDE", "frame_time"]

SIDE = 2048
BORDERS = (4, 4, 4, 4)
PIXEL_AREA = 1.8e-3**2
FULL = Window("FULL", 0, 0, SIDE, SIDE, 4)


def frame_time(exposure):
    """Time between frames, s: 10 us a pixel, 12 pixels of overhead a row, one or two rows a frame."""
    window = exposure.window
    fast, slow = window.shape[::-1] if abs(exposure.detector.fastaxis) == 1 else window.shape
    if window.noutputs == 4:
        return ((fast // 4 + 12) * (slow + 1) + 1) * 1e-5
    return (fast + 12) * (slow + 2) * 1e-5


_BY_PLACE = ("META.INSTRUMENT.DETECTOR", "META.SUBARRAY.NAME")
_BY_READOUT = ("META.INSTRUMENT.DETECTOR", "META.EXPOSURE.READPATT", "META.SUBARRAY.NAME")

RULES = {
    "dark": _BY_READOUT,
    "gain": _BY_PLACE,
    "ipc": ("META.INSTRUMENT.DETECTOR",),
    "linearity": _BY_PLACE,
    "mask": _BY_PLACE,
    "persat": _BY_PLACE,
    "readnoise": _BY_READOUT,
    "saturation": _BY_PLACE,
    "superbias": _BY_READOUT,
    "trapdensity": _BY_PLACE,
    "trappars": ("META.INSTRUMENT.DETECTOR",),
    "pars-detector1pipeline": ("META.VISIT.TSOVISIT",),
    "pars-jumpstep": ("META.EXPOSURE.TYPE",),
}

PARAMETERS = {
    "detector1pipeline": (
        "jwst.pipeline.calwebb_detector1.Detector1Pipeline",
        {},
        {
            "ipc": ("jwst.ipc.ipc_step.IPCStep", {"skip": True}),
            "persistence": ("jwst.persistence.persistence_step.PersistenceStep", {"skip": True}),
        },
    ),
    "jumpstep": (
        "jwst.jump.jump_step.JumpStep",
        {"expand_large_events": True, "min_jump_area": 15.0, "min_sat_area": 5.0, "expand_factor": 2.0},
        {},
    ),
}
