"""Reference files in their real formats, from a calibration as it truly is."""

import numpy as np

from jwpipe.products.dq import Pixel
from jwpipe.products.fitsfile import write_fits
from jwpipe.products.tree import PREAMBLE
from jwpipe.simulate.crds import USEAFTER
from jwpipe.simulate.headers import place_cards
from jwpipe.simulate.products import image, primary, table

__all__ = ["References", "write_references"]

DQ_DEF = np.dtype([("BIT", ">i4"), ("VALUE", ">u4"), ("NAME", "S40"), ("DESCRIPTION", "S80")])
TRAPPARS = np.dtype([("capture0", ">f8"), ("capture1", ">f8"), ("capture2", ">f8"), ("decay_param", ">f8")])

# A mask numbers its flags as it likes; DQ_DEF says which is which.
MASK_FLAGS = """
    DO_NOT_USE DEAD HOT WARM LOW_QE RC TELEGRAPH OTHER_BAD_PIXEL BAD_REF_PIXEL REFERENCE_PIXEL
    """.split()
SPARE_FRAMES = 2  # of a dark, beyond what the exposure needs
MOST_DARK_FRAMES = 24  # of a dark in single frames; a longer one has the exposure's own readout pattern
THRESHOLD = 0.98  # saturation threshold, against the signal at which a pixel truly saturates
DARK_ERROR = 0.05  # DN
PERSISTENCE = ((180.0, -0.0013, 65.0, -0.0011), (220.0, -0.0165, 51.0, -0.0044), (210.0, -0.1, 58.0, -0.03))
TRAP_DENSITY = 0.01


