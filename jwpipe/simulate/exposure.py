"""One exposure as commanded: what is read, how, and when."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from jwpipe.errors import UsageError, nearest
from jwpipe.simulate.instrument import Detector, Instrument, ReadPattern, Window

__all__ = ["Exposure", "plan"]

FIRST = 60000.25  # MJD of the first exposure: 2023-02-25T06:00
MJD_ZERO = datetime(1858, 11, 17)
PIXEL_TIME = 1e-5  # s
APART = 1.0 / 24.0  # d between exposures


@dataclass(frozen=True)
class Exposure:
    """An exposure.

    Attributes
    ----------
    instrument : Instrument
        Whose it is.
    detector : Detector
        What it is taken with.
    window : Window
        The part that is read.
    readpatt : str
        READPATT.
    pattern : ReadPattern
        What that means.
    ngroups, nints : int
        Groups an integration, integrations.
    exp_type : str
        EXP_TYPE.
    filter : str
        The filter, or what else the mode chooses (`Mode.choice`); empty where there is no choice.
    number : int
        EXPOSURE, from 1.
    guide : str
        Of a guider that guides: what its files are called after; empty of any other exposure.
    observation, group, sequence : int
        OBSERVTN, VISITGRP, SEQ_ID: 1 for the prime instrument, 2 for one in parallel.
    order : int
        Counts the exposures of a program, from 1, where `number` starts anew with each group; 0 for `number`.
    pointing : Pointing
        Where the telescope looks; None to have every detector look at the target.
    """

    instrument: Instrument
    detector: Detector
    window: Window
    readpatt: str
    pattern: ReadPattern
    ngroups: int
    nints: int
    exp_type: str
    filter: str
    number: int
    guide: str = ""
    observation: int = 1
    group: int = 2
    sequence: int = 1
    order: int = 0
    pointing: object = None

    @property
    def shape(self):
        """Shape of the ramp."""
        return self.nints, self.ngroups, *self.window.shape

    @property
    def frame_time(self):
        """TFRAME, s."""
        return self.instrument.frame_time(self)

    @property
    def frames_a_group(self):
        """Frames from the start of a group to that of the next."""
        return self.pattern.nframes + self.pattern.groupgap

    @property
    def group_time(self):
        """TGROUP, s."""
        return self.frames_a_group * self.frame_time

    @property
    def frames(self):
        """Frames of an integration, from the reset to the last one that is kept."""
        return (self.ngroups - 1) * self.frames_a_group + self.pattern.nframes

    @property
    def integration_time(self):
        """EFFINTTM, s."""
        return self.frames * self.frame_time

    @property
    def has_zeroframe(self):
        """Whether the first frame of each integration is sent on its own."""
        return self.instrument.zeroframe and not self.pattern.single

    @property
    def start(self):
        """MJD (UTC) of the start."""
        return FIRST + ((self.order or self.number) - 1) * APART

    def integration_start(self, i):
        """Seconds from the start of the exposure to that of an integration: one frame of reset lies between two."""
        return i * (self.integration_time + self.frame_time)

    def frame_clock(self, i, frame):
        """Pixel times from the start of the exposure to that of a frame of an integration."""
        return round((self.integration_start(i) + frame * self.frame_time) / PIXEL_TIME)

    def group_end(self, i, group):
        """Seconds from the start of the exposure to the end of the last frame of a group."""
        frames = group * self.frames_a_group + self.pattern.nframes
        return self.integration_start(i) + frames * self.frame_time

    @property
    def duration(self):
        """Seconds from the start to the end of the exposure."""
        return self.group_end(self.nints - 1, self.ngroups - 1)

    @property
    def visit(self):
        """VISIT_ID."""
        return f"00042{self.observation:03d}001"

    @property
    def activity(self):
        """VISITGRP, SEQ_ID and ACT_ID in a row."""
        return f"{self.group:02d}{self.sequence}01"

    @property
    def root(self):
        """Name of the exposure's files, but for the suffix."""
        if self.guide.startswith("id"):
            return f"jw00042001001_gs-{self.guide}"
        if self.guide:
            end = MJD_ZERO + timedelta(days=self.start, seconds=round(self.duration))
            return f"jw{self.visit}_gs-{self.guide}_{end:%Y%j%H%M%S}"
        return f"jw{self.visit}_{self.activity}_{self.number:05d}_{self.detector.name.lower()}"


def plan(mode, options):
    """Make the exposure that the options of a mode ask for.

    Parameters
    ----------
    mode : Mode
        The mode.
    options : Options
        Its options.

    Returns
    -------
    Exposure

    Raises
    ------
    UsageError
        The detector has no such subarray or filter.
    """
    instrument = mode.instrument
    detector = instrument.detectors[options.detector]
    windows = instrument.windows(detector.name)
    filters = mode.filters.get(detector.channel, ())
    band = (getattr(options, mode.choice, "") or filters[0]) if filters else ""
    checks = [("subarray", options.subarray, windows), (mode.choice, band, filters)]
    if options.subarray in windows:
        known = windows[options.subarray].patterns or instrument.patterns
        checks.append((f"{options.subarray} in readout pattern", options.readpatt, known))
    for kind, value, known in checks:
        if value and value not in known:
            raise UsageError(
                f"{detector.name} has no {kind} {value!r}", nearest(value, known) or "one of: " + ", ".join(known)
            )
    return Exposure(
        instrument=instrument,
        detector=detector,
        window=windows[options.subarray],
        readpatt=options.readpatt,
        pattern=instrument.patterns[options.readpatt],
        ngroups=options.groups,
        nints=options.integrations,
        exp_type=mode.exp_type.format(band),
        filter=band,
        number=options.exposure,
        guide=mode.names.get(mode.exp_type.format(band), ""),
    )
