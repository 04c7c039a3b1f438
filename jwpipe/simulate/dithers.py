"""Dithered exposures of one field: several detectors and filters, the references of stages 1 to 3, associations."""

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from jwpipe.errors import UsageError
from jwpipe.simulate.bandpass import Bandpass, magnitude
from jwpipe.simulate.calibration import draw_calibration
from jwpipe.simulate.crds import Cache
from jwpipe.simulate.exposure import plan
from jwpipe.simulate.pointing import Camera, Pointing, attitude, reference_point
from jwpipe.simulate.products import write_truth, write_uncal
from jwpipe.simulate.rates import draw_rates, write_rate, write_rate_truth
from jwpipe.simulate.readout import common_noise, readout
from jwpipe.simulate.references_image import ImageReferences
from jwpipe.simulate.scene import render
from jwpipe.simulate.siaf import read_distortion
from jwpipe.simulate.starfield import StarField
from jwpipe.simulate.streams import Streams

__all__ = ["SimulatedDithers", "simulate_dithers"]

LARGEST = 3.0  # extent of dithers, arcsec, where the window does not limit it
GROUPS_APART = 2  # VISITGRP from filter to filter
FILTER_OFFSET = 0.6  # pixels, at most
SATURATION = 0.3  # signal in the central pixel of the brightest star, of that at which it saturates
DEPTH = 6.0  # magnitudes from the brightest to the faintest source
TYPICAL_COLOUR = -0.5  # exponent of the wavelength in a star's flux
# Steps of a sequence whose points spread evenly over a square. Source: Roberts 2018, "The unreasonable effectiveness
# of quasirandom sequences".
STEPS = 0.7548776662466927, 0.5698402909980532


@dataclass(frozen=True)
class SimulatedDithers:
    """What a simulation made.

    Attributes
    ----------
    exposures, truths : tuple of pathlib.Path
        Raw exposures or count rates, and what was put into each.
    associations : tuple of pathlib.Path
        Of levels 2 and 3.
    crds_path : pathlib.Path
        CRDS_PATH of the references.
    context : str
        CRDS_CONTEXT.
    """

    exposures: tuple[Path, ...]
    truths: tuple[Path, ...]
    associations: tuple[Path, ...]
    crds_path: Path
    context: str

    @property
    def files(self):
        """All files but the references."""
        return (*self.exposures, *self.truths, *self.associations)


def simulate_dithers(mode, output_dir, options):
    """Simulate the exposures of a dithered field, with their references, truths and associations.

    Parameters
    ----------
    mode : Dithers
        The mode.
    output_dir : path-like
        Where files go; references into ``crds`` below it.
    options : DitherOptions
        Its options.

    Returns
    -------
    SimulatedDithers

    Raises
    ------
    UsageError
        The detectors have no such subarray, or not the filters.
    OutputError
        A file cannot be written.
    """
    program = Program(mode, options)
    cache = Cache(Path(output_dir) / "crds", mode.instrument)
    paths = [Shot(program, exposure).write(Path(output_dir), cache) for exposure in program.exposures]
    exposures, truths = zip(*paths, strict=True)
    return SimulatedDithers(exposures, truths, associate(exposures), cache.root, cache.context)


