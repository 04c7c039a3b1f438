"""Images: count rates of an exposure and of its integrations, calibrated ones, mosaics."""

from jwpipe.products.product import Plane, Product, Table

__all__ = [
    "Cube",
    "Dark",
    "Flat",
    "IFUImage",
    "Image",
    "MIRIDark",
    "RampFit",
    "Resampled",
    "Segmentation",
    "TrapsFilled",
]


class Image(Product):
    """One image: the count rates of an exposure (`rate`), or its surface brightness (`cal`).

    Attributes
    ----------
    data, err : ndarray of float32, (ny, nx)
        Values and standard deviations, DN/s or MJy/sr (BUNIT).
    dq : ndarray of uint32, (ny, nx)
        Flags (`jwpipe.products.dq.Pixel`).
    area : ndarray of float32, (ny, nx) or None
        Area of each pixel on the sky, relative to PIXAR_SR.
    var_poisson, var_rnoise, var_flat : ndarray of float32, (ny, nx)
        Variances by photon noise, read noise and the flat field, in the squared unit of `data`.
    """

    datamodl = "ImageModel"
    suffix = "rate"

    data = Plane("SCI", "f4", 2)
    err = Plane("ERR", "f4", 2, filled=True)
    dq = Plane("DQ", "u4", 2, filled=True)
    area = Plane("AREA", "f4", 2)
    var_poisson = Plane("VAR_POISSON", "f4", 2)
    var_rnoise = Plane("VAR_RNOISE", "f4", 2)
    var_flat = Plane("VAR_FLAT", "f4", 2)


class IFUImage(Image):
    """An `Image` of an integral field unit."""

    datamodl = "IFUImageModel"


class Cube(Product):
    """One image an integration (`rateints`, `calints`); fields as of `Image`, with a leading axis of integrations."""

    datamodl = "CubeModel"
    suffix = "rateints"

    data = Plane("SCI", "f4", 3)
    err = Plane("ERR", "f4", 3, filled=True)
    dq = Plane("DQ", "u4", 3, filled=True)
    area = Plane("AREA", "f4", 2)
    int_times = Table("INT_TIMES")
    var_poisson = Plane("VAR_POISSON", "f4", 3)
    var_rnoise = Plane("VAR_RNOISE", "f4", 3)
    var_flat = Plane("VAR_FLAT", "f4", 3)


class _Combined(Product):
    """Base of what is made of several exposures."""

    combined = True

    @classmethod
    def like(cls, other):
        """Make an empty product with the headers of another.

        What is unknown (extensions, keywords, entries of the ASDF tree, coordinates among them) stays behind: it is of
        one exposure and its pixels.
        """
        from jwpipe.products.blend import forget  # stage 1 has no use for it

        self = super().like(other)
        self.extras, self.tree, self._wcs = [], None, None
        forget(self.headers)
        return self


class Resampled(_Combined):
    """Exposures combined on one grid (`i2d`).

    Attributes
    ----------
    data, err : ndarray of float32, (ny, nx)
        Surface brightness and its standard deviation, MJy/sr.
    con : ndarray of int32, (nplanes, ny, nx)
        Which exposures went into a pixel: bit ``i % 32`` of plane ``i // 32`` stands for exposure ``i``.
    wht : ndarray of float32, (ny, nx)
        Sum of the weights.
    var_poisson, var_rnoise, var_flat : ndarray of float32, (ny, nx)
        Variances, (MJy/sr)^2.
    hdrtab : RawBlock or None
        Keywords of the exposures, a row each.
    """

    datamodl = "ImageModel"
    suffix = "i2d"

    data = Plane("SCI", "f4", 2)
    err = Plane("ERR", "f4", 2)
    con = Plane("CON", "i4", 3)
    wht = Plane("WHT", "f4", 2)
    var_poisson = Plane("VAR_POISSON", "f4", 2)
    var_rnoise = Plane("VAR_RNOISE", "f4", 2)
    var_flat = Plane("VAR_FLAT", "f4", 2)
    hdrtab = Table("HDRTAB")

    @classmethod
    def recognises(cls, header):
        return super().recognises(header) and header.get("S_RESAMP") == "COMPLETE"


