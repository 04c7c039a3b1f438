"""Products on disk: nothing is lost, nothing half-written appears."""

import errno
import gzip
import math

import numpy as np
import pytest
from astropy.io import fits
from builders import make_ramp
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jwpipe.errors import InputError, OutputError, UsageError
from jwpipe.products import fitsfile, modes
from jwpipe.products.images import Cube, Image
from jwpipe.products.keywords import check_keyword, read_value
from jwpipe.products.ramp import Ramp

TREE = b"""#ASDF 1.0.0
#ASDF_STANDARD 1.5.0
%YAML 1.1
%TAG ! tag:stsci.edu:asdf/
--- !core/asdf-1.1.0
data: !core/ndarray-1.0.0
  source: fits:SCI,1
  datatype: uint16
  byteorder: big
  shape: [1, 2, 4, 4]
meta: {model_type: Level1bModel, odd: !unit/quantity-1.1.0 {unit: s, value: 3.5}}
mine: [1, 2]
...
"""


def write_uncal(path, counts, extra=(), **keywords):
    """A raw exposure as astropy writes it."""
    primary = fits.PrimaryHDU()
    shape = {"NINTS": counts.shape[0], "NGROUPS": counts.shape[1]}
    mode = {"INSTRUME": "NIRCAM", "DETECTOR": "NRCA1", "EXP_TYPE": "NRC_IMAGE", "DATAMODL": "Level1bModel"}
    for keyword, value in (mode | shape | keywords).items():
        primary.header[keyword] = value
    fits.HDUList([primary, fits.ImageHDU(counts, name="SCI"), *extra]).writeto(path, overwrite=True)
    return path


@pytest.fixture
def counts():
    return np.random.default_rng(2).integers(0, 65536, (2, 3, 20, 31), "u2")


@pytest.mark.parametrize("threads", [1, 2, 8])
def test_raw_counts_become_floats(tmp_path, counts, threads):
    ramp = Ramp.read(write_uncal(tmp_path / "x_uncal.fits", counts), threads)
    assert ramp.data.dtype == np.float32
    np.testing.assert_array_equal(ramp.data, counts)
    assert ramp.groupdq.shape == counts.shape
    assert ramp.pixeldq.shape == (20, 31)
    assert ramp.zeroframe is None


@pytest.mark.parametrize("dtype", ["u1", "i2", "u2", "i4", "u4", "i8", "f4", "f8"])
def test_every_type_of_image_is_read_as_astropy_reads_it(tmp_path, dtype):
    rng = np.random.default_rng(3)
    array = (rng.random((3, 5, 7)) * 100).astype(dtype)
    if dtype == "u4":
        array[0, 0] = 0xFFFFFFF0
    fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(array, name="X")]).writeto(tmp_path / "a.fits")
    extension = fitsfile.FitsFile(tmp_path / "a.fits")["X"]
    np.testing.assert_array_equal(extension.read(), array)
    assert extension.read().dtype == array.dtype
    np.testing.assert_array_equal(extension.read(index=(2,)), array[2])
    np.testing.assert_array_equal(extension.window(slice(1, 4), slice(2, 7)), array[:, 1:4, 2:7])


