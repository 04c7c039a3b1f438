"""Catalogue the sources of a mosaic."""

from typing import Annotated

import numpy as np

from jwpipe.catalog.background import background
from jwpipe.catalog.columns import tabulate
from jwpipe.catalog.deblend import deblend
from jwpipe.catalog.measure import angle_of_north, measure
from jwpipe.catalog.references import Apertures, NoRowError, read_apertures, read_offset
from jwpipe.catalog.segmentation import convolve, detect
from jwpipe.engine.params import AtLeast, AtMost, Help, StepParams
from jwpipe.engine.runner import References, Run
from jwpipe.engine.step import Skip, step
from jwpipe.errors import InputError, UsageError
from jwpipe.products.clock import written_at
from jwpipe.products.ecsv import Catalogue
from jwpipe.products.images import Resampled, Segmentation

__all__ = ["source_catalog"]

UNIT = "MJy/sr"


class Params(StepParams):
    """Parameters of `source_catalog`."""

    bkg_boxsize: Annotated[int, Help("side of the boxes of the background, pixels"), AtLeast(1)] = 1000
    kernel_fwhm: Annotated[float, Help("FWHM of the smoothing Gaussian, pixels"), AtLeast(0.1), AtMost(200)] = 2.0
    snr_threshold: Annotated[float, Help("standard deviations by which a source's pixels exceed the background")] = 3.0
    npixels: Annotated[int, Help("connected pixels that a source has at least"), AtLeast(1)] = 25
    deblend: Annotated[bool, Help("take sources apart that share pixels")] = False
    aperture_ee1: Annotated[int, Help("encircled energy of the smallest circle, percent"), AtLeast(1), AtMost(99)] = 30
    aperture_ee2: Annotated[int, Help("encircled energy of the middle circle, percent"), AtLeast(1), AtMost(99)] = 50
    aperture_ee3: Annotated[int, Help("encircled energy of the largest circle, percent"), AtLeast(1), AtMost(99)] = 70
    ci1_star_threshold: Annotated[
        float, Help("concentration index (middle by smallest circle) above which a source may be extended")
    ] = 2.0
    ci2_star_threshold: Annotated[
        float, Help("concentration index (largest by middle circle) above which it is, if the other is too")
    ] = 1.8

    def check(self):
        energies = self.aperture_ee1, self.aperture_ee2, self.aperture_ee3
        if not energies[0] < energies[1] < energies[2]:
            shown = ", ".join(map(str, energies))
            raise UsageError(f"aperture_ee1, aperture_ee2 and aperture_ee3 = {shown} do not increase")


@step(
    "source_catalog",
    status="S_SRCCAT",
    peer="jwst.source_catalog.source_catalog_step.SourceCatalogStep",
    references=["apcorr", "abvegaoffset"],
    optional=["apcorr", "abvegaoffset"],
    params=Params,
    suffixes=["cat.ecsv", "segm"],
    beside=True,
)
def source_catalog(product: Resampled, refs: References, par: Params, run: Run) -> tuple[Catalogue, Segmentation]:
    """Catalogue the sources of a mosaic: places, fluxes, magnitudes, shapes.

    Sources are connected pixels of the smoothed mosaic above its background by some times its noise.

    Parameters
    ----------
    product : Resampled
        The mosaic, MJy/sr, with coordinates; it stays as it is.
    refs : References
        ``apcorr``: circles and aperture corrections, without it circles of 1, 2 and 3 pixels; ``abvegaoffset``: offset
        between AB and Vega magnitudes, 0 without it.
    par : Params
        Parameters.
    run : Run
        Threads, log.

    Returns
    -------
    tuple of Catalogue and Segmentation
        Skipped, with a warning, where there is no source, or references know nothing of the filter.

    Notes
    -----
    Source: Bertin & Arnouts 1996, A&AS 117, 393.
    """
    if not isinstance(product, Resampled):  # in a pipeline whose step of resampling was left out
        raise Skip("there is no mosaic")
    try:
        apertures = choose_apertures(product, refs, par, run.log)
        offset = choose_offset(product, refs, run.log)
    except NoRowError as problem:
        run.log.warning("there will be no catalogue: %s", problem)
        raise Skip(str(problem)) from None
    scale = to_jansky(product)
    missing = np.isnan(product.err) | (product.wht == 0)
    if (missing | ~np.isfinite(product.data)).all():
        run.log.warning("there will be no catalogue: no pixel of %s has a value", product.path)
        raise Skip("no pixel has a value")
    product.release(run.folder, keep=("data", "err"))
    level, noise = background(product.data, missing, par.bkg_boxsize, run.threads)
    data = np.subtract(product.data, level, out=level)
    smoothed = convolve(data, missing, par.kernel_fwhm, run.threads)
    noise *= np.float32(par.snr_threshold)
    labels, boxes = detect(smoothed, noise, missing, par.npixels)
    del noise
    if par.deblend:
        labels, boxes = deblend(smoothed, labels, boxes, par.npixels)
    if not len(boxes):
        run.log.warning("there will be no catalogue: no source was found in %s", product.path)
        raise Skip("no source was found")
    run.log.info("found %d sources", len(boxes))
    data *= scale
    found = measure(data, product.err * scale, smoothed, labels, boxes, apertures, par.kernel_fwhm, run.threads)
    catalogue = Catalogue(run.threads)
    thresholds = par.ci1_star_threshold, par.ci2_star_threshold
    catalogue.columns = tabulate(found, apertures, offset, thresholds, *places(product, found, boxes))
    catalogue.meta = describe(apertures, offset)
    segments = Segmentation.like(product)
    segments.data, segments.wcs = labels, product.wcs
    segments["SCATFILE"] = run.name(f"{par.suffix or 'cat'}{Catalogue.ending}")
    return catalogue, segments


