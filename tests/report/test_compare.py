"""Comparison of files: what counts as a difference, and how it is told."""

import json

import numpy as np
import pytest
from astropy.io import fits

from jwpipe.cli import main
from jwpipe.errors import UsageError
from jwpipe.report.compare import Tolerance, compare


@pytest.fixture
def write(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def write(name, *hdus):
        fits.HDUList([fits.PrimaryHDU(), *hdus]).writeto(f"{name}.fits")
        return tmp_path / f"{name}.fits"

    return write


def image(array, name="A", **keywords):
    hdu = fits.ImageHDU(np.asarray(array), name=name)
    hdu.header.update(keywords)
    return hdu


def table(code, values, **options):
    return fits.BinTableHDU.from_columns([fits.Column("X", code, array=values, **options)], name="T")


@pytest.mark.parametrize(
    ("a", "b", "beyond"),
    [
        ([np.inf, -np.inf, np.nan], [np.inf, -np.inf, np.nan], 0),
        ([np.inf, -np.inf, 1.0], [1.0, 1.0, np.inf], 3),
        ([-np.inf, 0.0], [np.inf, 0.0], 1),
        ([1.7e308, 0.0], [-1.7e308, 0.0], 1),
    ],
)
@pytest.mark.parametrize("rtol", [0.0, 1e-6, 0.1])
def test_a_difference_that_is_not_finite_is_beyond_any_tolerance(write, a, b, beyond, rtol):
    result = compare(write("a", image(a)), write("b", image(b)), Tolerance(rtol=rtol, atol=0.0 if rtol == 0 else 1e-6))
    assert result.arrays[0].beyond == beyond
    assert result.same == (beyond == 0)


@pytest.mark.parametrize(("rtol", "beyond"), [(0.0, 2), (1e-6, 1), (0.1, 0)])
def test_differences_within_the_tolerance_are_none(write, rtol, beyond):
    a, b = write("a", image([1.0, 100.0])), write("b", image([1.0 + 1e-7, 100.1]))
    assert compare(a, b, Tolerance(rtol=rtol)).arrays[0].beyond == beyond


def test_integers_too_large_for_a_float_are_told_apart_where_nothing_is_allowed(write):
    a, b = write("a", table("K", [2**53])), write("b", table("K", [2**53 + 1]))
    assert not compare(a, b, Tolerance(rtol=0)).same
    assert compare(a, b).same


def test_extensions_without_a_name_or_with_the_same_one_are_each_compared(write):
    zero, one = np.zeros((3, 3)), np.ones((3, 3))
    a = write("a", image(zero, None), image(zero, None), image(zero), image(zero), image(zero, "DATE"))
    b = write("b", image(one, None), image(zero, None), image(one), image(zero), image(one, "DATE"), image(one))
    verdicts = {array.extension: array.passes(Tolerance()) for array in compare(a, b).arrays}
    assert verdicts == {
        "(unnamed)": False,
        "(unnamed)[2]": True,
        "A": False,
        "A[2]": True,
        "DATE": False,
        "A[3]": False,
    }
    assert compare(a, a).same


@pytest.mark.parametrize(
    ("a", "b", "words"),
    [
        (image(np.arange(5, dtype="u2")), image(np.arange(5, dtype="i2")), "type uint16 | int16"),
        (image(np.arange(5, dtype="f4")), image(np.arange(5, dtype="f8")), "type float32 | float64"),
        (image(np.zeros((3, 4), "u1")), table("4B", np.zeros((3, 4), "u1")), "only in"),
        (image(np.zeros((3, 4), "u1"), "T"), table("4B", np.zeros((3, 4), "u1")), "image | table"),
        (table("E", [1, 2]), table("D", [1, 2]), "type E | D"),
        (table("J", []), table("E", []), "type J | E"),
        (table("I", [1, 2]), table("I", [1, 2], bzero=32768), "type I | I from 32768"),
        (table("5A", ["x", "y"]), table("E", [1, 2]), "type 5A | E"),
        (table("E", [1, 2], unit="m"), table("E", [1, 2], unit="s"), "unit 'm' | 's'"),
        (table("PJ()", [[1], [1, 2]]), table("PJ()", [[1], [1, 3]]), "beyond tolerance"),
        (table("C", [1, 2j], unit="m"), table("C", [1, 2j]), "columns of other names, types or units"),
        (image(np.zeros(3), FOO=1.0), image(np.zeros(3), FOO=True), "1.0 | True"),
        (image(np.zeros(3), FOO=1), image(np.zeros(3), FOO=True), "1 | True"),
        (image(np.zeros(3), FOO=1.0), image(np.zeros(3), FOO="x"), "1.0 | 'x'"),
        (image(np.zeros(3), FOO=None), image(np.zeros(3), FOO=1.0), "undefined | 1.0"),
        (image(np.zeros(3), FOO=None), image(np.zeros(3)), "undefined | missing"),
        (image(np.zeros((3, 3), "f4"), "DQ"), image(np.ones((3, 3), "f4"), "DQ"), "9 of 9 values"),
        (image(np.zeros((3, 3), "i4"), "DQ"), image(np.full((3, 3), -(2**31), "i4"), "DQ"), "REFERENCE_PIXEL"),
        (image(np.zeros((3, 3), "u1"), "DQ"), image(np.full((3, 3), 4, "u1"), "DQ"), "JUMP_DET"),
    ],
)
def test_what_differs_is_told(write, capsys, a, b, words):
    write("a", a)
    write("b", b)
    assert main(["compare", "a.fits", "b.fits", "--report", "r.html"]) == 1
    assert words in capsys.readouterr().out
    assert main(["compare", "a.fits", "a.fits"]) == 0


def test_numbers_of_keywords_are_equal_however_they_are_written(write):
    assert compare(write("a", image([0], FOO=10.0)), write("b", image([0], FOO=10))).same


def test_values_that_fits_does_not_know_are_compared_as_they_stand(write, tmp_path, capsys):
    content = write("a", image([0], FOO=10.0)).read_bytes()
    start = content.index(b"FOO     =")
    for name, word in (("b", b"NaN"), ("c", b"1.2.3")):
        card = b"FOO     = " + word.rjust(20)
        (tmp_path / f"{name}.fits").write_bytes(content[:start] + card.ljust(80) + content[start + 80 :])
    assert compare("b.fits", "b.fits").same
    assert compare("b.fits", "c.fits").keywords == [("A", "FOO", "NaN", "1.2.3")]
    assert main(["info", "b.fits"]) == 0


def test_reports_are_json_that_every_reader_takes(write, tmp_path):
    write("a", image([np.inf, 1.0]))
    write("b", image([1.0, 1.0], FOO=None))
    assert main(["compare", "a.fits", "b.fits", "-q", "--report", "r.json"]) == 1

    def refuse(word):
        raise AssertionError(word)

    report = json.loads((tmp_path / "r.json").read_text(), parse_constant=refuse)
    assert report["arrays"][0]["largest"] == "inf"
    assert report["keywords"] == [["A", "FOO", None, "undefined"]]


@pytest.mark.parametrize(
    "options", [["--rtol", "nan"], ["--rtol", "-1"], ["--atol", "-1"], ["--share", "nan"], ["--report", "r.txt"]]
)
def test_options_that_make_no_sense_are_usage(write, options, tmp_path, capsys):
    write("a", image([1.0]))
    assert main(["compare", "a.fits", "a.fits", *options]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["a.fits"]
    with pytest.raises(UsageError):
        Tolerance(rtol=float("nan"))