def test_what_a_product_does_not_know_goes_through(tmp_path, counts):
    table = fits.BinTableHDU.from_columns([fits.Column("a", "1PJ()", array=[[1, 2], [3]])], name="ODDTABLE")
    image = fits.ImageHDU(np.arange(6, dtype="i2").reshape(2, 3), name="ODDIMAGE", ver=2)
    image.header["ODDKEY"] = (7, "kept")
    column = fits.Column("ASDF_METADATA", f"{len(TREE)}B", array=np.frombuffer(TREE, "u1")[None])
    tree = fits.BinTableHDU.from_columns([column], name="ASDF")
    path = write_uncal(tmp_path / "x_uncal.fits", counts, [table, image, tree], **{"HIERARCH odd keyword": 3.25})
    before = path.read_bytes()
    ramp = Ramp.read(path)
    rate = Image.like(ramp)
    rate.data = ramp.data[0, 0]
    for product, name in ((ramp, "x_ramp.fits"), (rate, "x_rate.fits")):
        product.write(tmp_path / name)
        with fits.open(tmp_path / name) as hdus:
            assert hdus[0].header["odd keyword"] == 3.25
            assert hdus[0].header["FILENAME"] == name
            np.testing.assert_array_equal(hdus["ODDIMAGE", 2].data, image.data)
            assert hdus["ODDIMAGE", 2].header["ODDKEY"] == 7
            assert [list(row) for row in hdus["ODDTABLE"].data["a"]] == [[1, 2], [3]]
            text = hdus["ASDF"].data["ASDF_METADATA"].tobytes().decode()
            assert "!unit/quantity-1.1.0" in text
            assert "mine" in text
            assert "fits:SCI" not in text
            assert "Level1bModel" not in text
    assert path.read_bytes() == before


def test_a_product_comes_back_as_it_was(tmp_path):
    rng = np.random.default_rng(4)
    cube = Cube.like(make_ramp(np.zeros((1, 2, 9, 11))))
    cube.data = rng.normal(size=(2, 9, 11))
    cube.data[0, 0, :3] = np.nan, np.inf, -0.0
    cube.err = rng.random((2, 9, 11))
    cube.dq = rng.integers(0, 2**32, (2, 9, 11), "u4")
    cube["BUNIT"] = "DN/s"
    cube.write(tmp_path / "x_rateints.fits")
    back = Cube.read(tmp_path / "x_rateints.fits")
    for name in ("data", "err", "dq"):
        assert getattr(back, name).tobytes() == getattr(cube, name).tobytes()
    assert back.var_poisson is None
    assert back["BUNIT"] == "DN/s"
    with fits.open(tmp_path / "x_rateints.fits") as hdus:
        hdus.verify("exception")
        np.testing.assert_array_equal(hdus["DQ"].data, cube.dq)


def test_zeros_that_nobody_made_are_written_without_being_made(tmp_path):
    ramp = make_ramp(np.zeros((2, 5, 200, 301)))
    ramp.write(tmp_path / "a_ramp.fits")
    with fits.open(tmp_path / "a_ramp.fits") as hdus:
        assert hdus["ERR"].data.shape == ramp.data.shape
        assert not hdus["ERR"].data.any()
        assert not hdus["GROUPDQ"].data.any()
    assert "err" not in ramp.fields


def test_tables_are_read_as_astropy_reads_them(tmp_path):
    rows = np.zeros(3, [("name", "S7"), ("flag", "u4"), ("small", "i2"), ("pair", "f8", (2,)), ("grid", "f4", (2, 3))])
    rows["name"], rows["flag"], rows["small"] = [b"a", b"bc ", b""], [1, 2**31, 2**32 - 1], [-5, 0, 32767]
    rows["pair"], rows["grid"] = [[1, np.nan]] * 3, np.arange(18).reshape(3, 2, 3)
    fits.HDUList([fits.PrimaryHDU(), fits.BinTableHDU(rows, name="T")]).writeto(tmp_path / "t.fits")
    table = fitsfile.FitsFile(tmp_path / "t.fits")["T"].table()
    assert table["name"].tolist() == ["a", "bc", ""]
    for name in ("flag", "small", "pair", "grid"):
        np.testing.assert_array_equal(table[name], rows[name])


VALUES = st.one_of(
    st.booleans(),
    st.integers(-(10**15), 10**15),
    st.integers(-(10**12), 10**12).map(lambda i: i / 1000),  # a card holds no more than 16 digits
    st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=60),
)


