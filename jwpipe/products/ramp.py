"""The ramp: counts of every group of every integration, and their flags."""

import reprlib

from jwpipe.errors import InputError
from jwpipe.products import modes
from jwpipe.products.product import Plane, Product, Table

__all__ = ["Ramp"]

DATAMODLS = "", "Level1bModel", "RampModel", "MIRIRampModel"  # of files that hold ramps; the last in old builds


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
    before, groups_before : int
        Integrations of the file before these, and groups before the first of these, where it is a part of the exposure
        (`jwpipe.products.parts`).
    """

    datamodl = "RampModel"
    suffix = "ramp"
    before = groups_before = 0

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
        return header.get("DATAMODL", "") in DATAMODLS and not modes.guides(header)

    def check(self):
        super().check()
        if self.get("DATAMODL", "") not in DATAMODLS:
            raise InputError(f"{self.path} has DATAMODL = {self['DATAMODL']!r}, which is no ramp")
        modes.check_numbers(self)
        nints, ngroups, ny, nx = self.shape
        stated = {keyword: self[keyword] for keyword in ("NGROUPS", "NINTS")}
        stated |= {keyword: self.get(keyword, size) for keyword, size in (("SUBSIZE1", nx), ("SUBSIZE2", ny))}
        if "INTSTART" in self and "INTEND" in self:
            stated["NINTS"] = self["INTEND"] - self["INTSTART"] + 1  # a segment of an exposure
        if self["INSTRUME"] == "NIRSPEC" and ny > modes.full_frame("NIRSPEC")[1]:
            del stated["SUBSIZE2"]  # IRS2 readout: other samples stand among the detector's rows
        sizes = {"NGROUPS": ngroups, "NINTS": nints, "SUBSIZE1": nx, "SUBSIZE2": ny}
        for keyword, value in stated.items():
            if value != sizes[keyword]:
                value = reprlib.repr(value)
                raise InputError(f"{self.path} states {keyword} = {value}, but its SCI array has {sizes[keyword]}")