class References:
    """Writes the references of an exposure into a cache.

    Parameters
    ----------
    cache : Cache
        Where to.
    exposure : Exposure
        What they are for.
    mode : Mode
        In which mode.
    calibration : Calibration
        Of the window that the references shall have; it holds the exposure's.
    """

    def __init__(self, cache, exposure, mode, calibration):
        self.cache, self.exposure, self.mode, self.calibration = cache, exposure, mode, calibration

    def _values(self, window):
        whole = (window.nx, window.ny) == self.exposure.instrument.full
        return {
            "META.INSTRUMENT.DETECTOR": self.exposure.detector.name,
            "META.SUBARRAY.NAME": "GENERIC" if whole else window.name,
            "META.EXPOSURE.READPATT": self.exposure.readpatt,
            "META.EXPOSURE.TYPE": self.exposure.exp_type,
            "META.VISIT.TSOVISIT": "T" if self.mode.time_series else "F",
        }

    def write(self, reftype, model, description, blocks, window=None, cards=(), **values):
        """Write one reference.

        Parameters
        ----------
        reftype, model, description : str
            REFTYPE, DATAMODL and DESCRIP.
        blocks : list of block
            The extensions.
        window : Window, optional
            What the arrays cover, if they are of the detector.
        cards : iterable of tuple, optional
            Further keywords.
        **values : str
            Values of keywords that differ from the exposure's.
        """
        exposure = self.exposure
        chosen = self._values(window or self.calibration.window) | values
        path = self.cache.place(reftype, chosen)
        place = []
        if window is not None:
            place = [("SUBARRAY", chosen["META.SUBARRAY.NAME"], "Subarray"), *place_cards(window, exposure.detector)]
        head = [
            ("DATE", USEAFTER.replace(" ", "T"), "UTC date file created"),
            ("FILENAME", path.name, "Name of the file"),
            ("DATAMODL", model, "Type of data model"),
            ("TELESCOP", "JWST", "Telescope used to acquire the data"),
            ("REFTYPE", reftype.upper(), "Reference file type"),
            ("AUTHOR", "jwpipe", "Author of the reference file"),
            ("PEDIGREE", "SIMULATION", "The pedigree of the reference file"),
            ("DESCRIP", description, "Description of the reference file"),
            ("USEAFTER", USEAFTER.replace(" ", "T"), "Use after date of the reference file"),
            ("INSTRUME", exposure.instrument.name, "Instrument"),
            ("DETECTOR", exposure.detector.name, "Detector"),
            *place,
            *cards,
        ]
        block = primary(head)
        block.header["HISTORY"] = "Simulated: what the simulated detector truly is."
        write_fits(path, [block, *blocks])

    def mask(self):
        """Write the bad pixels."""
        known = self.calibration.flags
        flags = np.zeros_like(known)
        for bit, name in enumerate(MASK_FLAGS):
            flags[(known & Pixel[name]) != 0] |= np.uint32(1 << bit)
        blocks = [image("DQ", flags), dq_def(MASK_FLAGS)]
        self.write("mask", "MaskModel", "Bad pixels", blocks, self.calibration.window)

    def saturation(self):
        """Write the signal at which each pixel saturates, bias included."""
        c = self.calibration
        # NaN is one way to say that a pixel has no threshold, a flag another; real files have both.
        unchecked = c.has(Pixel.NO_SAT_CHECK)
        threshold = (c.bias + np.float32(THRESHOLD) * c.well).astype("f4")
        threshold[unchecked & (c.noise > np.median(c.noise))] = np.nan
        blocks = [image("SCI", threshold), *self._flagged("NO_SAT_CHECK")]
        self.write("saturation", "SaturationModel", "Saturation thresholds", blocks, c.window)

    def superbias(self):
        """Write the bias."""
        c = self.calibration
        error = np.full(c.bias.shape, 0.5, "f4")
        blocks = [image("SCI", c.bias), image("ERR", error), *self._flagged("UNRELIABLE_BIAS")]
        self.write("superbias", "SuperBiasModel", "Bias", blocks, c.window, self._readout())

    def linearity(self):
        """Write the coefficients of the linearity correction."""
        c = self.calibration
        coefficients = c.coefficients.copy()
        coefficients[:, c.has(Pixel.NO_LIN_CORR)] = np.nan
        blocks = [image("COEFFS", coefficients), *self._flagged("NO_LIN_CORR")]
        self.write("linearity", "LinearityModel", "Linearity correction", blocks, c.window)

    def gain(self):
        """Write the gain."""
        c = self.calibration
        gain = np.where(c.has(Pixel.NO_GAIN_VALUE), np.float32(np.nan), c.gain)
        self.write("gain", "GainModel", "Gain", [image("SCI", gain)], c.window)

    def readnoise(self, residual):
        """Write the noise of the difference of two frames.

        Parameters
        ----------
        residual : float
            Noise that remains of what is common to pixels, after the correction by reference pixels, DN a frame.
        """
        c = self.calibration
        noise = np.sqrt(2 * (c.noise**2 + np.float32(residual**2 + 1 / 12)))  # 1/12: whole numbers
        noise = image("SCI", noise.astype("f4"), [("BUNIT", "DN", "unit")])
        self.write("readnoise", "ReadnoiseModel", "Read noise", [noise], c.window, self._readout())

    def ipc(self):
        """Write the kernel that undoes the inter-pixel capacitance, to first order."""
        kernel = -self.calibration.kernel
        kernel[1, 1] += 2
        self.write("ipc", "IPCModel", "Inter-pixel capacitance", [image("SCI", kernel.astype("f4"))])

    def dark(self, window):
        """Write the dark current as it gathers, of the exposure's window: darks are never cut."""
        exposure, c = self.exposure, self.calibration.cut(window)
        seen = c.couple(c.dark) / c.gain
        if exposure.frames + SPARE_FRAMES <= MOST_DARK_FRAMES:
            readpatt, nframes, gap, ngroups = "RAPID", 1, 0, exposure.frames + SPARE_FRAMES
        else:
            pattern = exposure.pattern
            readpatt, nframes, gap, ngroups = exposure.readpatt, pattern.nframes, pattern.groupgap, exposure.ngroups
        frames = np.arange(ngroups)[:, None] * (nframes + gap) + np.arange(nframes) + 1
        times = frames.mean(axis=1) * exposure.frame_time
        data = times[:, None, None].astype("f4") * seen
        cards = [
            ("READPATT", readpatt, "Readout pattern"),
            ("NOUTPUTS", window.noutputs, "Number of detector outputs used"),
            ("NFRAMES", nframes, "Number of frames per group"),
            ("GROUPGAP", gap, "Number of frames dropped between groups"),
            ("NGROUPS", ngroups, "Number of groups in integration"),
            ("EXP_TYPE", exposure.exp_type, "Type of data in the exposure"),
        ]
        blocks = [
            image("SCI", data),
            image("ERR", np.broadcast_to(np.float32(DARK_ERROR), data.shape)),
            image("DQ", c.flags & np.uint32(Pixel.UNRELIABLE_DARK)),
            image("AVDRKCUR", c.couple(c.dark)),
            dq_def(["UNRELIABLE_DARK"], standard=True),
        ]
        place = {"META.SUBARRAY.NAME": window.name}
        self.write("dark", "DarkModel", "Dark current", blocks, window, cards, **place)

    def persistence(self):
        """Write the references of the persistence step."""
        c = self.calibration
        density = np.where(c.active, np.float32(TRAP_DENSITY), np.float32(0))
        none = np.zeros(c.window.shape, "u4")
        extensions = [image("DQ", none), dq_def(["DO_NOT_USE"], standard=True)]
        self.write(
            "persat", "PersistenceSatModel", "Saturation of traps", [image("SCI", c.well), *extensions], c.window
        )
        self.write(
            "trapdensity", "TrapDensityModel", "Density of traps", [image("SCI", density), *extensions], c.window
        )
        rows = np.array([tuple(row) for row in PERSISTENCE], TRAPPARS)
        self.write("trappars", "TrapParsModel", "Trap capture and decay", [table("TRAPPARS", rows)])

    def parameters(self):
        """Write the parameter references: what operations set otherwise than the steps' own defaults."""
        instrument = self.exposure.instrument
        for name, (step, own, steps) in instrument.parameters.items():
            reftype = f"pars-{name}"
            path = self.cache.place(reftype, self._values(self.exposure.window), ".asdf")
            write_fits(path, [_ParameterFile(reftype, step, own, steps, instrument.name)])

    def _flagged(self, name):
        flag = np.uint32(Pixel[name])
        return image("DQ", self.calibration.flags & flag), dq_def([name], standard=True)

    def _readout(self):
        return [("READPATT", self.exposure.readpatt, "Readout pattern")]


