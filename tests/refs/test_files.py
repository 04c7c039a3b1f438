"""Reading reference files: windows, bands and planes."""

import numpy as np
import pytest
from astropy.io import fits
from builders import make_ramp, make_references, write_reference

from jwpipe.errors import InputError, ReferenceError

STACK = np.arange(2 * 3 * 20 * 15, dtype="f4").reshape(2, 3, 20, 15)


@pytest.mark.parametrize("place", [(1, 1, 15, 20), (1, 5, 15, 9), (4, 6, 8, 10)])
def test_arrays_are_cut_to_the_exposure_whole_in_bands_and_by_plane(place, tmp_path):
    x, y, nx, ny = place
    ramp = make_ramp(np.zeros((1, 1, ny, nx)), SUBSTRT1=x, SUBSTRT2=y)
    reference = make_references(ramp, dark=write_reference(tmp_path / "d.fits", {"SCI": STACK}))["dark"]
    cut = STACK[:, :, y - 1 : y - 1 + ny, x - 1 : x - 1 + nx]
    np.testing.assert_array_equal(reference.array(), cut)
    np.testing.assert_array_equal(reference.array(dtype="f8", rows=slice(3, 7)), cut[:, :, 3:7])
    plane = np.empty((ny, nx), "f4")
    reference.read_plane((1, 2), plane)
    np.testing.assert_array_equal(plane, cut[1, 2])
    np.testing.assert_array_equal(reference.whole(), STACK)


def test_an_exposure_beyond_the_reference_is_refused(tmp_path):
    ramp = make_ramp(np.zeros((1, 1, 4, 4)), SUBSTRT1=14)
    reference = make_references(ramp, dark=write_reference(tmp_path / "d.fits", {"SCI": STACK}))["dark"]
    with pytest.raises(ReferenceError, match="does not cover"):
        reference.array()


@pytest.mark.parametrize("stated", ["DARK", "dark", "", None])
def test_the_type_of_a_reference_may_be_missing(stated, tmp_path):
    keywords = {} if stated is None else {"REFTYPE": stated}
    path = write_reference(tmp_path / "d.fits", {"SCI": STACK}, **keywords)
    assert make_references(make_ramp(np.zeros((1, 1, 20, 15))), dark=path)["dark"].shape() == STACK.shape


def test_a_reference_of_another_type_is_refused(tmp_path):
    path = write_reference(tmp_path / "f.fits", {"SCI": STACK}, REFTYPE="FLAT")
    with pytest.raises(ReferenceError, match=r"f.fits is of type FLAT, where a reference of type dark is wanted"):
        make_references(make_ramp(np.zeros((1, 1, 20, 15))), dark=path)["dark"]


@pytest.mark.parametrize(
    ("reftype", "extname", "shape"),
    [
        *((reftype, "SCI", (1, 1, 20, 15)) for reftype in ("saturation", "superbias", "gain", "readnoise")),
        ("mask", "DQ", (2, 20, 15)),
        ("dark", "SCI", (15,)),
        ("dark", "AVDRKCUR", (3, 20, 15)),
        ("linearity", "COEFFS", (20, 15)),
        ("ipc", "SCI", (3,)),
    ],
)
def test_arrays_of_other_dimensions_are_refused(reftype, extname, shape, tmp_path):
    hdus = [fits.PrimaryHDU(), fits.ImageHDU(np.zeros(shape, "f4"), name=extname)]
    fits.HDUList(hdus).writeto(tmp_path / "r.fits")
    reference = make_references(make_ramp(np.zeros((1, 1, 20, 15))), **{reftype: tmp_path / "r.fits"})[reftype]
    for read in (reference.shape, reference.array, reference.whole):
        with pytest.raises(ReferenceError, match=f"{extname} has {len(shape)} dimensions, .* wanted"):
            read(extname)


@pytest.mark.parametrize("reftype", ["dark", "ipc"])
def test_a_table_in_the_place_of_an_image_is_refused(reftype, tmp_path):
    table = fits.BinTableHDU.from_columns([fits.Column("a", "J", array=[1, 2])], name="SCI")
    fits.HDUList([fits.PrimaryHDU(), table]).writeto(tmp_path / "r.fits")
    reference = make_references(make_ramp(np.zeros((1, 1, 20, 15))), **{reftype: tmp_path / "r.fits"})[reftype]
    for read in (reference.shape, reference.array, reference.whole):
        with pytest.raises(ReferenceError, match="has no image in SCI"):
            read()


def test_who_does_not_say_where_it_lies_is_blamed(tmp_path):
    ramp = make_ramp(np.zeros((1, 1, 4, 4)))
    path = write_reference(tmp_path / "d.fits", {"SCI": STACK}, SUBSTRT1="abc")
    with pytest.raises(ReferenceError, match=r"dark reference d.fits has SUBSTRT1 = 'abc'"):
        make_references(ramp, dark=path)["dark"].array()
    del ramp.headers["PRIMARY"]["SUBSTRT1"]
    with pytest.raises(InputError, match="no SUBSTRT1"):
        make_references(ramp, dark=write_reference(tmp_path / "e.fits", {"SCI": STACK}))["dark"].array()


def test_keywords_and_flag_tables_that_make_no_sense_are_told(tmp_path):
    ramp = make_ramp(np.zeros((1, 1, 4, 4)))
    rows = fits.BinTableHDU(np.zeros(2, [("BIT", "i4")]), name="DQ_DEF")
    path = write_reference(
        tmp_path / "d.fits", {"SCI": np.zeros((4, 4)), "DQ": np.zeros((4, 4), "i4")}, [rows], NFRAMES="x"
    )
    reference = make_references(ramp, mask=path)["mask"]
    assert reference.number("GROUPGAP") is None
    with pytest.raises(ReferenceError, match="has NFRAMES = 'x', which is no number"):
        reference.number("NFRAMES")
    with pytest.raises(ReferenceError, match="DQ_DEF without NAME and VALUE"):
        reference.dq()
