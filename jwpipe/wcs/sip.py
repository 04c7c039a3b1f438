"""Keywords that approximate coordinates for readers of headers: a tangent plane, with distortion as SIP polynomials.

Source: Shupe et al. 2005, ASP Conf. Ser. 347, 491; points, choice of degrees and rounding as gwcs 0.21 does for `jwst`
1.14.1. The polynomials are fitted by least squares in scaled variables, not by normal equations.
"""

from dataclasses import dataclass

import numpy as np

from jwpipe.wcs.transforms import Pipe, Plane, SkyRotation, compiled

__all__ = ["Approximation", "approximate", "write_keywords"]

DEGREES = range(1, 6)  # those that are tried, unless one is asked for
SIGNIFICANT = 14  # digits of the linear keywords
STALE = [f"{name}{i}" for name in ("CDELT", "CROTA") for i in (1, 2)]
STALE += [f"{name}{i}_{j}" for name in ("PC", "CD") for i in (1, 2) for j in (1, 2)]
STALE += [f"{name}_ORDER" for name in ("A", "B", "AP", "BP")]
STALE += [f"{name}_{i}_{j}" for name in ("A", "B", "AP", "BP") for i in range(10) for j in range(10)]


@dataclass(frozen=True)
class Approximation:
    """What approximates coordinates.

    Attributes
    ----------
    keywords : dict of str to object
        Their values.
    error, inverse_error : float
        Largest deviations over the image, pixels.
    """

    keywords: dict
    error: float
    inverse_error: float


@dataclass(frozen=True)
class Fit:
    """A pair of polynomials in two variables, and how far it is off."""

    powers: list
    coefficients: np.ndarray
    error: float

    @property
    def degree(self):
        """Largest sum of powers."""
        return max(i + j for i, j in self.powers)

    def __call__(self, x, y):
        """Values at points."""
        return np.stack([x**i * y**j for i, j in self.powers], axis=-1) @ self.coefficients


def approximate(wcs, *, max_error=0.1, degree=None, max_inverse_error=0.1, inverse_degree=None, points=12, crpix=None):
    """Approximate coordinates within their bounding box.

    Parameters
    ----------
    wcs : Wcs
        From two axes of pixels to the sky, with a bounding box.
    max_error, max_inverse_error : float, optional
        Deviations, pixels, at which the lowest degree will do; 0 for the inverse: none is made.
    degree, inverse_degree : int, optional
        Degrees to take whatever the deviation.
    points : int, optional
        Points along each axis at which the polynomials are fitted.
    crpix : sequence of float, optional
        Reference pixel (x, y; from 1); near the middle of the bounding box without it.

    Returns
    -------
    Approximation or None
        None where the coordinates are not finite.
    """
    box = wcs.bounding_box
    if crpix is None:
        crpix = [round(sum(pair) / 2, 1) + 1 for pair in box]
    x0, y0 = (float(value) - 1 for value in crpix)
    ra, dec = (float(value) for value in wcs(x0, y0))
    plane = compiled(Pipe(wcs.transform(), Pipe(SkyRotation(ra, dec, 180.0, False), Plane(False))))
    grids = []
    for count in (points, 2 * points):
        x, y = (grid.ravel() for grid in np.meshgrid(*(np.linspace(*pair, count) for pair in box)))
        grids.append((np.stack([x - x0, y - y0]), plane.run(np.stack([x, y]))))
    if not all(np.isfinite(sky).all() for _, sky in grids) or not np.isfinite([ra, dec]).all():
        return None
    here, right, above = plane.run(np.array([[x0, x0 + 1, x0], [y0, y0, y0 + 1]])).T
    scale = np.sqrt(abs(np.linalg.det(np.stack([right - here, above - here], axis=1))))
    fit = _fit(*grids[0], max_error * scale, degree)
    cd = np.stack([fit.coefficients[fit.powers.index(power)] for power in ((1, 0), (0, 1))], axis=1)
    ends = "-SIP" if fit.degree > 1 else ""
    keywords = {"WCSAXES": 2, "CRPIX1": x0 + 1, "CRPIX2": y0 + 1, "CUNIT1": "deg", "CUNIT2": "deg"}
    keywords |= {"CTYPE1": "RA---TAN" + ends, "CTYPE2": "DEC--TAN" + ends, "CRVAL1": ra, "CRVAL2": dec}
    keywords |= {f"CD{i + 1}_{j + 1}": float(cd[i, j]) for i in (0, 1) for j in (0, 1)}
    rounded = {key: float(f"{value:.{SIGNIFICANT}g}") for key, value in keywords.items() if isinstance(value, float)}
    keywords |= rounded
    error, inverse_error = _deviation(fit, *grids[1]) / scale, np.nan
    if fit.degree > 1:
        keywords |= _coefficients(fit, np.linalg.inv(cd), "A", "B")
        if max_inverse_error:
            pairs = [(np.linalg.solve(cd, sky), pixels) for pixels, sky in grids]
            pairs = [(linear, pixels - linear) for linear, pixels in pairs]
            inverse = _fit(*pairs[0], max_inverse_error, inverse_degree)
            keywords |= _coefficients(inverse, np.eye(2), "AP", "BP")
            inverse_error = _deviation(inverse, *pairs[1])
    return Approximation(keywords, float(error), float(inverse_error))


def _fit(places, values, target, degree):
    """The polynomials of lowest degree that come near enough, or nearest."""
    best, scale = None, np.abs(places).max()
    x, y = places / scale
    for one in DEGREES if degree is None else [degree]:
        powers = [(i, j) for i in range(one + 1) for j in range(one + 1 - i) if i + j > 0]
        matrix = np.stack([x**i * y**j for i, j in powers], axis=-1)
        found = np.linalg.lstsq(matrix, values.T, rcond=None)[0]
        error = np.hypot(*(values - (matrix @ found).T)).max()
        if best is not None and error >= best.error:
            break
        best = Fit(powers, found / scale ** np.array([[i + j] for i, j in powers]), error)
        if error <= target:
            break
    return best


def _deviation(fit, places, values):
    return np.hypot(*(values - fit(*places).T)).max()


def _coefficients(fit, matrix, first, second):
    """Keywords of a fit's coefficients above the linear ones."""
    found = {f"{name}_ORDER": fit.degree for name in (first, second)}
    for (i, j), pair in zip(fit.powers, fit.coefficients, strict=True):
        if i + j > 1:
            found |= zip((f"{first}_{i}_{j}", f"{second}_{i}_{j}"), map(float, matrix @ pair), strict=True)
    return found


def write_keywords(product, approximation):
    """Write the keywords of an approximation in place of those that a product has.

    Parameters
    ----------
    product : Product
        Changed in place.
    approximation : Approximation
        What to write.
    """
    for header in product.headers.values():
        for keyword in STALE:
            if keyword in header:
                del header[keyword]
    for keyword, value in approximation.keywords.items():
        product[keyword] = value