class _ParameterFile:
    """A parameter reference, ASDF without binary blocks."""

    def __init__(self, reftype, step, own, steps, instrument):
        self.tree = {
            "class": step,
            "name": step.rpartition(".")[2],
            "parameters": own,
            "meta": {
                "author": "jwpipe",
                "date": USEAFTER.replace(" ", "T"),
                "description": f"Parameters of {step.rpartition('.')[2]}, simulated",
                "instrument": {"name": instrument},
                "origin": "jwpipe",
                "pedigree": "SIMULATION",
                "reftype": reftype,
                "telescope": "JWST",
                "useafter": USEAFTER.replace(" ", "T"),
            },
        }
        if steps:
            self.tree["steps"] = [{"class": c, "name": name, "parameters": p} for name, (c, p) in steps.items()]

    def write(self, stream):
        import yaml

        stream.write(PREAMBLE + b"!core/asdf-1.1.0\n" + yaml.safe_dump(self.tree, sort_keys=False).encode() + b"...\n")


def dq_def(names, standard=False):
    """Make a DQ_DEF table.

    Parameters
    ----------
    names : list of str
        Flags, in the order of their bits.
    standard : bool, optional
        Whether the file numbers its flags as products do.

    Returns
    -------
    RawBlock
    """
    bits = [int(Pixel[name]).bit_length() - 1 if standard else bit for bit, name in enumerate(names)]
    rows = [(bit, 1 << bit, name, name.replace("_", " ").lower()) for bit, name in zip(bits, names, strict=True)]
    return table("DQ_DEF", np.array(rows, DQ_DEF))


def write_references(cache, exposure, mode, calibration, residual, options):
    """Write all references of an exposure, and the rules that lead to them.

    Parameters
    ----------
    cache : Cache
        Where to.
    exposure : Exposure
        What they are for.
    mode : Mode
        In which mode.
    calibration : Calibration
        Of the exposure's window, or of one that holds it.
    residual : float
        See `References.readnoise`.
    options : Options
        ``persistence`` and ``pars``: whether to write these.
    """
    references = References(cache, exposure, mode, calibration)
    for name in ("mask", "saturation", "superbias", "linearity", "gain", "ipc"):
        if name in exposure.instrument.rules:
            getattr(references, name)()
    references.readnoise(residual)
    references.dark(exposure.window)
    if options.persistence:
        references.persistence()
    if options.pars:
        references.parameters()
    cache.write()