class Segmentation(_Combined):
    """Which source each pixel of a mosaic belongs to (`segm`).

    Attributes
    ----------
    data : ndarray of uint32, (ny, nx)
        Label in the catalogue; 0 where there is none.
    """

    datamodl = "SegmentationMapModel"
    suffix = "segm"

    data = Plane("SCI", "u4", 2)


class RampFit(Product):
    """What the fit of every segment of every ramp gave (`fitopt`).

    Attributes
    ----------
    slope, sigslope, var_poisson, var_rnoise, yint, sigyint, weights : ndarray of float32, (nints, nsegments, ny, nx)
        Slope and its uncertainty (DN/s), variances ((DN/s)^2), intercept and its uncertainty (DN), weight.
    pedestal : ndarray of float32, (nints, ny, nx)
        Signal at zero exposure time, DN.
    crmag : ndarray of float32, (nints, ncr, ny, nx)
        Height of the jumps, DN.
    """

    datamodl = "RampFitOutputModel"
    suffix = "fitopt"

    slope = Plane("SLOPE", "f4", 4)
    sigslope = Plane("SIGSLOPE", "f4", 4)
    var_poisson = Plane("VAR_POISSON", "f4", 4)
    var_rnoise = Plane("VAR_RNOISE", "f4", 4)
    yint = Plane("YINT", "f4", 4)
    sigyint = Plane("SIGYINT", "f4", 4)
    pedestal = Plane("PEDESTAL", "f4", 3)
    weights = Plane("WEIGHTS", "f4", 4)
    crmag = Plane("CRMAG", "f4", 4)


class TrapsFilled(Product):
    """Charge traps filled at the end of an exposure (`trapsfilled`).

    Attributes
    ----------
    data : ndarray of float32, (nfamilies, ny, nx)
        Filled traps of each family, DN, over the full frame.
    """

    datamodl = "TrapsFilledModel"
    suffix = "trapsfilled"

    data = Plane("SCI", "f4", 3)


class Dark(Product):
    """The dark as it was subtracted, a plane a group.

    Attributes
    ----------
    data, err : ndarray of float32, (ngroups, ny, nx)
        Dark signal and its standard deviation, DN.
    dq : ndarray of uint32, (ny, nx)
        Flags (`jwpipe.products.dq.Pixel`).
    """

    datamodl = "DarkModel"
    suffix = "dark"

    data = Plane("SCI", "f4", 3)
    dq = Plane("DQ", "u4", 2)
    err = Plane("ERR", "f4", 3)


class Flat(Product):
    """The flat as it was used (`interpolatedflat`).

    Attributes
    ----------
    data, err : ndarray of float32, (ny, nx)
        Relative response and its standard deviation.
    dq : ndarray of uint32, (ny, nx)
        Flags (`jwpipe.products.dq.Pixel`).
    """

    datamodl = "FlatModel"
    suffix = "interpolatedflat"

    data = Plane("SCI", "f4", 2)
    dq = Plane("DQ", "u4", 2)
    err = Plane("ERR", "f4", 2)

    @classmethod
    def of(cls, product, data, err, dq):
        """Make the flat of an exposure, with its keywords."""
        self = cls.like(product)
        self.data, self.err, self.dq = data, err, dq
        return self


class MIRIDark(Product):
    """A `Dark` of MIRI, with a leading axis of integrations; ``dq`` has a single plane an integration."""

    datamodl = "DarkMIRIModel"
    suffix = "dark"

    data = Plane("SCI", "f4", 4)
    dq = Plane("DQ", "u4", 4)
    err = Plane("ERR", "f4", 4)
