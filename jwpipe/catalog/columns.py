"""Columns of the catalogue of a mosaic's sources, as 1.14.1 names and orders them."""

import numpy as np

from jwpipe.catalog.measure import magnitudes
from jwpipe.products.ecsv import Column, Sky

__all__ = ["tabulate"]

FLUX, INDEX, FINE = ".6e", ".4f", ".6f"  # how whoever prints the table may format its columns
KINDS = {"flux": "Flux", "abmag": "AB magnitude", "vegamag": "Vega magnitude"}
CORNERS = {"ll": "lower-left", "ul": "upper-left", "lr": "lower-right", "ur": "upper-right"}
ELLIPSE = "axis of the 2D Gaussian function that has the same second-order central moments as the source"


def tabulate(found, apertures, offset, thresholds, sky, corners, north):
    """Lay the catalogue out.

    Parameters
    ----------
    found : dict of str to ndarray
        As `jwpipe.catalog.measure.measure` gives it.
    apertures : jwpipe.catalog.references.Apertures
        Circles: three of increasing radius.
    offset : float
        AB - Vega, magnitudes.
    thresholds : tuple of float
        Concentration indices, of the middle by the smallest circle and the largest by the middle one, above both of
        which a source is extended.
    sky : tuple of ndarray
        Right ascension and declination of the sources, degrees.
    corners : dict of str to tuple of ndarray
        The same of the corners of their boxes: ``ll``, ``ul``, ``lr``, ``ur``.
    north : float
        Angle from the x axis to north, degrees.

    Returns
    -------
    list of Column or Sky
    """
    count = len(found["x"])
    fluxes = found["circles"].T, found["circles_err"].T
    last = apertures.corrections[-1].astype("f8")
    totals = fluxes[0][-1] * last, fluxes[1][-1] * last
    columns = [
        Column("label", np.arange(1, count + 1, dtype="i4"), "Unique source identification label number"),
        Column("xcentroid", found["x"], "X pixel value of the source centroid (0 indexed)", form=INDEX),
        Column("ycentroid", found["y"], "Y pixel value of the source centroid (0 indexed)", form=INDEX),
        Sky("sky_centroid", *sky, "ICRS Sky coordinate of the source centroid"),
        Column(
            "aper_bkg_flux",
            found["background"],
            "The local background value calculated as the sigma-clipped median value in the background annulus "
            "aperture",
            "Jy",
            FLUX,
        ),
        Column(
            "aper_bkg_flux_err",
            found["background_err"],
            "The standard error of the sigma-clipped median background value",
            "Jy",
            FLUX,
        ),
    ]
    for kind in KINDS:
        for energy, *pair in zip((*apertures.energies, "_total"), *each(kind, fluxes, totals, offset), strict=True):
            columns += in_circle(kind, energy, apertures.energies[-1], pair)
    columns += concentration(fluxes[0], apertures.energies, thresholds)
    columns += [
        Column("sharpness", found["sharpness"], "The DAOFind source sharpness statistic", form=FINE),
        Column("roundness", found["roundness"], "The DAOFind source roundness statistic", form=FINE),
        Column("nn_label", found["neighbour"], "The label number of the nearest neighbor"),
        Column("nn_dist", found["distance"], "The distance in pixels to the nearest neighbor", "pix", FINE),
    ]
    columns += in_segment(found, offset)
    columns += of_shape(found, north)
    return columns + [
        Sky(f"sky_bbox_{name}", *corners[name], f"Sky coordinate of the {words} vertex of the minimal bounding box of "
            "the source")
        for name, words in CORNERS.items()
    ]  # fmt: skip


def each(kind, fluxes, totals, offset):
    """Values and errors, circle by circle and the total, as fluxes or magnitudes."""
    values, errors = ([*circles, total] for circles, total in zip(fluxes, totals, strict=True))
    if kind == "flux":
        return values, errors
    values, errors = zip(*(magnitudes(*pair) for pair in zip(values, errors, strict=True)), strict=True)
    return [value - (offset if kind == "vegamag" else 0) for value in values], errors


def in_circle(kind, energy, last, pair):
    """Column of fluxes or magnitudes in one circle, or of totals, and that of its errors."""
    unit, form = ("Jy", FLUX) if kind == "flux" else (None, FINE)
    words = KINDS[kind]
    for value, error, ending in zip(pair, ("", " error"), ("", "_err"), strict=True):
        text = f"{words}{error} within the {energy}% encircled energy circular aperture"
        if energy == "_total":
            text = (
                f"Total aperture-corrected {words.lower() if kind == 'flux' else words}{error} based on the {last}% "
                "encircled energy circular aperture; should be used only for unresolved sources."
            )
        yield Column(f"aper{energy}_{kind}{ending}", value, text, unit, form)


def concentration(fluxes, energies, thresholds):
    """Columns of the ratios of fluxes in two circles, and of what they say."""
    columns = []
    with np.errstate(divide="ignore", invalid="ignore"):
        for small, large in ((0, 1), (1, 2), (0, 2)):
            names = energies[large], energies[small]
            columns.append(
                Column(
                    "CI_{}_{}".format(*names),
                    fluxes[large] / fluxes[small],
                    "Concentration index calculated as (aper{}_flux / aper{}_flux)".format(*names),
                    form=INDEX,
                )
            )
        extended = (columns[0].values > thresholds[0]) & (columns[1].values > thresholds[1])
    return [*columns, Column("is_extended", extended, "Flag indicating whether the source is extended")]


def in_segment(found, offset):
    """Columns of what is measured in the segments."""
    flux, err = found["flux"], found["flux_err"]
    values, errors = magnitudes(flux, err)
    return [
        Column("isophotal_flux", flux, "Isophotal flux", "Jy", FLUX),
        Column("isophotal_flux_err", err, "Isophotal flux error", "Jy", FLUX),
        Column("isophotal_abmag", values, "Isophotal AB magnitude", form=FINE),
        Column("isophotal_abmag_err", errors, "Isophotal AB magnitude error", form=FINE),
        Column("isophotal_vegamag", values - offset, "Isophotal Vega magnitude", form=FINE),
        Column("isophotal_vegamag_err", errors, "Isophotal Vega magnitude error", form=FINE),
        Column("isophotal_area", found["area"], "Isophotal area", "pix2"),
    ]


def of_shape(found, north):
    """Columns of axes and angles."""
    major, minor, angle = found["major"], found["minor"], found["angle"]
    return [
        Column("semimajor_sigma", major, f"1-sigma standard deviation along the semimajor {ELLIPSE}", "pix", FINE),
        Column("semiminor_sigma", minor, f"1-sigma standard deviation along the semiminor {ELLIPSE}", "pix", FINE),
        Column(
            "ellipticity",
            1 - minor / major,
            "1 minus the ratio of the 1-sigma lengths of the semimajor and semiminor axes",
            "",
            FINE,
        ),
        Column(
            "orientation",
            angle,
            "The angle (degrees) between the positive X axis and the major axis (increases counter-clockwise)",
            "deg",
            FINE,
        ),
        Column(
            "sky_orientation",
            180 - north + angle,
            "The position angle (degrees) from North of the major axis",
            "deg",
            FINE,
        ),
    ]
