"""A small mosaic with sources, and the references that its catalogue takes, for tests."""

import numpy as np
from astropy.io import fits
from builders import write_reference

from jwpipe.products.images import Resampled

SCALE = 0.063 / 3600  # of a pixel, degrees
AREA = np.deg2rad(SCALE) ** 2
CENTRE = 80.49, -69.5
LEVEL, NOISE = 0.3, 0.02
FILTER = {"INSTRUME": "NIRCAM", "DETECTOR": "NRCALONG", "FILTER": "F444W", "PUPIL": "CLEAR"}
ENERGIES = (30, 1.08, 3.4), (50, 1.72, 2.06), (70, 3.1, 1.47), (80, 4.6, 1.3)  # percent, radius, correction
OFFSET = -3.2212  # AB - Vega

# x, y, flux in sums of pixel values, standard deviations along both axes, angle: the last two share a segment.
SOURCES = np.array(
    [
        (40.2, 60.7, 60.0, 1.1, 1.1, 0.0),
        (90.6, 30.1, 300.0, 1.1, 1.1, 0.0),
        (120.0, 120.4, 400.0, 5.0, 2.0, 0.6),
        (30.9, 130.3, 120.0, 1.1, 1.1, 0.0),
        (37.4, 131.8, 60.0, 1.1, 1.1, 0.0),
    ]
)


def make_mosaic(shape=(160, 150), sources=SOURCES, seed=0, noise=NOISE):
    """A mosaic of sources on a level sky, with a side that nothing covers and holes."""
    from jwpipe.wcs import Wcs

    rng = np.random.default_rng(seed)
    ny, nx = shape
    data = rng.normal(LEVEL, noise, shape)
    y, x = np.indices(shape)
    for u, v, flux, major, minor, angle in sources:
        along = (x - u) * np.cos(angle) + (y - v) * np.sin(angle)
        across = (y - v) * np.cos(angle) - (x - u) * np.sin(angle)
        profile = np.exp(-0.5 * ((along / major) ** 2 + (across / minor) ** 2))
        data += flux / (2 * np.pi * major * minor) * profile
    mosaic = Resampled()
    mosaic.data = data
    mosaic.err = np.sqrt(noise**2 + 0.002 * np.clip(data - LEVEL, 0, None))
    mosaic.wht = np.ones(shape)
    bare = rng.random(shape) < 3e-4
    bare[:6] = True
    mosaic.data[bare], mosaic.err[bare], mosaic.wht[bare] = np.nan, np.nan, 0
    mosaic.con = np.ones((1, *shape))
    angle = np.deg2rad(33)
    pc = [[-np.cos(angle), np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    mosaic.wcs = Wcs.tangent(((nx - 1) / 2, (ny - 1) / 2), CENTRE, pc, (SCALE, SCALE), shape)
    plane = {"CRPIX1": (nx + 1) / 2, "CRPIX2": (ny + 1) / 2, "CRVAL1": CENTRE[0], "CRVAL2": CENTRE[1], "WCSAXES": 2}
    types = {"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CUNIT1": "deg", "CUNIT2": "deg"}
    times = {"DATE-OBS": "2023-02-25", "TIME-OBS": "02:24:00.000"}
    state = {"BUNIT": "MJy/sr", "PIXAR_SR": AREA, "PXSCLRT": 1.0, "S_RESAMP": "COMPLETE", "EXP_TYPE": "NRC_IMAGE"}
    more = {"TELESCOP": "JWST", "SUBARRAY": "FULL"}
    for keyword, value in (FILTER | plane | types | times | state | more).items():
        mosaic[keyword] = value
    for keyword in ("ERR",):
        mosaic.headers.setdefault(keyword, fits.Header())["BUNIT"] = "MJy/sr"
    return mosaic


def write_references(folder, name="F444W", rows=ENERGIES):
    """The apcorr and abvegaoffset references, by type."""
    kinds = [("filter", "S12"), ("pupil", "S15"), *((n, "f4") for n in "eefraction radius apcorr skyin skyout".split())]
    table = np.array([(name, "CLEAR", energy / 100, radius, factor, 6, 10) for energy, radius, factor in rows], kinds)
    apcorr = write_reference(
        folder / "apcorr.fits",
        tables=[fits.BinTableHDU(table, name="APCORR")],
        REFTYPE="apcorr",
        DATAMODL="NrcImgApcorrModel",
        INSTRUME="NIRCAM",
        DETECTOR="NRCA1",
    )
    offset = folder / "abvegaoffset.asdf"
    offset.write_text(OFFSETS.format(name=name, offset=OFFSET))
    return {"apcorr": apcorr, "abvegaoffset": offset}


OFFSETS = """#ASDF 1.0.0
#ASDF_STANDARD 1.5.0
%YAML 1.1
%TAG ! tag:stsci.edu:asdf/
--- !core/asdf-1.1.0
abvega_offset: !<tag:astropy.org:astropy/table/table-1.0.0>
  colnames: [filter, pupil, abvega_offset]
  columns:
  - !core/column-1.0.0
    data: !core/ndarray-1.0.0
      data: [{name}, F070W]
      datatype: [ascii, 5]
      shape: [2]
    name: filter
  - !core/column-1.0.0
    data: !core/ndarray-1.0.0
      data: [CLEAR, CLEAR]
      datatype: [ascii, 5]
      shape: [2]
    name: pupil
  - !core/column-1.0.0
    data: !core/ndarray-1.0.0
      data: [{offset}, 0.3]
      datatype: float64
      shape: [2]
    name: abvega_offset
  meta: {{}}
  qtable: false
meta: {{instrument: {{name: NIRCAM}}, reftype: abvegaoffset, telescope: JWST, model_type: ABVegaOffsetModel,
  pedigree: DUMMY, author: none, description: none, useafter: '2020-01-01T00:00:00'}}
...
"""
