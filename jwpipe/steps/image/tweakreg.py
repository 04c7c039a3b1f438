"""Align exposures by their stars: to each other, and to a catalogue of the sky."""

from typing import Annotated

import numpy as np

from jwpipe.align.alignment import Exposure, Group, Settings, TooFewGroups, align, align_to
from jwpipe.align.catalogues import SERVED, Listing, ask, named, read_catfile, read_sources, read_stars
from jwpipe.align.finders import Sources, find_dao, find_iraf, find_segments
from jwpipe.align.matching import Confusion, Matching
from jwpipe.align.plane import Plane
from jwpipe.catalog.background import background
from jwpipe.engine.params import AtLeast, AtMost, File, Help, OneOf, StepParams
from jwpipe.engine.runner import References, Run
from jwpipe.engine.step import Skip, step
from jwpipe.errors import InputError
from jwpipe.products.dq import Pixel
from jwpipe.products.exposures import Exposures
from jwpipe.products.images import Image

__all__ = ["tweakreg"]

SIP_ERROR, SIP_POINTS = 0.01, 16  # of the FITS approximation: deviation, pixels, and points along each axis

FINDERS = {"dao": find_dao, "iraf": find_iraf, "segmentation": find_segments}
GEOMETRY = OneOf("shift", "rshift", "rscale", "general")
POSITIVE = AtLeast(1e-6)
ROLL = ("V2_REF", "V3_REF", "ROLL_REF")


class Params(StepParams):
    """Parameters of `tweakreg`."""

    save_catalogs: Annotated[bool, Help("save the stars that are found, an exposure each (cat)")] = False
    use_custom_catalogs: Annotated[bool, Help("take stars from catfile, or from the association's catalogues")] = False
    catalog_format: Annotated[str, Help("format of the catalogues that are saved"), OneOf("ecsv", "fits")] = "ecsv"
    catfile: Annotated[str, Help("file of two columns: exposures, and their catalogues"), File()] = ""
    starfinder: Annotated[str, Help("how stars are looked for"), OneOf(*FINDERS)] = "dao"
    snr_threshold: Annotated[float, Help("height of a star above the background, by the noise")] = 10.0
    kernel_fwhm: Annotated[float, Help("full width of stars at half maximum, pixels (dao, iraf)"), POSITIVE] = 2.5
    minsep_fwhm: Annotated[float, Help("distance of stars, by kernel_fwhm (dao, iraf)"), AtLeast(0)] = 0.0
    sigma_radius: Annotated[float, Help("radius of the kernel, standard deviations (dao, iraf)"), POSITIVE] = 1.5
    sharplo: Annotated[float, Help("least sharpness (dao, iraf)")] = 0.2
    sharphi: Annotated[float, Help("greatest sharpness (dao, iraf)")] = 1.0
    roundlo: Annotated[float, Help("least roundness (dao, iraf)")] = -1.0
    roundhi: Annotated[float, Help("greatest roundness (dao, iraf)")] = 1.0
    brightest: Annotated[int, Help("stars that are kept, the brightest (dao, iraf)"), AtLeast(1)] = 200
    peakmax: Annotated[float | None, Help("brightest pixel that a star may have (dao, iraf)")] = None
    npixels: Annotated[int, Help("pixels that a source has at least (segmentation)"), AtLeast(1)] = 10
    connectivity: Annotated[int, Help("neighbours of a pixel that belong to it (segmentation)"), OneOf(4, 8)] = 8
    nlevels: Annotated[int, Help("levels at which sources are taken apart (segmentation)"), AtLeast(1)] = 32
    contrast: Annotated[
        float, Help("share of a segment's flux that makes a source (segmentation)"), AtLeast(0), AtMost(1)
    ] = 0.001
    multithresh_mode: Annotated[
        str, Help("how the levels are spaced (segmentation)"), OneOf("exponential", "linear", "sinh")
    ] = "exponential"
    localbkg_width: Annotated[
        int, Help("width of a frame around sources where their background is measured, pixels; 0: none"), AtLeast(0)
    ] = 0
    apermask_method: Annotated[
        str, Help("accepted as in jwst; of no effect on positions and fluxes"), OneOf("correct", "mask", "none")
    ] = "correct"
    kron_params: Annotated[list[float] | None, Help("accepted as in jwst; of no effect on positions and fluxes")] = None
    bkg_boxsize: Annotated[int, Help("side of the boxes in which the background is measured, pixels"), AtLeast(1)] = 400
    enforce_user_order: Annotated[bool, Help("align exposures in their order, whatever their overlap")] = False
    expand_refcat: Annotated[bool, Help("add stars that are new to those that others are aligned to")] = False
    minobj: Annotated[int, Help("stars that must match"), AtLeast(1)] = 15
    searchrad: Annotated[float, Help("how far off exposures may be, arcsec"), POSITIVE] = 2.0
    use2dhist: Annotated[bool, Help("look for the offset, in a histogram of all differences")] = True
    separation: Annotated[float, Help("stars nearer to each other are taken for one, arcsec"), POSITIVE] = 1.0
    tolerance: Annotated[float, Help("how far apart matching stars may be, arcsec"), POSITIVE] = 0.7
    xoffset: Annotated[float, Help("offset in x where it is not looked for, arcsec")] = 0.0
    yoffset: Annotated[float, Help("offset in y where it is not looked for, arcsec")] = 0.0
    fitgeometry: Annotated[str, Help("what is fitted: shift, with rotation, with scale, any linear map"), GEOMETRY] = (
        "rshift"
    )
    nclip: Annotated[int, Help("how often outliers are left out"), AtLeast(0)] = 3
    sigma: Annotated[float, Help("what an outlier is, by the root mean square"), AtLeast(0)] = 3.0
    abs_refcat: Annotated[
        str | None, Help(f"catalogue of the sky: a file, or one of {', '.join(SERVED)} from its service"), File(*SERVED)
    ] = ""
    save_abs_catalog: Annotated[bool, Help("save what the service says (fit_..._ref)")] = False
    abs_minobj: Annotated[int, Help("as minobj, for abs_refcat"), AtLeast(1)] = 15
    abs_searchrad: Annotated[float, Help("as searchrad, for abs_refcat"), POSITIVE] = 6.0
    abs_use2dhist: Annotated[bool, Help("as use2dhist, for abs_refcat; the offset is 0 otherwise")] = True
    abs_separation: Annotated[float, Help("as separation, for abs_refcat"), POSITIVE] = 0.1
    abs_tolerance: Annotated[float, Help("as tolerance, for abs_refcat"), POSITIVE] = 0.7
    abs_fitgeometry: Annotated[str, Help("as fitgeometry, for abs_refcat"), GEOMETRY] = "rshift"
    abs_nclip: Annotated[int, Help("as nclip, for abs_refcat"), AtLeast(0)] = 3
    abs_sigma: Annotated[float, Help("as sigma, for abs_refcat"), AtLeast(0)] = 3.0

    def check(self):
        if self.use_custom_catalogs and self.catfile.strip():
            read_catfile(self.catfile.strip())
        if self.absolute and self.absolute.upper() not in SERVED:
            read_stars(self.absolute)

    @property
    def absolute(self):
        """The catalogue of the sky that is meant, or no text."""
        text = (self.abs_refcat or "").strip()
        return "" if text.lower() == "none" else text