class Program:
    """What the exposures have in common.

    Parameters
    ----------
    mode, options : Dithers, DitherOptions
        What is simulated.
    """

    def __init__(self, mode, options):
        self.mode, self.options = mode, options
        self.streams = Streams(options.seed)
        self.target = options.ra, options.dec
        self.calibrations, self.written = {}, set()
        first = self.plans[0][0]
        known = options.magnitudes or self._magnitudes(first)
        self.field = StarField(self.target, options.spacing, tuple(known), options.galaxies, self.streams)

    @cached_property
    def plans(self):
        """Exposures of the first dither: for every filter in turn, those of the detectors that have it."""
        mode, options = self.mode, self.options
        wanted = getattr(options, "filter", [])
        unknown = [band for band in wanted if not any(band in bands for bands in mode.filters.values())]
        if unknown:
            raise UsageError(f"{mode.instrument.name} has no filter {unknown[0]}")
        turns = {}
        for detector in dict.fromkeys(options.detector):
            bands = mode.filters.get(mode.instrument.detectors[detector].channel, ("",))
            chosen = [band for band in dict.fromkeys(wanted) if band in bands] or [bands[0]]
            for turn, band in enumerate(chosen):
                one = replace(options, detector=detector, **({"filter": band} if mode.filters else {}))
                turns.setdefault(turn, []).append(plan(mode, one))
        return [turns[turn] for turn in sorted(turns)]

    @property
    def exposures(self):
        """Every exposure, in the order in which they are taken."""
        options, order = self.options, 0
        for turn, plans in enumerate(self.plans):
            group = 2 + GROUPS_APART * turn
            for position in range(1, options.dithers + 1):
                order += 1
                pointing = self._pointing(plans[0], group, position)
                for exposure in plans:
                    yield replace(
                        exposure,
                        number=exposure.number + position - 1,
                        observation=options.observation,
                        group=group,
                        sequence=2 if options.parallel else 1,
                        order=exposure.number + order - 1,
                        pointing=pointing,
                    )

    def bandpass(self, band):
        """A filter of the instrument."""
        return Bandpass.of(band, self.mode.throughput)

    def filter_offset(self, band):
        """By how many columns and rows a filter moves the image."""
        if not band:
            return 0.0, 0.0
        drawn = self.streams("filter offset", self.mode.instrument.name, band).uniform(-1, 1, 2)
        return tuple(float(value) for value in np.round(FILTER_OFFSET * drawn, 3))

    def calibration(self, exposure):
        """The calibration of a detector: that of the whole one where references are to have all of it."""
        name = exposure.detector.name
        if name not in self.calibrations:
            full = exposure.instrument.windows(name)["FULL"]
            window = full if self.options.full_references else exposure.window
            drawn = draw_calibration(exposure, window, self.mode.properties, self.streams.of(name))
            self.calibrations[name] = drawn
        return self.calibrations[name]

    def _magnitudes(self, exposure):
        """Magnitudes of the brightest and the faintest source that suit the depth of an exposure."""
        properties, bandpass = self.mode.properties, self.bandpass(exposure.filter)
        rate = SATURATION * properties.well * properties.gain / exposure.integration_time / self.mode.optics.peak
        # From the filter to 2 um, where magnitudes are drawn.
        colour = magnitude((bandpass.wavelength / 2.0) ** TYPICAL_COLOUR) - magnitude(1.0)
        bright = magnitude(rate / bandpass.electrons_a_jansky) - colour
        return float(bright), float(bright + DEPTH)

    def _pointing(self, first, group, position):
        """Where the telescope looks, so that the first detector sees the target off the middle of its window."""
        options, distortion = self.options, read_distortion(first.detector.name)
        size = options.dither_size
        if size is None:
            size = min(LARGEST, 0.1 * min(first.window.shape) * min(distortion.scale))
        offset = tuple(size * (((position - 1) * step + 0.5) % 1 - 0.5) for step in STEPS)
        middle = reference_point(first.window, distortion)
        v2, v3 = (origin - turn @ offset for origin, turn in zip(middle, distortion.turn, strict=True))
        number = options.exposure + position - 1
        stream = self.streams("pointing", options.observation, group, number)
        error2, error3 = options.pointing_error * stream.standard_normal(2)
        roll = options.roll + options.roll_error * stream.standard_normal()
        return Pointing(
            nominal=attitude(*self.target, options.roll, v2, v3),
            true=attitude(*self.target, roll, v2 + error2, v3 + error3),
            target=self.target,
            offset=offset,
            position=position,
            positions=options.dithers,
        )


