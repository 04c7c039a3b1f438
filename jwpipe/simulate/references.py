"""Reference files in their real formats, from a calibration as it truly is."""

import numpy as np

from jwpipe.errors import UsageError
from jwpipe.products.dq import Pixel
from jwpipe.products.fitsfile import write_fits
from jwpipe.products.tree import PREAMBLE
from jwpipe.simulate.crds import IMAGE_RULES, USEAFTER
from jwpipe.simulate.headers import place_cards
from jwpipe.simulate.products import image, primary, table
from jwpipe.simulate.transforms import Tagged

__all__ = ["TRAPS", "References", "dq_def"]

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
TRAPS = "persat", "trapdensity", "trappars"  # types that only the persistence step reads


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
    residual : float
        Noise that remains of what is common to pixels, after the correction by reference pixels, DN a frame.
    """

    dark_integrations = 0  # that a dark knows; 0 where it knows of none

    def __init__(self, cache, exposure, mode, calibration, residual):
        self.cache, self.exposure, self.mode, self.calibration = cache, exposure, mode, calibration
        self.residual = residual

    def write_all(self, options):
        """Write all references of the exposure, and the rules that lead to them.

        Parameters
        ----------
        options : Options
            ``persistence`` and ``pars``: whether to write these.

        Raises
        ------
        UsageError
            The instrument has no references for persistence.
        """
        rules = self.exposure.instrument.rules
        if options.persistence and "persat" not in rules:
            raise UsageError(f"{self.exposure.instrument.name} has no references for persistence")
        for name in rules:
            wanted = name in self.mode.reftypes if self.mode.reftypes else name not in IMAGE_RULES
            wanted = wanted and (options.persistence or name not in TRAPS)
            if wanted and not name.startswith("pars-"):
                getattr(self, name)()
        if options.pars:
            self.parameters()
        self.cache.write()

    def _values(self, window):
        whole = (window.nx, window.ny) == self.exposure.instrument.full
        return {
            "META.INSTRUMENT.DETECTOR": self.exposure.detector.name,
            "META.SUBARRAY.NAME": "GENERIC" if whole else window.name,
            "META.EXPOSURE.READPATT": self.exposure.readpatt,
            "META.EXPOSURE.TYPE": self.exposure.exp_type,
            "META.SUBARRAY.XSTART": str(window.x + 1),
            "META.SUBARRAY.YSTART": str(window.y + 1),
            "META.SUBARRAY.XSIZE": str(window.nx),
            "META.SUBARRAY.YSIZE": str(window.ny),
            "META.VISIT.TSOVISIT": "T" if self.mode.time_series else "F",
            **self._elements(),
        }

    def _elements(self):
        cards = {card[0]: card[1] for card in self.mode.elements(self.exposure)}
        return {f"META.INSTRUMENT.{name}": cards[name] for name in ("FILTER", "PUPIL") if name in cards}

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
        known = self.calibration.as_read("flags")
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
        bias, flags = c.as_read("bias"), c.as_read("flags")
        error = np.full(bias.shape, 0.5, "f4")
        flagged = image("DQ", flags & np.uint32(Pixel.UNRELIABLE_BIAS)), dq_def(["UNRELIABLE_BIAS"], standard=True)
        blocks = [image("SCI", bias), image("ERR", error), *flagged]
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

    def readnoise(self):
        """Write the noise of the difference of two frames."""
        c = self.calibration
        noise = np.sqrt(2 * (c.noise**2 + np.float32(self.residual**2 + 1 / 12)))  # 1/12: whole numbers
        noise = image("SCI", noise.astype("f4"), [("BUNIT", "DN", "unit")])
        self.write("readnoise", "ReadnoiseModel", "Read noise", [noise], c.window, self._readout())

    def flat(self):
        """Write the response to light."""
        c = self.calibration
        response = np.where(c.active, c.response, np.float32(1))
        dead = image("DQ", c.flags & np.uint32(Pixel.DEAD)), dq_def(["DEAD"], standard=True)
        error = image("ERR", np.full(response.shape, 1e-3, "f4"))
        self.write("flat", "FlatModel", "Response to light", [image("SCI", response), error, *dead], c.window)

    def ipc(self):
        """Write the kernel that undoes the inter-pixel capacitance, to first order."""
        kernel = -self.calibration.kernel
        kernel[1, 1] += 2
        self.write("ipc", "IPCModel", "Inter-pixel capacitance", [image("SCI", kernel.astype("f4"))])

    def dark(self):
        """Write the dark current as it gathers, of the exposure's window: darks are never cut."""
        exposure, window, transients = self.exposure, self.exposure.window, self.mode.properties.transients
        c, pattern = self.calibration.cut(window), exposure.pattern
        seen = c.couple(c.dark) / c.gain
        if exposure.frames + SPARE_FRAMES <= MOST_DARK_FRAMES:
            readpatt = exposure.readpatt if pattern.single else next(iter(exposure.instrument.patterns))
            nframes, gap, ngroups = 1, 0, exposure.frames + SPARE_FRAMES
        else:
            readpatt, nframes, gap, ngroups = exposure.readpatt, pattern.nframes, pattern.groupgap, exposure.ngroups
        frames = np.arange(ngroups)[:, None] * (nframes + gap) + np.arange(nframes) + 1
        times = frames.mean(axis=1) * exposure.frame_time
        data, flags = times[:, None, None].astype("f4") * seen, c.flags & np.uint32(Pixel.UNRELIABLE_DARK)
        if self.dark_integrations:
            settled = [transients.settled(i, frames.mean(axis=1) - 1) for i in range(self.dark_integrations)]
            data = data + np.array(settled, "f4")[:, :, None, None] * c.transient
            flags = np.broadcast_to(flags, (self.dark_integrations, 1, *flags.shape))
        cards = [
            ("READPATT", readpatt, "Readout pattern"),
            ("NFRAMES", nframes, "Number of frames per group"),
            ("GROUPGAP", gap, "Number of frames dropped between groups"),
            ("NGROUPS", ngroups, "Number of groups in integration"),
            ("EXP_TYPE", exposure.exp_type, "Type of data in the exposure"),
        ]
        blocks = [
            image("SCI", data),
            image("ERR", np.broadcast_to(np.float32(DARK_ERROR), data.shape)),
            image("DQ", flags),
            image("AVDRKCUR", c.couple(c.dark)),
            dq_def(["UNRELIABLE_DARK"], standard=True),
        ]
        place = {"META.SUBARRAY.NAME": window.name}
        model = "DarkMIRIModel"
        if not self.dark_integrations:
            model = "DarkModel"
            cards.append(("NOUTPUTS", window.noutputs, "Number of detector outputs used"))
        self.write("dark", model, "Dark current", blocks, window, cards, **place)

    def persat(self):
        """Write the signal at which traps are full."""
        blocks = [image("SCI", self.calibration.well), *self._unflagged()]
        self.write("persat", "PersistenceSatModel", "Saturation of traps", blocks, self.calibration.window)

    def trapdensity(self):
        """Write the density of traps."""
        density = np.where(self.calibration.active, np.float32(TRAP_DENSITY), np.float32(0))
        blocks = [image("SCI", density), *self._unflagged()]
        self.write("trapdensity", "TrapDensityModel", "Density of traps", blocks, self.calibration.window)

    def trappars(self):
        """Write how fast traps capture and release charge."""
        rows = np.array([tuple(row) for row in PERSISTENCE], TRAPPARS)
        self.write("trappars", "TrapParsModel", "Trap capture and decay", [table("TRAPPARS", rows)])

    def parameters(self):
        """Write the parameter references: what operations set otherwise than the steps' own defaults."""
        instrument = self.exposure.instrument
        for name, (step, own, steps) in instrument.parameters.items():
            reftype = f"pars-{name}"
            path = self.cache.place(reftype, self._values(self.exposure.window), ".asdf")
            title = step.rpartition(".")[2]
            tree = {"class": step, "name": title, "parameters": own}
            if steps:
                tree["steps"] = [{"class": c, "name": name, "parameters": p} for name, (c, p) in steps.items()]
            self.write_tree(path, reftype, f"Parameters of {title}, simulated", tree)

    def write_tree(self, path, reftype, description, tree):
        """Write a reference that is a tree, ASDF without binary blocks.

        Parameters
        ----------
        path : path-like
            Target.
        reftype, description : str
            ``meta.reftype`` and ``meta.description``.
        tree : dict
            What it holds; to its ``meta`` is added what every reference has.
        """
        useafter = USEAFTER.replace(" ", "T")
        meta = {
            "author": "jwpipe",
            "date": useafter,
            "description": description,
            "instrument": {"name": self.exposure.instrument.name},
            "origin": "jwpipe",
            "pedigree": "SIMULATION",
            "reftype": reftype,
            "telescope": "JWST",
            "useafter": useafter,
        }
        write_fits(path, [_Tree(tree | {"meta": meta | tree.get("meta", {})})])

    def _unflagged(self):
        none = np.zeros(self.calibration.window.shape, "u4")
        return image("DQ", none), dq_def(["DO_NOT_USE"], standard=True)

    def _flagged(self, name):
        flag = np.uint32(Pixel[name])
        return image("DQ", self.calibration.flags & flag), dq_def([name], standard=True)

    def _readout(self):
        return [("READPATT", self.exposure.readpatt, "Readout pattern")]


class _Tree:
    """A tree, for the writer that writes whole files or none."""

    def __init__(self, tree):
        self.tree = tree

    def write(self, stream):
        import yaml

        class Dumper(yaml.SafeDumper):
            """Writes arrays in place, as their values, and everything as often as it stands there."""

            def ignore_aliases(self, data):
                return True

        Dumper.add_representer(np.ndarray, _represent_array)
        Dumper.add_multi_representer(Tagged, _represent_tagged)
        text = yaml.dump(self.tree, Dumper=Dumper, sort_keys=False)
        stream.write(PREAMBLE + b"!core/asdf-1.1.0\n" + text.encode() + b"...\n")


def _represent_array(dumper, array):
    content = {"data": array.tolist(), "datatype": array.dtype.name, "shape": list(array.shape)}
    return dumper.represent_mapping("tag:stsci.edu:asdf/core/ndarray-1.0.0", content)


def _represent_tagged(dumper, node):
    represent = dumper.represent_mapping if isinstance(node.content, dict) else dumper.represent_scalar
    return represent(node.tag, node.content)


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