@step("tweakreg", status="S_TWKREG", peer="jwst.tweakreg.tweakreg_step.TweakRegStep", params=Params)
def tweakreg(product: Exposures | Image, refs: References, par: Params, run: Run) -> Exposures:
    """Align exposures by their stars.

    Exposures taken at the same time with several detectors keep their places relative to each other. All others are
    moved onto the first (or, where stars are added, onto that which most overlap with), then all together onto
    ``abs_refcat``. An exposure that cannot be aligned is told as a warning, and stays where it is, or goes along with
    the others.

    Parameters
    ----------
    product : Exposures or Image
        Calibrated exposures with coordinates.
    refs : References
        None are used.
    par : Params
        Parameters.
    run : Run
        Threads, log.

    Returns
    -------
    Exposures or Image
        The same: their coordinates, S_REGION and the FITS approximation of the coordinates are changed.

    Raises
    ------
    Skip
        There is nothing to align to, or what was found makes no sense.
    InputError
        Exposures without coordinates, or catalogues that cannot be read.
    StepError
        The service of ``abs_refcat`` cannot be reached.

    Notes
    -----
    ``tweakwcs``, by which 1.14.1 aligns, is not used: see `jwpipe.align.alignment`.
    """
    exposures = product if isinstance(product, Exposures) else Exposures.alone(product, run.folder)
    absolute = par.absolute
    check(exposures)
    places = exposures.groups()
    if len(places) == 1 and not absolute:
        raise Skip("there is one group of exposures, and no catalogue of the sky to align it to")
    found = find(exposures, par, run)
    groups = [Group([found[i] for i in indices]) for indices in places.values()]
    if len(groups) > 1:
        align_relative(groups, exposures, found, absolute, par, run)
    fitted = absolute and align_absolute(exposures, found, absolute, par, run)
    for image, exposure in zip(exposures, found, strict=True):
        if exposure.plane.moved:
            wcs = image.wcs.corrected(exposure.plane.matrix, exposure.plane.shift, [image[key] for key in ROLL])
            if fitted:
                wcs.name = f"FIT-LVL3-{absolute}"
            image.wcs = wcs
            describe(image, run)
    return product


