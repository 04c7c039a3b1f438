"""How bright things are in a filter, and what a detector makes of it.

Round numbers of the telescope in place of measured curves: the name of a filter tells its wavelength and its width.
"""

import re
from dataclasses import dataclass

import numpy as np

__all__ = ["REFERENCE", "Bandpass", "flux", "magnitude"]

COLLECTING = 25.4  # m^2
PLANCK = 6.62607015e-34  # J s
JANSKY = 1e-26  # W/m^2/Hz
ZERO_POINT = 3631.0  # Jy of AB magnitude 0
WIDTHS = {"W2": 0.5, "W": 0.25, "M": 0.1, "N": 0.01, "WR": 0.25}  # relative to the wavelength, by the filter's kind
REFERENCE = 2.0  # um
SQUARE_ARCSEC = (np.pi / 180 / 3600) ** 2  # sr


def flux(ab_magnitude):
    """Flux in Jy of an AB magnitude."""
    return ZERO_POINT * 10 ** (-0.4 * np.asarray(ab_magnitude))


def magnitude(jansky):
    """AB magnitude of a flux in Jy."""
    return -2.5 * np.log10(np.asarray(jansky) / ZERO_POINT)


@dataclass(frozen=True)
class Bandpass:
    """A filter before a detector.

    Attributes
    ----------
    wavelength : float
        um.
    width : float
        Relative to the wavelength.
    throughput : float
        Electrons a photon, from the primary mirror on.
    """

    wavelength: float
    width: float
    throughput: float

    @classmethod
    def of(cls, name, throughput):
        """Make a bandpass of the name of a filter; that of a camera without filters is wide."""
        parts = re.fullmatch(r"F(\d+)(W2|WR|W|M|N)", name)
        if parts is None:
            return cls(2.5, 1.2, throughput)
        return cls(int(parts[1]) / 100, WIDTHS[parts[2]], throughput)

    @property
    def electrons_a_jansky(self):
        """Electrons a second that a source of 1 Jy sets free."""
        return JANSKY * COLLECTING * self.throughput * self.width / PLANCK

    def conversion(self, gain, pixel_area):
        """PHOTMJSR, (MJy/sr)/(DN/s), for a gain in e-/DN and a pixel in square arcsec."""
        return gain / (1e6 * self.electrons_a_jansky * pixel_area * SQUARE_ARCSEC)

    @property
    def vega_offset(self):
        """AB less Vega magnitude: a star's spectrum falls with the square of the wavelength."""
        return 1.7 + 5 * np.log10(self.wavelength / REFERENCE)
