"""From a mode and its options to files."""

from dataclasses import dataclass
from pathlib import Path

from jwpipe.simulate import modes
from jwpipe.simulate.calibration import draw_calibration
from jwpipe.simulate.crds import Cache
from jwpipe.simulate.exposure import plan
from jwpipe.simulate.products import write_truth, write_uncal
from jwpipe.simulate.readout import common_noise, readout
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

    @property
    def files(self):
        """All files but the references."""
        return self.uncal, self.truth


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
    Simulated or SimulatedDithers
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
    if isinstance(mode, modes.Dithers):
        from jwpipe.simulate.dithers import simulate_dithers

        return simulate_dithers(mode, output_dir, options)
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
    raw, events = readout(exposure, mode, options, light, calibration, streams)
    sent = exposure
    if mode.sent:
        sent, raw, known = mode.sent(exposure, raw, known)

    folder = Path(output_dir)
    made = Simulated(
        uncal=folder / f"{exposure.root}_uncal.fits",
        truth=folder / f"{exposure.root}_truth.fits",
        crds_path=folder / "crds",
        context=Cache.context,
    )
    residual = common_noise(properties)
    instrument.references(Cache(made.crds_path, instrument), sent, mode, known, residual).write_all(options)
    write_truth(made.truth, exposure, mode, options, calibration, light, sources, events)
    write_uncal(made.uncal, sent, mode, raw)
    return made