def choose_apertures(product, refs, par, log):
    """Circles and annulus of the filter."""
    energies = par.aperture_ee1, par.aperture_ee2, par.aperture_ee3
    if refs["apcorr"] is None:
        log.warning("no apcorr reference: circles of 1, 2 and 3 pixels, and no aperture corrections")
        return Apertures.arbitrary()
    if "PXSCLRT" not in product:
        log.warning("%s has no PXSCLRT: its pixels are taken to be as large as the detector's", product.path)
        return read_apertures(refs["apcorr"], product, energies, 1.0)
    return read_apertures(refs["apcorr"], product, energies, size(product, "PXSCLRT"))


def choose_offset(product, refs, log):
    """AB - Vega magnitude of the filter."""
    path = refs.path("abvegaoffset")
    if path is None:
        log.warning("no abvegaoffset reference: Vega magnitudes are AB magnitudes")
        return 0.0
    return read_offset(path, product)


def to_jansky(product):
    """Jansky of a pixel of 1 MJy/sr."""
    if product["BUNIT"] != UNIT:
        raise InputError(f"{product.path} is in {product['BUNIT']}, and a catalogue is made of {UNIT}")
    return np.float32(1e6 * size(product, "PIXAR_SR"))


def size(product, keyword):
    """Value of a keyword, which has to be a number above 0."""
    value = product[keyword]
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < np.inf:
        raise InputError(f"{product.path} has {keyword} = {value!r}, where a number above 0 is wanted")
    return float(value)


def places(product, found, boxes):
    """Where sources and the corners of their boxes are on the sky, and the angle from the x axis to north."""
    wcs = product.wcs
    if wcs is None:
        raise InputError(f"{product.path} has no coordinates")
    y0, y1, x0, x1 = boxes.T.astype("f8")
    # To the right and above the boxes have a pixel more, in all releases of the pipeline: whoever uses them expects it.
    edges = {"l": x0 - 0.5, "r": x1 + 0.5}, {"l": y0 - 0.5, "u": y1 + 0.5}
    corners = {v + h: wcs(edges[0][h], edges[1][v]) for v in "lu" for h in "lr"}
    ny, nx = product.shape
    centre = product.get("CRPIX1", (nx + 1) / 2) - 1, product.get("CRPIX2", (ny + 1) / 2) - 1
    return wcs(found["x"], found["y"]), corners, angle_of_north(wcs, *centre)


def describe(apertures, offset):
    """What the catalogue says of how it was made."""
    import platform

    import jwpipe

    return {
        "date": written_at()[:19].replace("T", " ") + " UTC",
        "version": {
            "Python": platform.python_version(),
            "jwpipe": jwpipe.__version__,
            "numpy": np.__version__,
        },
        "aperture_params": {
            "aperture_corrections": apertures.corrections,
            "aperture_ee": np.array(apertures.energies),
            "aperture_radii": apertures.radii,
            "bkg_aperture_inner_radius": apertures.inner,
            "bkg_aperture_outer_radius": apertures.outer,
        },
        "abvega_offset": offset,
    }