@given(st.dictionaries(st.from_regex(r"Z[A-Z0-9_-]{0,6}", fullmatch=True), VALUES, max_size=6))
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_keyword_survives(tmp_path, keywords):
    ramp = make_ramp(np.zeros((1, 2, 3, 3)))
    for keyword, value in keywords.items():
        ramp.headers["PRIMARY"][keyword] = value
    ramp.write(tmp_path / "a_ramp.fits")
    back = Ramp.read(tmp_path / "a_ramp.fits").headers["PRIMARY"]
    assert {keyword: back[keyword] for keyword in keywords} == {
        keyword: ramp.headers["PRIMARY"][keyword] for keyword in keywords
    }


def changed(content, keyword, text):
    """A file's bytes with another value on the first card of a keyword."""
    start = content.index(f"{keyword:<8}=".encode())
    return content[:start] + f"{keyword:<8}= {text:>20}".ljust(80).encode() + content[start + 80 :]


IMPOSSIBLE = {
    modes.COUNT: (0, -1, 2.5, math.inf, "x", True),
    modes.FROM_ZERO: (-1, 0.5, "x"),
    modes.AXIS: (0, 7, 1.5, 3.0, "x"),
    modes.POSITIVE: (0, -1.0, "x", math.nan),
}


@pytest.mark.parametrize("keyword", modes.NUMBERS)
def test_impossible_numbers_are_refused(keyword):
    ramp = make_ramp(np.zeros((1, 2, 3, 4)))
    modes.check_numbers(ramp)
    for value in IMPOSSIBLE[modes.NUMBERS[keyword]]:
        ramp.get = {keyword: value}.get  # a header holds no NaN
        with pytest.raises(InputError, match=f"has {keyword} = .*, which is not"):
            modes.check_numbers(ramp)


@pytest.mark.parametrize("keyword", [name for name in modes.NUMBERS if modes.NUMBERS[name] is not modes.POSITIVE])
def test_whole_numbers_written_with_a_point_are_such(keyword):
    ramp = make_ramp(np.zeros((1, 2, 3, 4)), **{keyword: 1.0})
    modes.check_numbers(ramp)
    assert (ramp[keyword], type(ramp[keyword])) == (1, int)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("TOO-LONG-BY", 1, "is no FITS keyword"),
        ("A B", 1, "is no FITS keyword"),
        ("NAXIS1", 3, "how the file is laid out"),
        ("HISTORY", "x", "how the file is laid out"),
        ("FILTER", "", "is no value"),
        ("FILTER", "x" * 69, "is no value"),
        ("FILTER", "caf\u00e9", "is no value"),
        ("TFRAME", math.nan, "is no value"),
        ("TFRAME", [1], "is no value"),
    ],
)
def test_keywords_that_cannot_be_given_are_refused(name, value, message):
    with pytest.raises(UsageError, match=message):
        check_keyword(name, value)


def test_values_of_keywords_are_read_as_written():
    texts = ["1", "-2", "2.5", ".5", "1e-3", "T", "F", "MIR_IMAGE", "1.0.1", "nan", "2022-01-01"]
    values = [1, -2, 2.5, 0.5, 1e-3, True, False, "MIR_IMAGE", "1.0.1", "nan", "2022-01-01"]
    assert [(read_value(text), type(read_value(text))) for text in texts] == [(v, type(v)) for v in values]
    assert check_keyword("exp_type", "MIR_IMAGE") == ("EXP_TYPE", "MIR_IMAGE")


def test_numbers_that_no_step_asks_for_may_be_missing(tmp_path, counts):
    Ramp.read(write_uncal(tmp_path / "few.fits", counts))


def test_the_rows_of_irs2_readout_are_more_than_the_detector_has(tmp_path):
    counts = np.zeros((1, 1, 3200, 2048), "u1")
    mode = {"INSTRUME": "NIRSPEC", "DETECTOR": "NRS1", "EXP_TYPE": "NRS_IFU", "SUBSIZE1": 2048, "SUBSIZE2": 2048}
    assert Ramp.read(write_uncal(tmp_path / "irs2.fits", counts, **mode)).shape == counts.shape


