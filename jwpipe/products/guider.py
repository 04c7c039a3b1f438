"""Exposures of the guiders: raw, and calibrated to count rates."""

from jwpipe.errors import InputError
from jwpipe.products import modes
from jwpipe.products.product import Plane, Product, Table

__all__ = ["TABLES", "GuiderCal", "GuiderRaw"]


class Guider(Product):
    """What raw and calibrated exposures of the guiders have in common.

    Attributes
    ----------
    planned_star_table, flight_star_table, pointing_table, centroid_table, track_sub_table : RawBlock or None
        Reference stars as planned and as found on board, pointing, centroids, and places of the track subarray.
    """

    planned_star_table = Table("PLANNED REFERENCE STARS")
    flight_star_table = Table("FLIGHT REFERENCE STARS")
    pointing_table = Table("POINTING")
    centroid_table = Table("FGS CENTROID PACKET")
    track_sub_table = Table("TRACK SUBARRAY TABLE")

    def __init_subclass__(cls, **options):
        super().__init_subclass__(**options)
        cls.declared += Guider.declared

    @classmethod
    def recognises(cls, header):
        return modes.guides(header) and (header.get("DATAMODL") == GuiderCal.datamodl) == (cls is GuiderCal)

    def check(self):
        super().check()
        if not modes.guides(self.headers["PRIMARY"]):
            raise InputError(f"{self.path} is no guider exposure: its EXP_TYPE is {self['EXP_TYPE']}")
        modes.check_numbers(self, ("TGROUP", "SUBSTRT1", "SUBSTRT2"))  # the others describe no ramp


# Names of the tables: no step reads them, all are passed on.
TABLES = tuple(table.name for table in Guider.declared)


class GuiderRaw(Guider):
    """A raw exposure of a guider.

    Attributes
    ----------
    data : ndarray of float32, (nints, ngroups, ny, nx)
        Counts, DN.
    err : ndarray of float32 or None
        Unused by the steps; written as zeros, as in build 10.2.
    dq : ndarray of uint32, (ny, nx)
        Flags (`jwpipe.products.dq.Pixel`).
    """

    datamodl = "GuiderRawModel"
    suffix = "uncal"

    data = Plane("SCI", "f4", 4)
    err = Plane("ERR", "f4", 4, constant=True)
    dq = Plane("DQ", "u4", 2, filled=True, constant=True)


class GuiderCal(Guider):
    """Count rates of a guider exposure (`cal`), one plane an integration; a single one of identification exposures.

    Attributes
    ----------
    data, err : ndarray of float32, (nints, ny, nx)
        Values and standard deviations, DN/s.
    dq : ndarray of uint32, (ny, nx)
        Flags (`jwpipe.products.dq.Pixel`).
    """

    datamodl = "GuiderCalModel"
    suffix = "cal"

    data = Plane("SCI", "f4", 3)
    err = Plane("ERR", "f4", 3, filled=True)
    dq = Plane("DQ", "u4", 2, filled=True)
