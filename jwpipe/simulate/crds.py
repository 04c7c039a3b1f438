"""A reference cache with rules, as the CRDS client lays it out and reads it.

Source: CRDS User Manual, "Mappings" and "Cache".
"""

import ast
from pathlib import Path

from jwpipe.errors import InputError
from jwpipe.products.fitsfile import Content, write_fits
from jwpipe.refs.rules import checksum

__all__ = ["BY_DETECTOR", "BY_PLACE", "BY_READOUT", "IMAGE_RULES", "TYPES", "Cache"]

CONTEXT = "jwst_0001.pmap"
USEAFTER = "2022-01-01 00:00:00"
CLIENT = "11.17.22"  # the version that the cache says it was written for

# What rules select on.
BY_DETECTOR = ("META.INSTRUMENT.DETECTOR",)
BY_PLACE = ("META.INSTRUMENT.DETECTOR", "META.SUBARRAY.NAME")
BY_READOUT = ("META.INSTRUMENT.DETECTOR", "META.EXPOSURE.READPATT", "META.SUBARRAY.NAME")

# Types that only images need, after their ramps are fitted: `jwpipe.simulate.references_image` writes them.
IMAGE_RULES = dict.fromkeys(("distortion", "filteroffset", "photom", "area", "apcorr", "abvegaoffset"), BY_DETECTOR) | {
    "flat": (*BY_PLACE, "META.INSTRUMENT.FILTER", "META.INSTRUMENT.PUPIL")
}

# Every type of reference that a step or pipeline may ask for; the rules say N/A of those that the simulation does not
# make.
TYPES = """
    abvegaoffset apcorr area barshadow bkg camera chromcorr collimator cubepar dark dflat disperser distortion
    drizpars emicorr extract1d fflat filteroffset flat fore fpa fringe fringefreq gain ifufore ifupost ifuslicer ipc
    lastframe linearity mask mrsptcorr mrsxartcorr msa msaoper nrm ote pastasoss pathloss persat photom pictureframe
    psf psfmask readnoise refpix regions reset resol rscd saturation sflat sirskernel speckernel specprofile
    spectrace specwcs straymask superbias throughput trapdensity trappars tsophot v2v3 wavecorr wavelengthrange
    wavemap wcsregions wfssbkg
    """.split()
PARAMETERS = [
    f"pars-{name}step"
    for name in """
    adaptivetracemodel alignrefs amianalyze amiaverage aminormalize assignmtwcs assignwcs background badpixselfcal
    barshadow chargemigration cleanflickernoise combine1d cubebuild cubeskymatch darkcurrent dqinit emicorr
    extract1d extract2d firstframe flatfield fringe gainscale groupscale guidercds hlsp imprint ipc jump klip
    lastframe linearity masterbackground masterbackgroundmos mrsimatch msaflagopen nsclean outlierdetection
    outlierdetectionscaled outlierdetectionstack pathloss persistence photom pictureframe pixelreplace rampfit
    refpix resample resamplespec reset residualfringe rscd saturation skymatch sourcecatalog sourcetype
    spectralleak stackrefs straylight superbias targcentroid tsophotometry tweakreg wavecorr wfscombine wfsscontam
    whitelight
    """.split()
] + [f"pars-{name}pipeline" for name in "ami3 coron3 dark detector1 guider image2 image3 spec2 spec3 tso3".split()]


