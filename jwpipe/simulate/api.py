"""From a mode and its options to files."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from jwpipe.simulate import modes
from jwpipe.simulate.calibration import draw_calibration
from jwpipe.simulate.crds import Cache
from jwpipe.simulate.detector import expose
from jwpipe.simulate.electronics import make_electronics
from jwpipe.simulate.events import draw_events
from jwpipe.simulate.exposure import plan
from jwpipe.simulate.irs2 import Irs2Electronics
from jwpipe.simulate.products import write_truth, write_uncal
from jwpipe.simulate.streams import Streams

__all__ = ["Simulated", "simulate"]


@dataclass(frozen=True)
class Simulated:
    """What a simulation made.

    Attributes
    ----------
    uncal : pathlib.Path
        The raw exposure.
    truth : pathlib.Path
        What was put in.
    crds_path : pathlib.Path
        CRDS_PATH of the references.
    context : str
        CRDS_CONTEXT.
    """

    uncal: Path
    truth: Path
    crds_path: Path
    context: str


def simulate(mode, output_dir, **options):
    """Simulate an exposure, with its references and the truth.

    Parameters
    ----------
    mode : str
        Name of the mode (`jwpipe.simulate.modes.CATALOGUE`).
    output_dir : path-like
        Where files go; references into ``crds`` below it, beside those that other simulations put there.
    **options
        Options of the mode, see its `Options`.

    Returns
    -------
    Simulated
        The same options give the same bytes.

    Raises
    ------
    UsageError
        No such mode, or wrong options.
    OutputError
        A file cannot be written.
    """
    mode = modes.load(mode)
    options = mode.check(options)
    exposure = plan(mode, options)
    # A detector stays what it is from exposure to exposure, and looks at the same sources; noise and hits are new.
    detector = Streams(options.seed).of(exposure.detector.name)
    streams, properties = detector.of("exposure", exposure.number), mode.properties
    window, instrument = exposure.window, exposure.instrument

    whole = instrument.windows(exposure.detector.name)["FULL"] if options.full_references else window
    known = draw_calibration(exposure, whole, properties, detector)
    calibration = known.cut(window)
    depth = properties.well * properties.gain / exposure.integration_time
    sources, light = mode.scene(exposure, options, depth, detector("sources"))
    light = light * calibration.response
    events = draw_events(exposure, options, calibration.active, streams)
    if calibration.interleaving:
        electronics = Irs2Electronics(calibration.interleaving, properties)
    else:
        electronics = make_electronics(exposure, properties, streams("interference"))
    raw = expose(exposure, light, calibration, events, electronics, properties, streams)

    folder = Path(output_dir)
    made = Simulated(
        uncal=folder / f"{exposure.root}_uncal.fits",
        truth=folder / f"{exposure.root}_truth.fits",
        crds_path=folder / "crds",
        context=Cache.context,
    )
    # Reference pixels take the slow part of the 1/f noise away, and put as much of their own in.
    residual = np.hypot(properties.pink, properties.pink_rows)
    instrument.references(Cache(made.crds_path, instrument), exposure, mode, known, residual).write_all(options)
    write_truth(made.truth, exposure, mode, options, calibration, light, sources, events)
    write_uncal(made.uncal, exposure, mode, raw)
    return made
