"""`jwpipe pointing` on files: what is set, what is left alone, and how it ends."""

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.table import Table
from pointing_files import (
    END,
    START,
    V1,
    attitude_values,
    turned,
    where,
    write_exposure,
    write_siaf,
    write_telemetry,
)
from telemetry_server import TelemetryServer

from jwpipe.cli import main
from jwpipe.pointing.attitude import direction_of
from jwpipe.pointing.matrices import read_matrices
from jwpipe.pointing.telemetry import ACQUISITION, FINEGUIDE, IDENTIFICATION, clock

GUIDING = "FGS_ACQ1 FGS_ACQ2 FGS_FINEGUIDE FGS_TRACK FGS_ID-IMAGE FGS_ID-STACK".split()


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder with SIAF, telemetry of a telescope at `V1`, and an exposure that tracks its star."""
    monkeypatch.chdir(tmp_path)
    for name in ("ENG_BASE_URL", "MAST_API_TOKEN", "XML_DATA"):
        monkeypatch.delenv(name, raising=False)
    values, star = attitude_values(write_siaf(tmp_path / "SIAFXML"))
    monkeypatch.setenv("XML_DATA", str(tmp_path))
    write_telemetry(tmp_path / "t.csv", values)
    write_exposure("a.fits", GS_RA=star[0], GS_DEC=star[1])
    return tmp_path


def set_(*arguments):
    return main(["pointing", "set", *arguments])


def card(keyword, path="a.fits"):
    with fits.open(path) as hdus:
        return next((h.header[keyword] for h in hdus[:2] if keyword in h.header), None)


def sky(ra, dec):
    return SkyCoord(ra, dec, unit="deg")


@pytest.mark.parametrize(("method", "quality"), [("ops", "TRACK"), ("track_tr_202111", "TRACK"), ("coarse", "COARSE")])
def test_an_exposure_learns_where_it_looked(place, capsys, method, quality):
    assert set_("a.fits", "--telemetry", "t.csv", "--method", method) == 0
    assert capsys.readouterr() == ("", "")
    assert card("ENGQLPTG") == f"CALCULATED_{quality}_TR_202111"
    within = 1e-9 if quality == "COARSE" else 5e-3
    assert [card(k) for k in ("RA_V1", "DEC_V1", "PA_V3")] == pytest.approx(V1, abs=within)
    ra, dec, roll = where("MIRIM_FULL", place / "SIAFXML")
    assert [card("RA_REF"), card("DEC_REF")] == pytest.approx([ra, dec], abs=max(within, 1e-9))
    assert card("ROLL_REF") == pytest.approx(roll, abs=max(within, 1e-4))
    assert (card("CRVAL1"), card("CRPIX1")) == (card("RA_REF"), 693.5)
    assert card("CDELT1") == pytest.approx(0.110324 / 3600)
    assert card("CTYPE2") == "DEC--TAN"
    region = card("S_REGION").split()
    assert region[:2] == ["POLYGON", "ICRS"]
    corners = sky(*np.array(region[2:], "f8").reshape(4, 2).T)
    # The corners of the SIAF are some 80 arcseconds from the reference point, and about a square.
    assert sky(card("RA_REF"), card("DEC_REF")).separation(corners).arcsec == pytest.approx([80] * 4, abs=1.5)
    assert corners[0].separation(corners[1]).arcsec == pytest.approx(np.hypot(56.7 + 56.9, 0.9), abs=0.1)


def test_it_tells_what_it_found_when_asked(place, capsys):
    assert set_("a.fits", "--telemetry", "t.csv", "--method", "coarse", "-v") == 0
    out = capsys.readouterr().out
    assert "a.fits: V1 at 83.2000000 -67.1000000, V3 at position angle 212.500000\n" in out
    assert f"MIRIM_FULL at {card('RA_REF'):.7f} " in out


def test_the_rest_of_the_file_is_as_it_was(place):
    with fits.open("a.fits") as hdus:
        before = [hdu.data.copy() for hdu in hdus[1:]]
        cards = [set(map(str, hdu.header.cards)) for hdu in hdus]
    assert set_("a.fits", "--telemetry", "t.csv", "-o", "out") == 0
    with fits.open("out/a.fits") as hdus:
        for old, hdu in zip(before, hdus[1:], strict=True):
            assert hdu.data.dtype == old.dtype
            assert hdu.data.tobytes() == old.tobytes()
        assert all(old <= set(map(str, hdu.header.cards)) for old, hdu in zip(cards, hdus, strict=True))
    assert card("RA_V1") is None
    assert [path.name for path in place.glob(".*")] == []


@pytest.mark.parametrize(
    ("arguments", "keywords", "status", "problem"),
    [
        (["--telemetry", "none.csv"], {}, 2, "no file or folder"),
        ([], {}, 4, "MAST wants a token"),
        (["--telemetry", "t.csv"], {"EXPSTART": 59240.9, "EXPEND": 59240.91}, 4, "no telemetry of SA_ZATTEST1"),
        (["--telemetry", "t.csv"], {"APERNAME": "MIRIM_FUL"}, 3, "did you mean MIRIM_FULL"),
        (["--telemetry", "t.csv"], {"APERNAME": "UNKNOWN"}, 3, "no aperture"),
        (["--telemetry", "t.csv"], {"APERNAME": None}, 3, "a.fits has no APERNAME"),
        (["--telemetry", "t.csv"], {"EXPSTART": "soon"}, 3, "EXPSTART = 'soon' is no number"),
        (["--telemetry", "t.csv"], {"EXPSTART": True}, 3, "EXPSTART = True is no number"),
        (["--telemetry", "t.csv"], {"EXPEND": 1e300}, 3, "modified Julian dates are wanted"),
        (["--telemetry", "t.csv"], {"EXPEND": START - 1}, 3, "a.fits: from 59240.1035 to"),
        (["--telemetry", "t.csv"], {"GS_RA": None}, 3, "a.fits: no GS_RA"),
        (["--telemetry", "t.csv"], {"DATAMODL": "ImageModel2"}, 3, "--allow-any-file"),
        (["--telemetry", "t.csv"], {"DATAMODL": None}, 3, "--force-level1bmodel"),
        (["--telemetry", "t.csv", "--method", "coars"], {}, 2, "did you mean coarse"),
        (["--telemetry", "t.csv", "--siaf", "none"], {}, 2, "none is neither a folder nor"),
        (["--telemetry", "t.csv", "--override-transforms", "t.csv"], {}, 3, "no ASDF file"),
        (["--telemetry", "t.csv", "--fgsid", "3"], {}, 2, "--fgsid"),
        (["--allow-default"], {"TARG_RA": None}, 3, "has no TARG_RA"),
        (["--prime", "b.fits"], {}, 3, "no exposure of the prime visit"),
    ],
)
def test_what_fails_is_one_line_and_no_change(place, capsys, arguments, keywords, status, problem):
    write_exposure("b.fits", EXPSTART=START + 1, EXPEND=END + 1)
    write_exposure("a.fits", **{"GS_RA": 1.0, "GS_DEC": 2.0} | keywords)
    before = (place / "a.fits").read_bytes()
    assert set_("a.fits", *arguments) == status
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert problem in err
    assert (place / "a.fits").read_bytes() == before


def test_a_file_that_fails_does_not_stop_the_others(place, capsys):
    (place / "bad.fits").write_bytes(b"SIMPLE  = no")
    assert set_("bad.fits", "none.fits", "a.fits", "--telemetry", "t.csv") == 3
    assert capsys.readouterr().err.count("\n") == 2
    assert card("ENGQLPTG")


def test_a_full_disk_leaves_the_file(place, monkeypatch, capsys):
    before = (place / "a.fits").read_bytes()

    def full(self, *arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("jwpipe.pointing.exposure._Copied.write", full)
    assert set_("a.fits", "--telemetry", "t.csv") == 1
    assert "No space left" in capsys.readouterr().err
    assert (place / "a.fits").read_bytes() == before
    assert sorted(path.name for path in place.iterdir()) == ["SIAFXML", "a.fits", "t.csv"]


def test_the_planned_pointing_is_taken_when_asked(place, capsys):
    assert set_("a.fits", "--allow-default", "--default-pa-v3", "33") == 0
    assert "the planned pointing is used" in capsys.readouterr().err
    assert card("ENGQLPTG") == "PLANNED"
    assert [card(k) for k in ("RA_V1", "DEC_V1", "PA_V3", "RA_REF", "PA_APER")] == [83.0, -67.0, 33.0, 83.0, 33.0]
    assert set_("a.fits", "--allow-default", "--telemetry", "t.csv") == 0
    assert card("ENGQLPTG") == "CALCULATED_TRACK_TR_202111"


def test_a_pure_parallel_takes_the_pointing_of_the_prime_visit(place):
    assert set_("a.fits", "--telemetry", "t.csv", "--method", "coarse") == 0
    write_exposure("other.fits", EXPSTART=START - 1, EXPEND=START - 0.9)
    none = {"TARG_RA": 0.0, "TARG_DEC": 0.0, "VISITYPE": "PARALLEL_PURE", "APERNAME": "FGS1_FULL"}
    write_exposure("p.fits", **none, INSTRUME="FGS", DETECTOR="GUIDER1", EXP_TYPE="FGS_IMAGE", EXPEND=END + 0.001)
    assert set_("p.fits", "--prime", "other.fits", "--prime", "a.fits") == 0
    assert card("ENGQLPTG", "p.fits") == "CALCULATED_COARSE_TR_202111"
    assert [card(k, "p.fits") for k in ("RA_V1", "DEC_V1", "PA_V3")] == pytest.approx(V1, abs=1e-9)
    ra, dec, _ = where("FGS1_FULL", place / "SIAFXML")
    assert [card("RA_REF", "p.fits"), card("DEC_REF", "p.fits")] == pytest.approx([ra, dec], abs=1e-9)
    assert (card("TARG_RA", "p.fits"), card("TARG_DEC", "p.fits")) == (
        card("RA_REF", "p.fits"),
        card("DEC_REF", "p.fits"),
    )


def test_matrices_are_saved_and_used_again(place):
    assert set_("a.fits", "--telemetry", "t.csv", "--save-transforms", "--dry-run") == 0
    assert not (place / "a_transforms.asdf").exists()
    assert card("RA_V1") is None
    (place / "a_transforms.asdf").mkdir()
    assert set_("a.fits", "--telemetry", "t.csv", "--save-transforms") == 1
    assert sorted(path.name for path in place.iterdir()) == ["SIAFXML", "a.fits", "a_transforms.asdf", "t.csv"]
    assert card("RA_V1") is None
    (place / "a_transforms.asdf").rmdir()
    assert set_("a.fits", "--telemetry", "t.csv", "--save-transforms") == 0
    saved, first = read_matrices("a_transforms.asdf"), card("RA_REF")
    for matrix in saved.values():
        np.testing.assert_allclose(matrix @ matrix.T, np.identity(3), atol=1e-9)
    import asdf

    with asdf.open("a_transforms.asdf") as file:
        np.testing.assert_array_equal(file["transforms"]["m_eci2v"], saved["m_eci2v"])
    values, _ = attitude_values(place / "SIAFXML")
    write_telemetry(place / "t.csv", values | {"SA_ZATTEST1": 0.1})  # the matrix that follows from it stands instead
    assert set_("a.fits", "--telemetry", "t.csv", "--override-transforms", "a_transforms.asdf") == 0
    assert card("RA_REF") == first


def test_telemetry_is_kept_for_where_there_is_no_service(place, capsys):
    values, _ = attitude_values(place / "SIAFXML")
    at = [round((START - 40587) * 86400000) + step * 1000 for step in range(-200, 400)]
    guider = (*FINEGUIDE, *ACQUISITION, *IDENTIFICATION)
    series = {name: [(time, value) for time in at] for name, value in (values | dict.fromkeys(guider, 5.0)).items()}
    instrument = {"INSTRUME": "FGS", "DETECTOR": "GUIDER2", "EXP_TYPE": "FGS_TRACK", "APERNAME": "FGS1_FULL"}
    times = {"DATE-BEG": clock(START), "DATE-END": clock(END)}
    write_exposure("g.fits", **instrument, **times, GS_RA=80.0, GS_DEC=-60.0)
    with TelemetryServer(series) as server:
        assert (
            main(["pointing", "telemetry", "a.fits", "a.fits", "g.fits", "-o", "kept.csv", "--telemetry", server.url])
            == 0
        )
        assert set_("a.fits", "g.fits", "--telemetry", server.url, "-o", "online") == 0
    assert set_("a.fits", "g.fits", "--telemetry", "kept.csv", "-o", "offline") == 0
    for name in ("a.fits", "g.fits"):
        assert (place / "online" / name).read_bytes() == (place / "offline" / name).read_bytes()
    # A minute before and after, and a neighbour each, of 20 mnemonics and 6: each value once.
    rows = len((place / "kept.csv").read_text().splitlines()) - 1
    assert f"{rows} values" in capsys.readouterr().out
    seconds = (END - START) * 86400 + 120
    assert abs(rows / 26 - seconds) <= 3
    assert main(["pointing", "telemetry", "none.fits", "-o", "n.csv", "--telemetry", "t.csv"]) == 3
    assert not (place / "n.csv").exists()


def test_tmeasure_is_computed_when_asked_and_missing(place, capsys):
    assert set_("a.fits", "--telemetry", "t.csv") == 0
    assert card("TMEASURE") is None
    assert set_("a.fits", "--telemetry", "t.csv", "--tmeasure") == 0
    assert card("TMEASURE") == 2.5 * (5 - 1) * 2
    fits.setval("a.fits", "TMEASURE", value=7.5)
    assert set_("a.fits", "--telemetry", "t.csv", "--tmeasure") == 0
    assert card("TMEASURE") == 7.5
    write_exposure("a.fits", NGROUPS=1, GS_RA=1.0, GS_DEC=2.0)
    assert set_("a.fits", "--telemetry", "t.csv", "--tmeasure") == 0
    assert card("TMEASURE") is None
    assert "a ramp of one group has none" in capsys.readouterr().err


def test_spectra_get_no_image_coordinates_and_an_aperture_without_corners_no_region(place, capsys):
    write_exposure(
        "a.fits", APERNAME="NRS_S200A1_SLIT", EXP_TYPE="NRS_FIXEDSLIT", INSTRUME="NIRSPEC", PCS_MODE="COARSE"
    )
    assert set_("a.fits", "--telemetry", "t.csv") == 0
    assert card("RA_REF") is not None
    assert (card("CRVAL1"), card("CTYPE1"), card("S_REGION"), card("XREF_SCI")) == (None,) * 4
    assert "no S_REGION" in capsys.readouterr().err


def test_series_say_where_their_source_is(place):
    series = {"APERNAME": "NRCA5_GRISM256_F444W", "EXP_TYPE": "NRC_TSGRISM", "PCS_MODE": "COARSE", "INSTRUME": "NIRCAM"}
    write_exposure("a.fits", **series, NINTS=1)
    assert set_("a.fits", "--telemetry", "t.csv") == 0
    assert (card("XREF_SCI"), card("YREF_SCI")) == (858, 35)


def test_an_unknown_mode_is_told_and_coarse(place, capsys):
    write_exposure("a.fits", PCS_MODE="DRIFT", JWST_DX=None)
    assert set_("a.fits", "--telemetry", "t.csv") == 0
    err = capsys.readouterr().err
    assert "PCS_MODE 'DRIFT' is not known" in err
    assert "velocity aberration is left in" in err
    assert card("ENGQLPTG") == "CALCULATED_COARSE_TR_202111"


@pytest.mark.parametrize("kind", GUIDING)
@pytest.mark.parametrize("guider", [1, 2])
def test_guiders_say_where_their_star_is(place, kind, guider, capsys):
    instrument = {"INSTRUME": "FGS", "DETECTOR": f"GUIDER{guider}", "EXP_TYPE": kind, "APERNAME": "UNKNOWN"}
    times = {"DATE-BEG": "2021-01-26T02:00:00.000", "DATE-END": "2021-01-26T02:00:10.000"}
    write_exposure("g.fits", **instrument, **times, DATAMODL="GuiderRawModel", GS_RA=80.0, GS_DEC=-60.0, ROLL_REF=0.0)
    rows, names = [], {"ACQ": "IFGS_ACQ_DET", "ID": "IFGS_ID_DET", "TFG": "IFGS_TFGDET_"}
    after = kind.startswith("FGS_ID")
    for step in range(9):
        time = f"2021-01-26T02:00:{(12 if after else 1) + step // 2:02d}.{step % 2 * 5}00"
        x, y = (0.0, 0.0) if step == 0 else (3.0, -2.0)
        for place_of in ("IFGS_ACQ_{}POSG", "IFGS_ID_{}POSG", "IFGS_TFGGS_{}"):
            rows += [f"{place_of.format(axis)},{time},{value}" for axis, value in (("X", x), ("Y", y))]
        for prefix in names.values():
            window = {"XCOR": 900, "YCOR": 910, "XSIZ": 128, "YSIZ": 64}
            rows += [f"{prefix}{part},{time},{value}" for part, value in window.items()]
    (place / "g.csv").write_text("\n".join(["mnemonic,time,value", *rows]))
    assert set_("g.fits", "--telemetry", "g.csv") == 0
    assert capsys.readouterr().err == ""
    # By the aperture's polynomial, from the corner of the window, which is stored turned.
    x, y = 1024.5 - (14.0 * 3 + 0.5 * -2) - 900, 1000.5 - (-0.25 * 3 + 15 * -2) - 910
    assert card("CRPIX1", "g.fits") == pytest.approx(128 - x)
    assert card("CRPIX2", "g.fits") == pytest.approx(64 - y if guider == 1 else y)
    assert (card("CRVAL1", "g.fits"), card("CRVAL2", "g.fits"), card("PC2_2", "g.fits")) == (80.0, -60.0, 1.0)
    assert card("ENGQLPTG", "g.fits") is None


def test_a_guider_without_telemetry_has_no_pixel(place, capsys):
    instrument = {"INSTRUME": "FGS", "DETECTOR": "GUIDER2", "EXP_TYPE": "FGS_TRACK", "APERNAME": "FGS1_FULL"}
    times = {"DATE-BEG": "2021-01-26T02:00:00.000", "DATE-END": "2021-01-26T02:00:10.000"}
    write_exposure("g.fits", **instrument, **times, GS_RA=80.0, GS_DEC=-60.0)
    assert set_("g.fits", "--telemetry", "t.csv") == 0
    assert "CRPIX is 0: t.csv has no IFGS_TFGGS_X" in capsys.readouterr().err
    assert card("CRPIX1", "g.fits") == 0
    before = (place / "g.fits").read_bytes()
    assert set_("g.fits") == 4  # nobody could be asked
    assert (place / "g.fits").read_bytes() == before
    assert set_("g.fits", "--allow-default") == 0
    assert capsys.readouterr().err.count("MAST wants a token") == 2


def _move(path, rows, **keywords):
    write_exposure(path, TARGTYPE="MOVING", EXPMID=59240.5, GS_RA=1.0, GS_DEC=2.0, **keywords)
    types = [("time", "S23"), ("mt_sci_x", "f4"), ("mt_apparent_RA", "f8"), ("mt_apparent_Dec", "f8")]
    table = np.array([(time.encode(), 0.0, ra, dec) for time, ra, dec in rows], types)
    fits.append(path, table, fits.Header({"EXTNAME": "MOVING_TARGET_POSITION"}))


def test_moving_targets_are_where_their_table_says(place, capsys):
    rows = [("2021-01-26T06:00:00.000", 359.9, 10.0), ("2021-01-27T00:00:00.000", 0.2, 13.0)]
    _move("m.fits", rows)
    assert main(["pointing", "moving-target", "m.fits"]) == 0
    assert card("MT_RA", "m.fits") == pytest.approx(0.0, abs=1e-9) or card("MT_RA", "m.fits") == pytest.approx(360)
    assert card("MT_DEC", "m.fits") == card("TARG_DEC", "m.fits") == pytest.approx(11.0)
    _move("m.fits", rows)
    assert set_("m.fits", "--telemetry", "t.csv") == 0
    assert card("MT_DEC", "m.fits") == pytest.approx(11.0)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("rows", "problem"),
    [
        ([], "does not cover EXPMID"),
        ([("2021-01-26T13:00:00.000", 1.0, 2.0)], "does not cover EXPMID"),
        ([("never", 1.0, 2.0)], "'never' is no time"),
        ([("2021-01-26T06:00:00.000", np.nan, 2.0), ("2021-01-27T06:00:00.000", 1.0, 2.0)], "no position"),
    ],
)
def test_tables_of_moving_targets_that_do_not_help(place, capsys, rows, problem):
    _move("m.fits", rows)
    before = (place / "m.fits").read_bytes()
    assert main(["pointing", "moving-target", "m.fits", "a.fits"]) == 3
    err = capsys.readouterr().err
    assert problem in err
    assert "a.fits: there is no MOVING_TARGET_POSITION table" in err
    assert (place / "m.fits").read_bytes() == before


def test_aberration_is_set(place, capsys):
    write_exposure("a.fits", JWST_DX=0.0, JWST_DY=29.9792458, JWST_DZ=0.0, RA_REF=0.0, DEC_REF=0.0)
    assert main(["pointing", "aberration", "a.fits"]) == 0
    assert card("VA_SCALE") == pytest.approx(1 / np.sqrt(1 - 1e-8), abs=1e-15)
    assert card("VA_RA") == pytest.approx(np.degrees(np.arcsin(1e-4)), abs=1e-12)
    assert card("VA_DEC") == 0
    write_exposure("a.fits", RA_REF=5.0, DEC_REF=6.0)
    assert main(["pointing", "aberration", "a.fits"]) == 0
    assert (card("VA_SCALE"), card("VA_RA")) == (1, pytest.approx(5.0))
    assert "at rest" in capsys.readouterr().err
    write_exposure("a.fits")
    assert main(["pointing", "aberration", "a.fits"]) == 3
    assert "a.fits has no RA_REF" in capsys.readouterr().err


def test_v1_is_told_of_times_and_of_exposures(place, capsys):
    times = [clock(START - 0.0001), clock(END + 0.0001)]
    for sources, name in ((times, "time range"), ([str(START), str(END)], "time range"), (["a.fits"], "a.fits")):
        for pointing, count in (("average", 1), ("all", 3), ("first", 1)):
            assert main(["pointing", "v1", *sources, "--telemetry", "t.csv", "--pointing", pointing]) == 0
            table = Table.read(capsys.readouterr().out, format="ascii.ecsv")
            assert list(table["source"]) == [name] * count
            assert [list(table[column]) for column in ("ra", "dec", "pa_v3")] == [
                pytest.approx([value] * count, abs=1e-9) for value in V1
            ]
    assert main(["pointing", "v1", "a.fits", "--telemetry", "t.csv", "--method", "track", "-o", "v1.ecsv"]) == 0
    assert Table.read("v1.ecsv")["ra"][0] == pytest.approx(V1[0], abs=5e-3)
    for arguments, status in (
        ([times[1], times[0], "--telemetry", "t.csv"], 2),
        (["a.fits", "--telemetry", "t.csv", "--pointing", "mean"], 2),
        (["none.fits", "--telemetry", "t.csv"], 3),
        (times, 4),
    ):
        assert main(["pointing", "v1", *arguments]) == status
        assert capsys.readouterr().err.count("\n") == 1


def test_the_summary_tells_how_far_off_it_was(place, capsys):
    assert set_("a.fits", "--telemetry", "t.csv") == 0
    assert main(["pointing", "summary", "a.fits", "--extra-meta", "aperName", "-o", "s.ecsv"]) == 0
    table = Table.read("s.ecsv")
    assert table["APERNAME"][0] == "MIRIM_FULL"
    for name, keys in (("v1", ("RA_V1", "DEC_V1")), ("refpoint", ("RA_REF", "DEC_REF"))):
        apart = sky(83.0, -67.0).separation(sky(*map(card, keys))).degree
        assert table[f"delta_{name}"][0] == pytest.approx(apart, abs=1e-12)
    write_exposure("a.fits")
    assert main(["pointing", "summary", "a.fits"]) == 3
    assert "a.fits has no RA_V1" in capsys.readouterr().err


def test_an_aperture_off_the_axis_sees_what_it_was_turned_to(place):
    """An independent way there: V1 of a telescope whose MIRI is at a place with a roll."""
    v1 = direction_of(turned(10.0, 20.0, 30.0, "MIRIM_FULL", place / "SIAFXML"))
    write_exposure("p.fits", RA_V1=v1.ra, DEC_V1=v1.dec, PA_V3=v1.pa)
    assert set_("a.fits", "--prime", "p.fits") == 0
    assert [card(k) for k in ("RA_REF", "DEC_REF", "ROLL_REF")] == pytest.approx([10.0, 20.0, 30.0], abs=1e-9)


READ = {
    "set": """
        DATAMODL EXP_TYPE APERNAME PCS_MODE EXPSTART EXPEND EXPMID NINTS NGROUPS TGROUP TARG_RA TARG_DEC VISITYPE
        TARGTYPE DETECTOR PRD_VER GS_RA GS_DEC TSOVISIT ROLL_REF DATE-BEG DATE-END JWST_DX TMEASURE
        """,
    "aberration": "JWST_DX RA_REF",
    "summary": "RA_V1 TARG_DEC",
    "v1": "EXPSTART GS_RA",
}


@pytest.mark.parametrize(("command", "keyword"), [(c, keyword) for c, keys in READ.items() for keyword in keys.split()])
def test_no_header_makes_it_fall_over(place, capsys, command, keyword):
    guider = {"INSTRUME": "FGS", "DETECTOR": "GUIDER1", "EXP_TYPE": "FGS_TRACK", "APERNAME": "FGS1_FULL"}
    times = {"DATE-BEG": "2021-01-26T02:00:00.000", "DATE-END": "2021-01-26T02:00:10.000", "EXPMID": 59240.104}
    rest = {"RA_REF": 1.0, "DEC_REF": 2.0, "RA_V1": 1.0, "DEC_V1": 2.0, "PA_V3": 3.0, "GS_RA": 80.0, "GS_DEC": -60.0}
    options = {"set": ["--telemetry", "t.csv", "--tmeasure", "-v"], "v1": ["--telemetry", "t.csv", "--method", "track"]}
    for value in (0, True, "", "x", -1e300):
        for base in ({}, guider) if command == "set" else ({},):
            write_exposure("h.fits", **times | rest | base | {keyword: value})
            before = (place / "h.fits").read_bytes()
            status = main(["pointing", command, "h.fits", *options.get(command, [])])
            err = capsys.readouterr().err
            assert status in (0, 3, 4), (value, err)
            if status:
                assert err.count("\n") == 1, (value, err)
                assert (place / "h.fits").read_bytes() == before