class Cache:
    """A cache in the making: references are placed in it, then the rules are written.

    References that an earlier simulation put there stay, so that exposures of several detectors may share a cache; one
    for the same detector, subarray and readout is replaced.

    Parameters
    ----------
    root : path-like
        CRDS_PATH.
    instrument : Instrument
        Whose references.

    Attributes
    ----------
    context : str
        CRDS_CONTEXT.
    """

    context = CONTEXT

    def __init__(self, root, instrument):
        self.root = Path(root)
        self.instrument = instrument
        self.stem = f"jwst_{instrument.name.lower()}"
        self.references = self.root / "references" / "jwst" / instrument.name.lower()
        self.mappings = self.root / "mappings" / "jwst"
        self.rules = {reftype: self._read(reftype) for reftype in instrument.rules}

    def place(self, reftype, values, extension=".fits"):
        """Find the place of a reference.

        Parameters
        ----------
        reftype : str
            Its type.
        values : mapping of str to str
            What it is for, by parameter name (``META.INSTRUMENT.DETECTOR``).
        extension : str, optional
            Of the file name.

        Returns
        -------
        pathlib.Path
            Where to write it; the rules will give it to exposures with these values.
        """
        rows = self.rules[reftype]
        key = tuple(values[name] for name in self.instrument.rules[reftype])
        rows.setdefault(key, f"{self.stem}_{reftype}_{len(rows) + 1:04d}{extension}")
        return self.references / rows[key]

    def exclude(self, reftype, values):
        """Say that there is no reference of a type for some values, see `place`."""
        self.rules[reftype][tuple(values[name] for name in self.instrument.rules[reftype])] = "N/A"

    def write(self):
        """Write the rules and the configuration."""
        instrument = self.instrument.name
        imap = {reftype.upper(): "N/A" for reftype in TYPES + PARAMETERS}
        for reftype, rows in self.rules.items():
            if rows:
                imap[reftype.upper()] = name = self._rmap(reftype)
                self._write_rules(name, self._header(reftype, name), _match(rows))
        imap_name = f"{self.stem}_0001.imap"
        header = {"instrument": instrument, "mapping": "INSTRUMENT", "parkey": ("REFTYPE",)}
        self._write_rules(imap_name, header, _table(imap))
        header = {"mapping": "PIPELINE", "parkey": ("META.INSTRUMENT.NAME",)}
        self._write_rules(CONTEXT, header, _table(self._instruments() | {instrument: imap_name}))
        self._configure()

    def _rmap(self, reftype):
        return f"{self.stem}_{reftype}_0001.rmap"

    def _read(self, reftype):
        """Rows of the rules that an earlier simulation wrote."""
        selector = self._selector(self._rmap(reftype), lambda tree: tree.value.args[0])
        return {
            tuple(ast.literal_eval(key)): ast.literal_eval(value.args[0].values[0] if hasattr(value, "args") else value)
            for key, value in zip(selector.keys, selector.values, strict=True)
        }

    def _instruments(self):
        return ast.literal_eval(self._selector(CONTEXT, lambda tree: tree.value))

    def _selector(self, name, find):
        path = self.mappings / name
        if not path.exists():
            return ast.Dict([], [])
        try:
            found = find(ast.parse(path.read_text()).body[-1])
            if not isinstance(found, ast.Dict):
                raise TypeError
        except (AttributeError, IndexError, SyntaxError, TypeError):
            raise InputError(f"{path} was not written by a simulation", "give another folder") from None
        return found

    def _header(self, reftype, name):
        header = {
            "classes": ("Match", "UseAfter"),
            "filekind": reftype.upper(),
            "instrument": self.instrument.name,
            "mapping": "REFERENCE",
            "parkey": (self.instrument.rules[reftype], ("META.OBSERVATION.DATE", "META.OBSERVATION.TIME")),
        }
        if "META.SUBARRAY.NAME" in self.instrument.rules[reftype]:
            header["substitutions"] = {"META.SUBARRAY.NAME": {"GENERIC": "N/A"}}
        return header

    def _write_rules(self, name, header, selector):
        header = header | {"derived_from": "simulation", "name": name, "observatory": "JWST"}
        lines = [f"    {key!r} : {value!r},\n" for key, value in sorted(header.items())]
        text = "header = {\n" + "".join(lines) + "}\n\nselector = " + selector + "\n"
        # The sum is over all lines but its own.
        text = text.replace("}\n\nselector", f"    'sha1sum' : '{checksum(text)}',\n}}\n\nselector", 1)
        write_fits(self.mappings / name, [Content(text.encode("ascii"))])

    def _configure(self):
        server = {
            "observatory": "jwst",
            "operational_context": CONTEXT,
            "edit_context": CONTEXT,
            "force_remote_mode": False,
            "bad_files": "",
            "bad_files_list": [],
            "crds_version": {"str": CLIENT},
            "server_version": CLIENT,
            "last_synced": USEAFTER,
            "reference_url": {"checked": "", "unchecked": ""},
            "mapping_url": {"checked": "", "unchecked": ""},
            "context_names": [CONTEXT],
            "contexts": [CONTEXT],
            "context_aliases": {"operational": CONTEXT},
        }
        config = self.root / "config" / "jwst"
        for name, text in (
            ("server_config", f"{server!r}\n"),
            ("ref_cache_subdir_mode", "instrument"),
            ("bad_files_set.txt", "\n"),
        ):
            write_fits(config / name, [Content(text.encode("ascii"))])


def _table(rows):
    return "{\n" + "".join(f"    {key!r} : {value!r},\n" for key, value in sorted(rows.items())) + "}"


def _match(rows):
    lines = [
        f"    {key!r} : 'N/A',\n"
        if file == "N/A"
        else f"    {key!r} : UseAfter({{\n        {USEAFTER!r} : {file!r},\n    }}),\n"
        for key, file in sorted(rows.items())
    ]
    return "Match({\n" + "".join(lines) + "})"
