"""What the near infrared instruments have in common: HAWAII-2RG detectors of 2048 x 2048 pixels.

Source: JWST User Documentation, "Understanding Exposure Times" and the detector pages of the instruments.
"""

from jwpipe.simulate.crds import BY_DETECTOR, BY_PLACE, BY_READOUT
from jwpipe.simulate.instrument import Window

__all__ = ["BORDERS", "FULL", "IRS2_ROW", "PARAMETERS", "PIXEL_AREA", "RULES", "SIDE", "frame_time"]

SIDE = 2048
BORDERS = (4, 4, 4, 4)
IRS2_ROW = 712  # pixel times of a row in IRS2 readout
PIXEL_AREA = 1.8e-3**2
FULL = Window("FULL", 0, 0, SIDE, SIDE, 4)


def frame_time(exposure):
    """Time between frames, s: 10 us a pixel, 12 pixels of overhead a row, one or two rows a frame."""
    window = exposure.window
    fast, slow = window.shape[::-1] if abs(exposure.detector.fastaxis) == 1 else window.shape
    if exposure.pattern.irs2:
        return (IRS2_ROW * (slow + 1) + 1) * 1e-5
    if window.noutputs == 4:
        return ((fast // 4 + 12) * (slow + 1) + 1) * 1e-5
    return (fast + 12) * (slow + 2) * 1e-5


RULES = {
    "dark": BY_READOUT,
    "gain": BY_PLACE,
    "ipc": BY_DETECTOR,
    "linearity": BY_PLACE,
    "mask": BY_PLACE,
    "persat": BY_PLACE,
    "readnoise": BY_READOUT,
    "saturation": BY_PLACE,
    "superbias": BY_READOUT,
    "trapdensity": BY_PLACE,
    "trappars": BY_DETECTOR,
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
