"""Images of a point source."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

__all__ = ["Fringes", "Optics"]


@dataclass(frozen=True)
class Optics:
    """Shape of a star's image: a Moffat profile.

    Attributes
    ----------
    fwhm : float
        Full width at half maximum, pixels.
    wings : float
        Exponent; the smaller, the stronger the wings.
    """

    fwhm: float
    wings: float

    @property
    def peak(self):
        """Part of a star's light that falls into the central pixel, roughly."""
        return (self.wings - 1) / np.pi / self._core**2

    @property
    def _core(self):
        return self.fwhm / 2 / np.sqrt(2 ** (1 / self.wings) - 1)

    def profile(self, x, y):
        """Surface brightness of a star of unit flux.

        Parameters
        ----------
        x, y : ndarray
            Distances from its centre, pixels.

        Returns
        -------
        ndarray
        """
        return self.peak * (1 + (x**2 + y**2) / self._core**2) ** -self.wings


# Middles of the seven holes of the mask, m, and the width of one from flat to flat. Source: JWST User Documentation,
# "NIRISS Non-Redundant Mask".
HOLES = np.array(
    [
        (0.0, -2.64),
        (-2.28631, 0.0),
        (2.28631, -1.32),
        (-2.28631, 1.32),
        (-1.14315, 1.98),
        (2.28631, 1.32),
        (1.14315, 1.98),
    ]
)
HOLE = 0.8


@dataclass(frozen=True)
class Fringes:
    """Interferogram of the non-redundant mask: fringes of 21 baselines under the envelope of one hole.

    Attributes
    ----------
    wavelength : float
        m.
    scale : float
        Pixel size, arcsec.
    """

    wavelength: float
    scale: float

    @cached_property
    def peak(self):
        """Part of a star's light that falls into the central pixel, roughly."""
        y, x = np.mgrid[-40:40:0.5, -40:40:0.5]
        return 1 / (self._shape(x, y).sum() / 4)

    def profile(self, x, y):
        """Surface brightness of a star of unit flux, see `Optics.profile`."""
        return self.peak * self._shape(x, y)

    def _shape(self, x, y):
        step = np.deg2rad(self.scale / 3600) / self.wavelength  # waves a metre and pixel
        waves = sum(np.exp(2j * np.pi * step * (u * x + v * y)) for u, v in HOLES)
        # A Gaussian as wide as the diffraction image of a hole.
        envelope = np.exp(-((np.pi * step * HOLE * 0.95 / 2) ** 2) * (x**2 + y**2))
        return np.abs(waves / len(HOLES)) ** 2 * envelope
