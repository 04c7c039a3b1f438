"""How MIRI's detectors are read.

Source: JWST User Documentation, "MIRI Detector Readout Overview" and "MIRI Detector Subarrays"; positions from the
Science Instrument Aperture File.
"""

from jwpipe.simulate.instrument import Detector, ReadPattern, Window

__all__ = [
    "BORDERS",
    "DETECTORS",
    "FULL",
    "GROUPS_TO_SKIP",
    "PATTERNS",
    "ROW_CLOCKS",
    "WINDOWS",
    "frame_clocks",
    "frame_time",
    "row_clocks",
    "windows",
]

FULL = 1032, 1024
BORDERS = 4, 4, 0, 0
DETECTORS = {
    "MIRIMAGE": Detector("MIRIMAGE", 493, "", "", 1, 2, -433.8572, -375.2375, 4.83544897, (0.1105, 0.1113), "MIRIM"),
    "MIRIFULONG": Detector("MIRIFULONG", 494, "", "34", 1, 2, -503.991, -318.8476, 0.0, (0.273, 0.273), "MIRIFU"),
    "MIRIFUSHORT": Detector("MIRIFUSHORT", 495, "", "12", 1, 2, -503.3406, -318.864, 0.0, (0.196, 0.196), "MIRIFU"),
}
PATTERNS = {"FASTR1": ReadPattern(1, 0), "SLOWR1": ReadPattern(1, 0, 9)}

# Subarrays: first column and row from 1, columns, rows, pixel times from row to row.
SUBARRAYS = {
    "BRIGHTSKY": (457, 51, 512, 512, 162),
    "SUB256": (413, 51, 256, 256, 96),
    "SUB128": (1, 889, 136, 128, 44),
    "SUB64": (1, 779, 72, 64, 28),
    "SLITLESSPRISM": (1, 529, 72, 416, 28),
    "MASK1065": (1, 19, 288, 224, 82),
    "MASK1140": (1, 245, 288, 224, 82),
    "MASK1550": (1, 467, 288, 224, 82),
    "MASKLYOT": (1, 717, 320, 304, 90),
}
WINDOWS = {"FULL": Window("FULL", 0, 0, *FULL, 4)} | {
    name: Window(name, x - 1, y - 1, nx, ny, 4, patterns=("FASTR1",)) for name, (x, y, nx, ny, _) in SUBARRAYS.items()
}
ROW_CLOCKS = {("FULL", "FASTR1"): 271, ("FULL", "SLOWR1"): 2333} | {
    (name, "FASTR1"): clocks for name, (*_, clocks) in SUBARRAYS.items()
}
SKIPPED_ROW = 7  # pixel times that a row outside the subarray takes
GROUPS_TO_SKIP = dict.fromkeys(ROW_CLOCKS, 2) | {("FULL", "FASTR1"): 3, ("FULL", "SLOWR1"): 1}  # after the first reset


def windows(detector):
    """Subarrays of a detector by name."""
    return WINDOWS if detector == "MIRIMAGE" else {"FULL": WINDOWS["FULL"]}


def row_clocks(exposure):
    """Pixel times from row to row of an exposure."""
    return ROW_CLOCKS[exposure.window.name, exposure.readpatt]


def frame_clocks(window, rows):
    """Pixel times of a frame, from those of a row of the window."""
    return rows * window.ny + SKIPPED_ROW * (FULL[1] - window.ny)


def frame_time(exposure):
    """Time between frames, s: 10 us a pixel time."""
    return frame_clocks(exposure.window, row_clocks(exposure)) * 1e-5