def describe(image, run):
    """Write S_REGION, and the FITS approximation of the coordinates, of an exposure that was moved."""
    from jwpipe.wcs.region import footprint, polygon
    from jwpipe.wcs.sip import approximate, write_keywords

    region = polygon(*footprint(image.wcs, image.shape))
    if region is not None:
        image["S_REGION"] = region
    crpix = [image.get(keyword) for keyword in ("CRPIX1", "CRPIX2")]
    crpix = crpix if all(isinstance(value, int | float) for value in crpix) else None
    made = approximate(image.wcs, max_error=SIP_ERROR, max_inverse_error=0, points=SIP_POINTS, crpix=crpix)
    if made is None:
        run.log.warning("%s: its SIP keywords are those of before", image.path.name)
    else:
        write_keywords(image, made)


def check(exposures):
    """Refuse what cannot be aligned before any stars are looked for."""
    from jwpipe.wcs.region import footprint

    for image in exposures:
        if image.wcs is None:
            raise InputError(f"{image.path} has no coordinates", "run assign_wcs on it first")
        if "v2v3" not in image.wcs.frames:
            raise InputError(f"the coordinates of {image.path} have no frame v2v3: they are not those of an exposure")
        if not np.isfinite(footprint(image.wcs, image.shape)).all():
            raise InputError(f"the coordinates of {image.path} lead nowhere on the sky", "see its pointing (RA_REF...)")
        for keyword in ROLL:
            if not isinstance(image.get(keyword), int | float):
                raise InputError(f"{image.path} has no {keyword}", "run assign_wcs on it first")


def find(exposures, par, run):
    """Find the stars of every exposure, or take them from catalogues; gives `Exposure` objects."""
    given, found = catalogues(exposures, par, run), []
    for image, path in zip(exposures.visit(), given, strict=True):
        sources = stars_of(image, par, run) if path is None else read_sources(path)
        (x0, x1), (y0, y1) = box(image)
        sources = sources[(sources.x > x0) & (sources.x < x1) & (sources.y > y0) & (sources.y < y1)]
        if len(sources) == 0:
            run.log.warning("no stars are found in %s", image.path.name)
        else:
            run.log.info("%d stars in %s", len(sources), image.path.name)
        if path is None and par.save_catalogs:
            save(sources, image, par, run)
        plane = Plane(image.wcs, *(image[keyword] for keyword in ROLL))
        found.append(Exposure(image.path.name, plane, sources))
    return found


def catalogues(exposures, par, run):
    """Catalogue of each exposure; None where its stars are to be looked for."""
    given = list(exposures.catalogues)
    if not par.use_custom_catalogs:
        return [None] * len(given)
    if par.catfile.strip():
        named = read_catfile(par.catfile.strip())
        if not named:
            run.log.warning("catfile %s names no catalogues: stars are looked for", par.catfile)
            return [None] * len(given)
        given = [named.get(image.path.name, path) for image, path in zip(exposures, given, strict=True)]
    return given


def stars_of(image, par, run):
    """Find the stars of an exposure."""
    missing = (image.dq & (Pixel.DO_NOT_USE | Pixel.NON_SCIENCE)) != 0
    try:
        level, noise = background(image.data, missing, par.bkg_boxsize, run.threads)
    except ValueError:
        run.log.warning("all pixels of %s are flagged", image.path.name)
        return Sources.none()
    # As 1.14.1 has it: the background is not subtracted, so that where it is high a star is only what stands out
    # by as much as the background itself.
    threshold = np.median(level + np.float32(par.snr_threshold) * noise)
    return FINDERS[par.starfinder](image.data, missing, threshold, par, run.threads)


def box(image):
    """Range of pixels, (x0, x1), (y0, y1), in which the coordinates hold."""
    ny, nx = image.shape
    return image.wcs.bounding_box or ((-0.5, nx - 0.5), (-0.5, ny - 0.5))


def save(sources, image, par, run):
    """Save the stars of an exposure."""
    columns = {"id": np.arange(1, len(sources) + 1), "x": sources.x, "y": sources.y, "flux": sources.flux}
    name = f"{image.path.stem}_cat.{par.catalog_format}"
    run.save(Listing(columns, par.catalog_format), "cat", name=name)
    image["TCATFILE"] = name


