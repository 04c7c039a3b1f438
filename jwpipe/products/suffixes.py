"""The suffixes that a product's name may carry."""

__all__ = ["remove_suffix", "split_suffix"]

# Those that 1.14.1 knows: names of associations' products depend on this list, gaps included.
PEER = """
align_refs alignrefsstep ami ami-oi ami3pipeline ami_analyze ami_normalize amianalyzestep amiaveragestep amiavg aminorm
aminorm-oi aminormalizestep assign_mtwcs assign_wcs assignmtwcsstep assignwcsstep background backgroundstep
barshadowstep blot bsub bsubints c1d cal calints cat chargemigrationstep combine1dstep combine_1d coron3pipeline crf
crfints cube_build cubebuildstep cubeskymatchstep dark dark_current darkcurrentstep darkpipeline detector1pipeline
dq_init dqinitstep emicorr emicorrstep engdblog extract1dstep extract2dstep extract_1d extract_2d firstframe
firstframestep flat_field flatfieldstep fringe fringestep gain_scale gainscalestep group_scale groupscalestep
guider_cds guidercdsstep guiderpipeline hlsp hlspstep i2d image2pipeline image3pipeline imprint imprintstep ipc ipcstep
jump jumpstep klip klipstep lastframe lastframestep linearity linearitystep master_background masterbackgroundmosstep
masterbackgroundstep median mrs_imatch mrsimatchstep msaflagopenstep nsclean nscleanstep outlier_detection
outlier_detection_scaled outlier_detection_stack outlierdetectionscaledstep outlierdetectionstackstep
outlierdetectionstep pathloss pathlossstep persistence persistencestep phot photom photomstep pixelreplacestep
psf-amiavg psfalign psfstack psfsub ramp ramp_fit rampfitstep rate rateints refpix refpixstep resample resample_spec
resamplespecstep resamplestep reset resetstep residual_fringe residualfringestep rscd rscdstep s2d s3d saturation
saturationstep skymatch skymatchstep snr source_catalog sourcecatalogstep sourcetypestep spec2nrslamp spec2pipeline
spec3pipeline spectral_leak spectralleakstep srctype stackrefs stackrefsstep straylight straylightstep superbias
superbiasstep tso3pipeline tsophotometrystep tweakreg tweakregstep uncal wavecorrstep wfscmb wfscombine wfscombinestep
wfsscontamstep white_light whitelightstep whtlt x1d x1dints
"""
# Those that are missing there, though it writes them.
MISSING = """
0_ramp_fit 1_ramp_fit charge_migration fitopt gain_scaleints output_pers pixel_replace trapsfilled wavecorr
"""


KNOWN = frozenset(PEER.split())
WRITTEN = KNOWN | frozenset(MISSING.split())


def _split(name, suffixes):
    """Split at the longest suffix: `jump_ramp_fit` ends with ramp_fit, not with fit. Without one, None."""
    for i, letter in enumerate(name):
        if i and letter in "_-" and name[i + 1 :] in suffixes:
            return name[:i], letter
    return None


def remove_suffix(name):
    """Take a suffix that 1.14.1 knows, with its ``_`` or ``-``, off the end of a name.

    Parameters
    ----------
    name : str
        A product's name without directory and extension.

    Returns
    -------
    str
        The name without the suffix; the name itself where it carries none.
    """
    found = _split(name, KNOWN)
    return found[0] if found else name


def split_suffix(name):
    """Split a name at the suffix of any product.

    Parameters
    ----------
    name : str
        A product's name without directory and extension.

    Returns
    -------
    base, separator : str
        What stands before the suffix, and ``_`` or ``-``; the name itself and ``_`` where it carries none.
    """
    return _split(name, WRITTEN) or (name, "_")