class Shot:
    """One exposure of a program.

    Parameters
    ----------
    program : Program
        What it is part of.
    exposure : Exposure
        What is done.
    """

    def __init__(self, program, exposure):
        self.program, self.exposure = program, exposure
        self.mode, self.options = program.mode, program.options
        self.streams = program.streams.of(exposure.detector.name, "exposure", exposure.observation, exposure.order)
        self.offset = program.filter_offset(exposure.filter)
        self.camera = Camera.of(exposure, read_distortion(exposure.detector.name), self.offset)
        self.bandpass = program.bandpass(exposure.filter)
        self.sky = max(0.0, self.options.sky * (1 + self.options.sky_spread * self.streams("sky").standard_normal()))

    def write(self, folder, cache):
        """Write the exposure, its truth, and what references it needs that are not there yet.

        Returns
        -------
        tuple of pathlib.Path
            Exposure and truth.
        """
        exposure, shape = self.exposure, self.exposure.window.shape
        known = self.program.calibration(exposure)
        calibration = known.cut(exposure.window)
        sources = self.program.field.sources(self.camera, shape, self.bandpass)
        light = render(shape, sources, 0.0, self.mode.optics)
        light += np.float32(self.sky) * self.camera.pixel_area(shape)
        light *= calibration.response
        self.write_references(cache, known)
        truth = folder / f"{exposure.root}_truth.fits"
        path = folder / f"{exposure.root}_{self.options.level}.fits"
        if self.options.level == "uncal":
            raw, events = readout(exposure, self.mode, self.options, light, calibration, self.streams)
            write_truth(
                truth, exposure, self.mode, self.options, calibration, light, sources, events, self.truth_cards()
            )
            write_uncal(path, exposure, self.mode, raw)
        else:
            rates, outliers = draw_rates(exposure, self.options.outliers, light, calibration, self.streams)
            write_rate_truth(truth, exposure, self.mode, self.options, sources, outliers, self.truth_cards())
            write_rate(path, exposure, self.mode, rates)
        return path, truth

    def write_references(self, cache, known):
        """Write the references of the detector and of the filter, once each."""
        exposure, done = self.exposure, self.program.written
        name = exposure.detector.name
        if name not in done and self.options.level == "uncal":
            residual = common_noise(self.mode.properties)
            exposure.instrument.references(cache, exposure, self.mode, known, residual).write_all(self.options)
        if (name, exposure.filter) not in done:
            bands = self.mode.filters.get(exposure.detector.channel, ("",))
            window = replace(exposure, window=known.window)
            camera = Camera.of(window, self.camera.distortion, self.offset)
            references = ImageReferences(
                cache,
                exposure,
                self.mode,
                known,
                camera,
                {band: self.program.bandpass(band) for band in bands},
                {band: self.program.filter_offset(band) for band in bands},
            )
            references.write_all()
        done |= {name, (name, exposure.filter)}

    def truth_cards(self):
        """Keywords of the truth: how the telescope truly looks, and what the numbers mean."""
        ra, dec, roll = self.exposure.pointing.aimed(*self.camera.reference, true=True)
        gain, area = self.mode.properties.gain, self.camera.distortion.nominal_area
        factor = self.bandpass.conversion(gain, area)
        return [
            ("FILTER", self.exposure.filter, "filter"),
            ("RA_REF", ra, "[deg] true direction of the reference point"),
            ("DEC_REF", dec, "[deg] true direction of the reference point"),
            ("ROLL_REF", roll, "[deg] true roll of V3 there"),
            ("SKYLEVEL", self.sky, "[electron/s] sky of a nominal pixel"),
            ("SKYSB", self.sky / gain * factor, "[MJy/sr] the same"),
            ("PHOTMJSR", factor, "[MJy/sr] for 1 DN/s"),
            ("PIXAR_A2", area, "[arcsec^2] nominal area of a pixel"),
            ("COLOFFS", self.offset[0], "[pixel] offset of the filter"),
            ("ROWOFFS", self.offset[1], "[pixel] offset of the filter"),
        ]


def associate(exposures):
    """Write the associations of exposures beside them.

    Parameters
    ----------
    exposures : sequence of pathlib.Path
        Raw exposures or count rates.

    Returns
    -------
    tuple of pathlib.Path
    """
    from jwpipe.asn.document import dump, write_text
    from jwpipe.asn.generate import generate
    from jwpipe.asn.makepool import make_pool
    from jwpipe.asn.pool import Pool

    # As the archive has them: in lower case, and associations name what is made of raw exposures.
    rows = [{name: value.lower() for name, value in row.items()} for row in make_pool(exposures)]
    for row in rows:
        row["filename"] = row["filename"].replace("_rate.fits", "_uncal.fits")
    folder, written = exposures[0].parent, []
    for association in generate(Pool(rows)).associations:
        written.append(folder / f"{association.name}.json")
        write_text(written[-1], dump(association.as_dict()))
    return tuple(written)