def align_relative(groups, exposures, found, absolute, par, run):
    """Align groups of exposures to each other."""
    matching = Matching(par.searchrad, par.separation, par.tolerance, par.use2dhist, par.xoffset, par.yoffset)
    settings = Settings(matching, par.minobj, par.fitgeometry, par.nclip, par.sigma)
    try:
        align(groups, settings, par.enforce_user_order, par.expand_refcat or bool(absolute))
    except Confusion as why:
        raise Skip(str(why)) from None
    except TooFewGroups as why:
        if not absolute:
            raise Skip(str(why)) from None
        warn(f"exposures not aligned to each other: {why}", run)
        return
    reach = par.searchrad if par.use2dhist else max(abs(par.xoffset), abs(par.yoffset))
    far = [
        one.name
        for one, image in zip(found, exposures, strict=True)
        if moved(one, image) >= 2 * (reach + par.tolerance)
    ]
    if far:
        why = f"{', '.join(far)} would be moved by more than {2 * (reach + par.tolerance):g} arcsec"
        if not absolute:
            raise Skip(why)
        warn(f"exposures not aligned to each other: {why}", run)
        for exposure in found:
            exposure.plane.reset()
        return
    for group in groups:
        tell(group.name, group.outcome, "the other exposures", run)


def moved(exposure, image):
    """How far the corners of an exposure are moved at most, arcsec."""
    (x0, x1), (y0, y1) = box(image)
    corners = exposure.plane.place(np.array([x0, x0, x1, x1]), np.array([y0, y1, y1, y0]))
    before, after = (np.radians(exposure.plane.sky_of(corners, was)) for was in (True, False))
    return np.nan_to_num(np.degrees(separation(*before, *after)) * 3600, nan=np.inf).max()


def separation(ra, dec, other_ra, other_dec):
    """Angle between directions, radians."""
    half = np.sin((dec - other_dec) / 2) ** 2 + np.cos(dec) * np.cos(other_dec) * np.sin((ra - other_ra) / 2) ** 2
    return 2 * np.arcsin(np.sqrt(half))


def tell(name, outcome, other, run):
    """Log what became of exposures; the summary of the run repeats that they were not aligned."""
    if outcome.status == "aligned":
        run.log.info("%s: aligned to %s by %d stars, %.2g arcsec rms", name, other, outcome.matches, outcome.rmse)
    elif outcome.status == "failed":
        warn(f"{name} not aligned to {other}: {outcome.reason}", run)


def warn(text, run):
    """Log a warning that the summary of the run repeats."""
    run.log.warning("%s", text)
    run.remarks.append(text)


def align_absolute(exposures, found, absolute, par, run):
    """Align all exposures together to a catalogue of the sky; tells whether they are."""
    if absolute.upper() in SERVED:
        stars, columns = ask(absolute.upper(), *circle(exposures), exposures.get("DATE-OBS"))
        if par.save_abs_catalog:
            run.save(Listing(named(columns)), "ref", name=f"fit_{absolute.lower()}_ref.ecsv")
    else:
        stars = read_stars(absolute)
    if len(stars) < par.abs_minobj:
        few = f"it has {len(stars)} stars in the field, {par.abs_minobj} are needed"
        warn(f"the exposures not aligned to {absolute}: {few}", run)
        return False
    group = Group(found)
    if len(group) == 0:
        warn(f"the exposures not aligned to {absolute}: they have no stars", run)
        return False
    matching = Matching(par.abs_searchrad, par.abs_separation, par.abs_tolerance, par.abs_use2dhist)
    settings = Settings(matching, par.abs_minobj, par.abs_fitgeometry, par.abs_nclip, par.abs_sigma)
    try:
        align_to(group, stars, settings)
    except Confusion as why:
        warn(f"the exposures not aligned to {absolute}: {why}", run)
        return False
    tell("the exposures", group.outcome, absolute, run)
    return group.outcome.status == "aligned"


def circle(exposures):
    """Right ascension, declination and radius of a circle around all exposures, degrees."""
    from jwpipe.drizzle.grid import corners, lay_out

    grid = lay_out(exposures.images)
    y, x = (0.5 * (length - 1) for length in grid.shape)
    ra, dec = (float(value[0]) for value in grid.wcs(np.array([x]), np.array([y])))
    radius = np.degrees(separation(*np.radians([[ra], [dec]]), *np.radians(corners(grid))).max())
    return ra, dec, float(radius)