def test_an_extension_found_twice_is_refused(tmp_path, counts):
    again = [fits.ImageHDU(counts, name="SCI", ver=2), fits.ImageHDU(counts, name="SCI")]
    Ramp.read(write_uncal(tmp_path / "versions.fits", counts, again[:1]))
    with pytest.raises(InputError, match="more than one SCI extension"):
        Ramp.read(write_uncal(tmp_path / "twice.fits", counts, again))


def test_odd_headers_are_read_in_silence(tmp_path, counts, recwarn):
    content = write_uncal(tmp_path / "odd.fits", counts, TARGNAME="cafe", zz="x").read_bytes()
    content = content.replace(b"'cafe ", b"'caf\xe9 ").replace(b"ZZ      =", b"z z     =")
    (tmp_path / "odd.fits").write_bytes(content)
    assert Ramp.read(tmp_path / "odd.fits")["TARGNAME"] == "caf?"
    assert not recwarn.list


def test_bad_files_are_named(tmp_path, counts):
    good = write_uncal(tmp_path / "good.fits", counts)
    content = good.read_bytes()
    cases = {
        "nothing.fits": (b"", "is not a FITS file"),
        "text.fits": (b"hello" * 1000, "is not a FITS file"),
        "short.fits": (content[: len(content) - 2880], "is truncated in SCI"),
        "zipped.fits": (gzip.compress(content), "is gzipped .gunzip it first"),
        "negative.fits": (changed(content, "NAXIS4", "-1"), "SCI has NAXIS4 = -1, which is no length"),
        "nan.fits": (changed(content, "NGROUPS", "NaN"), "the value of NGROUPS in PRIMARY cannot be read"),
        "head.fits": (content[:4000], "is truncated or damaged after PRIMARY"),
    }
    for name, (data, message) in cases.items():
        (tmp_path / name).write_bytes(data)
        with pytest.raises(InputError, match=message):
            Ramp.read(tmp_path / name)
    with pytest.raises(InputError, match="no such file"):
        Ramp.read(tmp_path / "absent.fits")
    for change, message in (
        ({"NGROUPS": 7}, "states NGROUPS = 7, but its SCI array has 3"),
        ({"INSTRUME": "NIRCAN"}, "did you mean NIRCAM"),
        ({"DETECTOR": "NRS1"}, "which is none of NIRCAM"),
        ({"EXP_TYPE": ""}, "has no EXP_TYPE keyword"),
        ({"INSTRUME": 5}, "INSTRUME = '5', which is none of the known ones"),
        ({"DATAMODL": "ImageModel"}, "DATAMODL = 'ImageModel', which is no ramp"),
        ({"SUBSIZE1": 30}, "states SUBSIZE1 = 30, but its SCI array has 31"),
        ({"SUBSIZE2": 2048}, "states SUBSIZE2 = 2048, but its SCI array has 20"),
        ({"NINTS": 7, "INTSTART": 3, "INTEND": 5}, "states NINTS = 3, but its SCI array has 2"),
        ({"NGROUPS": 10**50}, r"states NGROUPS = 10+\.\.\.0+, but"),
    ):
        with pytest.raises(InputError, match=message):
            Ramp.read(write_uncal(tmp_path / "bad.fits", counts, **change))
    with pytest.raises(InputError, match="SCI has 4 dimensions, 2 are wanted"):
        Image.read(good)


def test_a_failed_write_leaves_nothing_and_spares_what_was_there(tmp_path, monkeypatch):
    target = tmp_path / "x_ramp.fits"
    target.write_text("before")
    ramp = make_ramp(np.zeros((1, 2, 9, 9)))

    class Full:
        def write(self, stream):
            stream.write(b"x" * 10000)
            raise OSError(errno.ENOSPC, "No space left on device")

    ramp.extras.append(Full())
    ramp.extras[0].name = "FULL"
    with pytest.raises(OutputError, match=r"No space left on device .free some space"):
        ramp.write(target)
    assert target.read_text() == "before"
    assert [p.name for p in tmp_path.iterdir()] == ["x_ramp.fits"]
