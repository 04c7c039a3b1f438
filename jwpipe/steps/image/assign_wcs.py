"""Give an exposure its coordinates."""

from typing import Annotated

from jwpipe.engine.params import AtLeast, AtMost, Help, StepParams
from jwpipe.engine.runner import References, Run
from jwpipe.engine.step import Skip, step
from jwpipe.errors import StepError
from jwpipe.products.images import Cube, IFUImage, Image

__all__ = ["assign_wcs"]

REFERENCES = """
    distortion filteroffset specwcs regions wavelengthrange camera collimator disperser fore fpa msa ote ifupost ifufore
    ifuslicer
    """.split()

# Exposures that look at no sky, or not through the camera.
NOWHERE = ("DARK", "FLAT", "LED", "LAMP", "GRISM", "EXTCAL", "WFSC", "ID-STACK", "ID-IMAGE", "ACQ1", "ACQ2")
NOWHERE += ("TRACK", "FINEGUIDE")


class Params(StepParams):
    """Parameters of `assign_wcs`."""

    sip_approx: Annotated[bool, Help("approximate the coordinates of images by SIP keywords")] = True
    sip_max_pix_error: Annotated[float, Help("largest deviation of the approximation, pixels"), AtLeast(0)] = 0.1
    sip_degree: Annotated[
        int | None, Help("degree of the polynomials; None: the lowest that will do"), AtLeast(1), AtMost(6)
    ] = None
    sip_max_inv_pix_error: Annotated[
        float, Help("largest deviation of its inverse, pixels; 0: no inverse"), AtLeast(0)
    ] = 0.1
    sip_inv_degree: Annotated[
        int | None, Help("degree of the inverse; None: the lowest that will do"), AtLeast(1), AtMost(6)
    ] = None
    sip_npoints: Annotated[int, Help("points along each axis at which the polynomials are fitted"), AtLeast(8)] = 12
    slit_y_low: Annotated[float, Help("lower edge of a slit, of its height; of no effect on images")] = -0.55
    slit_y_high: Annotated[float, Help("upper edge of a slit, of its height; of no effect on images")] = 0.55


@step(
    "assign_wcs",
    status="S_WCS",
    peer="jwst.assign_wcs.assign_wcs_step.AssignWcsStep",
    references=REFERENCES,
    optional=REFERENCES,
    params=Params,
)
def assign_wcs(product: Image | Cube | IFUImage, refs: References, par: Params, run: Run) -> Image | Cube | IFUImage:
    """Give an exposure its coordinates.

    Parameters
    ----------
    product : Image or Cube
        Count rates. It is given coordinates (``wcs``, in the ASDF extension), S_REGION, and the keywords of a tangent
        plane with SIP polynomials.
    refs : References
        ``distortion``: from pixels to the telescope's field; without it the step is skipped. ``filteroffset``: shifts
        of filters.
    par : Params
        Parameters.
    run : Run
        Log.

    Returns
    -------
    Image or Cube
        The same.

    Raises
    ------
    InputError
        Keywords of the pointing are missing or make no sense.
    ReferenceError
        A reference cannot be read, or is of another detector.
    StepError
        The exposure is one of spectra, whose coordinates are not known yet.
    """
    from jwpipe.wcs.imaging import EXP_TYPES, imaging_wcs
    from jwpipe.wcs.region import footprint, polygon
    from jwpipe.wcs.sip import approximate, write_keywords

    kind = product["EXP_TYPE"]
    if kind not in EXP_TYPES:
        if kind.partition("_")[2].startswith(NOWHERE):
            raise Skip(f"an exposure of {kind} has no coordinates on the sky")
        raise StepError(f"{product.path} is of {kind}, of whose coordinates assign_wcs knows nothing yet")
    paths = {reftype: refs.path(reftype) for reftype in REFERENCES}
    if paths["distortion"] is None:
        raise Skip("no distortion reference applies to this exposure")
    wcs = imaging_wcs(product, paths["distortion"], paths["filteroffset"])
    product.wcs = wcs
    region = polygon(*footprint(wcs, product.shape))
    if region is None:
        raise StepError(f"{product.path}: the corners of the image are nowhere on the sky; see its pointing")
    product["S_REGION"] = region
    if par.sip_approx:
        crpix = [product.get(keyword) for keyword in ("CRPIX1", "CRPIX2")]
        made = approximate(
            wcs,
            max_error=par.sip_max_pix_error,
            degree=par.sip_degree,
            max_inverse_error=par.sip_max_inv_pix_error,
            inverse_degree=par.sip_inv_degree,
            points=par.sip_npoints,
            crpix=crpix if all(type(value) in (int, float) for value in crpix) else None,
        )
        if made is None:
            raise StepError(f"{product.path}: the reference pixel {crpix} or the image is nowhere on the sky")
        write_keywords(product, made)
        if made.error > par.sip_max_pix_error and par.sip_degree is None:
            run.log.warning("%s: SIP keywords deviate by up to %.2g pixels", product.path, made.error)
    return product
