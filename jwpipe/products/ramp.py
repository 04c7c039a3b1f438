"""The ramp: counts of every group of every integration, and their flags."""

from jwpipe.errors import InputError
from jwpipe.products import modes
from jwpipe.products.product import Plane, Product, Table

__all__ = ["Ramp"]


class Ramp(Product):
    """An exposure up the ramp.

    Attributes
    ----------
    data : ndarray of float32, (nints, ngroups, ny, nx)
        Counts, DN.
    pixeldq : ndarray of uint32, (ny, nx)
        Flags of pixels (`jwpipe.products.dq.Pixel`).
    groupdq : ndarray of uint8, (nints, ngroups, ny, nx)
        Flags of groups (`jwpipe.products.dq.Group`).
    err : ndarray of float32 or None
        Unused by the steps; written as zeros, as in build 10.2.
    zeroframe : ndarray of float32, (nints, ny, nx), or None
        The first frame of each integration, DN; 0 where it cannot be used.
    refout : ndarray of float32, (nints, ngroups, ny, nx / 4), or None
        Reference output of the MIRI detectors, DN.
    average_dark_current : ndarray of float32, (ny, nx), or None
        Dark current, e-/s: its shot noise enters the variances of the slopes.
    """

    datamodl = "RampModel"
    suffix = "ramp"

    data = Plane("SCI", "f4", 4)
    pixeldq = Plane("PIXELDQ", "u4", 2, filled=True, constant=True)
    groupdq = Plane("GROUPDQ", "u1", 4, filled=True, constant=True)
    err = Plane("ERR", "f4", 4, constant=True)
    zeroframe = Plane("ZEROFRAME", "f4", 3)
    refout = Plane("REFOUT", "f4", 4)
    average_dark_current = Plane("AVDRKCUR", "f4", 2)
    group = Table("GROUP")
    int_times = Table("INT_TIMES")

    @classmethod
    def recognises(cls, header):
        stated = header.get("DATAMODL", "")
        return stated in ("", "Level1bModel", cls.datamodl) and not modes.guides(header)

    def check(self):
        super().check()
        nints, ngroups = self.shape[:2]
        for keyword, size in (("NGROUPS", ngroups), ("NINTS", nints)):
            stated = self.get(keyword)
            if stated is None:
                raise InputError(f"{self.path} has no {keyword} keyword")
            if keyword == "NINTS" and "INTSTART" in self and "INTEND" in self:
                stated = int(self["INTEND"]) - int(self["INTSTART"]) + 1  # a segment of an exposure
            if int(stated) != size:
                raise InputError(f"{self.path} states {keyword} = {stated}, but its SCI array has {size}")
