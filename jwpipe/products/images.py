"""Products after the ramp fit: count rates of an exposure and of its integrations."""

from jwpipe.products.product import Plane, Product, Table

__all__ = ["Cube", "Dark", "IFUImage", "Image", "MIRIDark", "RampFit", "TrapsFilled"]


class Image(Product):
    """One image: the count rates of an exposure (`rate`).

    Attributes
    ----------
    data, err : ndarray of float32, (ny, nx)
        Values and standard deviations, DN/s.
    dq : ndarray of uint32, (ny, nx)
        Flags (`jwpipe.products.dq.Pixel`).
    var_poisson, var_rnoise : ndarray of float32, (ny, nx)
        Variances by photon noise and by read noise, (DN/s)^2.
    """

    datamodl = "ImageModel"
    suffix = "rate"

    data = Plane("SCI", "f4", 2)
    err = Plane("ERR", "f4", 2, filled=True)
    dq = Plane("DQ", "u4", 2, filled=True)
    var_poisson = Plane("VAR_POISSON", "f4", 2)
    var_rnoise = Plane("VAR_RNOISE", "f4", 2)


class IFUImage(Image):
    """An `Image` of an integral field unit."""

    datamodl = "IFUImageModel"


class Cube(Product):
    """One image an integration (`rateints`); fields as of `Image`, with a leading axis of integrations."""

    datamodl = "CubeModel"
    suffix = "rateints"

    data = Plane("SCI", "f4", 3)
    err = Plane("ERR", "f4", 3, filled=True)
    dq = Plane("DQ", "u4", 3, filled=True)
    int_times = Table("INT_TIMES")
    var_poisson = Plane("VAR_POISSON", "f4", 3)
    var_rnoise = Plane("VAR_RNOISE", "f4", 3)


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


class MIRIDark(Product):
    """A `Dark` of MIRI, with a leading axis of integrations; ``dq`` has a single plane an integration."""

    datamodl = "DarkMIRIModel"
    suffix = "dark"

    data = Plane("SCI", "f4", 4)
    dq = Plane("DQ", "u4", 4)
    err = Plane("ERR", "f4", 4)
