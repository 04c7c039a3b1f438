"""Exposures moved onto each other and onto the sky, and what cannot be."""

import logging
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from urllib.parse import parse_qs, urlparse

import numpy as np
import pytest
from astropy.table import Table
from builders import make_run
from starfields import DITHERS, ERRORS, Field, dithered

from jwpipe.engine.step import Skip
from jwpipe.errors import InputError, StepError, UsageError
from jwpipe.steps.image.tweakreg import ROLL, tweakreg

IRAF = {"starfinder": "iraf", "sharphi": 2.0, "roundlo": 0.0, "roundhi": 0.4}


@pytest.fixture(scope="module")
def field(tmp_path_factory):
    return dithered(tmp_path_factory.mktemp("field"))


def align(exposures, threads=2, run=None, **parameters):
    return tweakreg(exposures, None, tweakreg.params(**parameters), run or make_run(threads))


def sky(image):
    return np.array(image.wcs(np.array([0.0, 150, 299, 30]), np.array([0.0, 99, 319, 270])))


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        IRAF,
        {"starfinder": "segmentation"},
        IRAF | {"fitgeometry": "general", "expand_refcat": True},
        {"fitgeometry": "rscale", "enforce_user_order": True, "expand_refcat": True},
        {"use2dhist": False, "xoffset": 0.1, "yoffset": -0.1, "tolerance": 0.9},
    ],
)
def test_stars_come_to_lie_on_each_other(field, parameters):
    exposures = field.open()
    assert min(field.relative_error(exposures, i) for i in (1, 2, 3)) > 3
    regions = [image.get("S_REGION") for image in exposures]
    align(exposures, **parameters)
    assert max(field.relative_error(exposures, i) for i in (1, 2, 3)) < 0.05
    moved = [image.get("S_REGION") != region for image, region in zip(exposures, regions, strict=True)]
    assert moved.count(True) == 3
    for image, changed in zip(exposures, moved, strict=True):
        assert ("v2v3corr" in image.wcs.frames) == changed
        if changed:
            assert {"CRVAL1", "A_ORDER"} <= set(image.headers["SCI"])
            assert "AP_ORDER" not in image.headers["SCI"]


def test_the_same_bits_whatever_the_number_of_threads(field):
    found = []
    for threads in (1, 2, 8):
        exposures = align(field.open(threads), threads, **IRAF)
        found.append([sky(image) for image in exposures])
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_array_equal(found[0], found[2])


def test_what_was_exposed_together_stays_together(tmp_path):
    field = Field(across=17)
    for i in (0, 1):
        for start, stars in (((901, 851), slice(None)), ((1205, 851), slice(None) if i == 0 else slice(140, 144))):
            field.expose(tmp_path, DITHERS[i], ERRORS[i], start, stars, EXPOSURE=str(i + 1))
    exposures = align(field.open())
    # The second part of the second exposure has no more than four stars, and follows the first.
    assert field.relative_error(exposures, 2) < 0.05
    assert np.sqrt((field.residuals(exposures, 3, field.ra, field.dec) ** 2).mean()) < 0.2


def test_exposures_reach_each_other_by_way_of_others(tmp_path):
    # The last overlaps with the second, which overlaps with the first.
    field = Field(across=29)
    for dither, error in zip(((0, 0, 0), (9, 0, 0.1), (21, 0, -0.1)), ERRORS, strict=False):
        field.expose(tmp_path, dither, error)
    exposures = align(field.open(), expand_refcat=True)
    ends = [i for i, image in enumerate(exposures) if "v2v3corr" not in image.wcs.frames]
    assert len(ends) == 1
    middle = exposures[1].wcs(*field.pixels[1])
    assert [np.sqrt((field.residuals(exposures, 1, *middle) ** 2).mean()) for _ in ends] == [0]
    shifts = [np.median(np.subtract(exposures[i].wcs(*field.pixels[i]), middle), axis=1) * 3600 for i in (0, 2)]
    assert np.abs(shifts).max() < 0.03
    with_order = align(field.open(), expand_refcat=True, enforce_user_order=True)
    assert [("v2v3corr" in image.wcs.frames) for image in with_order] == [False, True, True]


def test_an_exposure_that_cannot_be_aligned_is_named(field, tmp_path, caplog):
    own = Field()
    own.paths, own.pixels = list(field.paths[:2]), list(field.pixels[:2])
    own.expose(tmp_path, DITHERS[2], ERRORS[2], stars=slice(80, 88))
    own.expose(tmp_path, DITHERS[3], ERRORS[3], stars=slice(0))
    exposures, run = own.open(), make_run(2)
    before = [sky(image) for image in exposures]
    align(exposures, run=run)
    warnings = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    few, none = (path.name for path in own.paths[2:])
    assert [text for text in warnings if few in text and "15 are needed" in text and " matches" in text]
    assert [text for text in warnings if none in text and "no stars" in text]
    assert len(run.remarks) == 2
    assert set(run.remarks) < set(warnings)
    np.testing.assert_array_equal([sky(image) for image in exposures.images[2:]], before[2:])
    assert own.relative_error(exposures, 1) < 0.05


@pytest.mark.parametrize("form", ["ecsv", "csv", "fits"])
def test_all_are_moved_onto_a_catalogue(field, tmp_path, form):
    path = tmp_path / f"sky.{form}"
    Table({"RA": field.ra + 0.3 / 3600, "DEC": field.dec - 0.4 / 3600}).write(path)
    exposures = align(field.open(), abs_refcat=str(path))
    for i in range(4):
        assert np.sqrt((field.residuals(exposures, i, field.ra + 0.3 / 3600, field.dec - 0.4 / 3600) ** 2).mean()) < 0.1
        assert exposures[i].wcs.name == f"FIT-LVL3-{path}"
        assert exposures[i].wcs.frames.count("v2v3corr") == 1


def test_one_exposure_is_moved_onto_a_catalogue(field, tmp_path):
    path = tmp_path / "sky.ecsv"
    Table({"ra": field.ra, "dec": field.dec}).write(path)
    image = field.open()[1]
    align(image, abs_refcat=str(path))
    exposures = field.open()
    exposures.images[1] = image
    assert field.absolute_error(exposures, 1) < 0.05


def test_what_is_aligned_may_be_aligned_again(field):
    exposures = align(field.open(), **IRAF)
    before = [sky(image) for image in exposures]
    align(exposures, **IRAF)
    np.testing.assert_allclose([sky(image) for image in exposures], before, rtol=0, atol=1e-11)


def test_where_the_catalogue_fails_exposures_stay_aligned_to_each_other(field, tmp_path, caplog):
    path = tmp_path / "sky.ecsv"
    Table({"RA": field.ra[:90] + 1, "DEC": field.dec[:90]}).write(path)
    exposures = align(field.open(), abs_refcat=str(path))
    assert max(field.relative_error(exposures, i) for i in (1, 2, 3)) < 0.05
    assert {image.wcs.name for image in exposures} == {""}
    assert "0 matches, 15 are needed" in caplog.text
    Table({"RA": field.ra[:9], "DEC": field.dec[:9]}).write(path, overwrite=True)
    align(field.open(), abs_refcat=str(path))
    assert "it has 9 stars in the field, 15 are needed" in caplog.text


class Service(BaseHTTPRequestHandler):
    """Answers as the catalogue service does."""

    answer, asked = (200, b""), None

    def do_GET(self):
        type(self).asked = urlparse(self.path)
        status, content = self.answer
        self.send_response(status)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *args):
        pass


@pytest.fixture
def service(monkeypatch):
    server = HTTPServer(("127.0.0.1", 0), type("Answers", (Service,), {}))
    thread = Thread(target=server.serve_forever)
    thread.start()
    monkeypatch.setenv("ASTROMETRIC_CATALOG_URL", f"http://127.0.0.1:{server.server_port}/webservices")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    yield server.RequestHandlerClass
    server.shutdown()
    server.server_close()
    thread.join()


def test_the_service_is_asked_for_the_field(field, service):
    rows = [f"{i},{r:.9f},{d:.9f},{20 - i / 10}" for i, (r, d) in enumerate(zip(field.ra, field.dec, strict=True))]
    lines = [f"#Objects found: {len(rows)}", "objID,ra,dec,mag", *rows]
    service.answer = 200, "\r\n".join(lines).encode()
    run = make_run(2)
    exposures = align(field.open(), run=run, abs_refcat="GaiaDR3", save_abs_catalog=True)
    assert max(field.absolute_error(exposures, i) for i in range(4)) < 0.1
    assert {image.wcs.name for image in exposures} == {"FIT-LVL3-GaiaDR3"}
    assert service.asked.path == "/webservices/vo/CatalogSearch.aspx"
    query = {key: value for key, (value,) in parse_qs(service.asked.query).items()}
    assert query["CAT"] == "GAIADR3"
    assert query["FORMAT"] == "CSV"
    assert query["MINDET"] == "5"
    assert float(query["EPOCH"]) == pytest.approx(2023 + 55 / 365)
    east = (float(query["RA"]) - 80) * np.cos(np.radians(69.5)) * 3600
    assert np.hypot(east, (float(query["DEC"]) + 69.5) * 3600) < 5
    assert 10 < float(query["SR"]) * 3600 < 25
    saved = run.saved["ref"].columns
    assert list(saved) == ["RA", "DEC", "mag", "objID"]
    assert (np.diff(saved["mag"]) < 0).all()


@pytest.mark.parametrize("answer", [(500, b"no"), (200, b"#\r\n<html>\r\nhello"), (200, b"#\r\nra,dec\r\n1,x")])
def test_no_answer_of_the_service_is_one_line(field, service, answer):
    service.answer = answer
    with pytest.raises(StepError, match="GAIADR2") as problem:
        align(field.open(), abs_refcat="GAIADR2")
    assert "name a file as abs_refcat" in str(problem.value)


def test_an_empty_answer_is_a_warning(field, service, caplog):
    service.answer = 200, b"#Objects found: 0"
    exposures = align(field.open(), abs_refcat="GAIADR1")
    assert "GAIADR1: it has 0 stars" in caplog.text
    assert max(field.relative_error(exposures, i) for i in (1, 2, 3)) < 0.05


def test_catalogues_of_the_user(field, tmp_path, caplog):
    names = []
    for i, path in enumerate(field.paths):
        columns, rows = field.pixels[i]
        names.append(f"{path.name} stars{i}.ecsv")
        label = ("x", "y") if i % 2 else ("xcentroid", "ycentroid")
        table = Table(dict(zip(label, (columns, rows), strict=True)))
        table["weight"] = np.where(np.arange(len(table)) % 2, 1.0, 0.25)
        table.write(tmp_path / f"stars{i}.ecsv")
    listed = tmp_path / "stars.txt"
    listed.write_text("# exposure catalogue\n\n" + "\n".join(names[:3]) + f"\n{field.paths[3].name}\n")
    exposures = align(field.open(), use_custom_catalogs=True, catfile=str(listed))
    assert max(field.relative_error(exposures, i) for i in (1, 2)) < 1e-3
    assert 1e-3 < field.relative_error(exposures, 3) < 0.05
    given = [tmp_path / f"stars{i}.ecsv" for i in range(4)]
    exposures = align(field.open(catalogues=given), use_custom_catalogs=True)
    assert max(field.relative_error(exposures, i) for i in (1, 2, 3)) < 1e-3
    listed.write_text("# none\n")
    align(field.open(catalogues=given), use_custom_catalogs=True, catfile=str(listed))
    assert "names no catalogues" in caplog.text


@pytest.mark.parametrize("form", ["ecsv", "fits"])
def test_stars_are_saved(field, tmp_path, form):
    run, names = make_run(2), []
    run.save = lambda product, suffix, name: (names.append(name), product.write(tmp_path / name))
    exposures = align(field.open(), run=run, save_catalogs=True, catalog_format=form, brightest=30)
    assert names == [f"{path.stem}_cat.{form}" for path in field.paths]
    table = Table.read(tmp_path / names[0])
    assert table.colnames == ["id", "x", "y", "flux"]
    assert len(table) == 30
    assert (np.diff(table["flux"]) <= 0).all()
    assert exposures[0]["TCATFILE"] == names[0]
    again = align(field.open(catalogues=[tmp_path / name for name in names]), use_custom_catalogs=True)
    np.testing.assert_array_equal(sky(again[3]), sky(exposures[3]))


def test_nothing_to_align_is_skipped(field, tmp_path, caplog):
    with pytest.raises(Skip, match="one group"):
        align(field.open()[0])
    exposures = field.open()
    for image in exposures:
        image.dq = np.ones_like(image.dq)
    with pytest.raises(Skip, match="fewer than two"):
        align(exposures)
    assert caplog.text.count("all pixels of") == 4
    path = tmp_path / "sky.ecsv"
    Table({"RA": field.ra, "DEC": field.dec}).write(path)
    align(exposures, abs_refcat=str(path))
    assert "they have no stars" in caplog.text
    with pytest.raises(Skip, match="several stars"):
        align(field.open(), use_custom_catalogs=True, **lone(tmp_path, field))


def lone(folder, field):
    """Catalogues: one star in each exposure but the first, which has two."""
    lines = []
    for i, path in enumerate(field.paths):
        Table({"x": [100.0, 103.0][: 1 + (i == 0)], "y": [100.0] * (1 + (i == 0))}).write(folder / f"lone{i}.ecsv")
        lines.append(f"{path.name} lone{i}.ecsv")
    (folder / "lone.txt").write_text("\n".join(lines))
    return {"catfile": str(folder / "lone.txt"), "separation": 1e-3, "minobj": 1}


def test_corrections_that_are_too_large_are_not_made(field, tmp_path, caplog):
    # Four stars whose places in one exposure are sheared: so would be its corners, which are far from them.
    lines, few = [], [84, 85, 97, 98]
    for i, path in enumerate(field.paths):
        x, y = (values[few] for values in field.pixels[i])
        Table({"x": x + (0.3 * (y - y.mean()) if i == 2 else 0), "y": y}).write(tmp_path / f"few{i}.ecsv")
        lines.append(f"{path.name} few{i}.ecsv")
    (tmp_path / "few.txt").write_text("\n".join(lines))
    parameters = {"use_custom_catalogs": True, "catfile": str(tmp_path / "few.txt"), "minobj": 3}
    parameters |= {"use2dhist": False, "tolerance": 1.0}
    exposures = field.open()
    before = [sky(image) for image in exposures]
    with pytest.raises(Skip, match=f"{field.paths[2].name} would be moved by more than 2 arcsec"):
        align(exposures, fitgeometry="general", **parameters)
    np.testing.assert_array_equal([sky(image) for image in exposures], before)
    path = tmp_path / "sky.ecsv"
    Table({"RA": field.ra, "DEC": field.dec}).write(path)
    align(exposures, fitgeometry="general", abs_refcat=str(path), **parameters)
    assert "exposures not aligned to each other" in caplog.text
    np.testing.assert_array_equal([sky(image) for image in exposures], before)


def test_bad_input_is_one_line(field, tmp_path):
    exposures = field.open()
    exposures[2].wcs = None
    with pytest.raises(InputError, match="no coordinates"):
        align(exposures)
    exposures = field.open()
    exposures[2].wcs = exposures[2].wcs.corrected(np.eye(2), [np.nan, 0], [exposures[2][key] for key in ROLL])
    with pytest.raises(InputError, match="nowhere on the sky"):
        align(exposures)
    exposures = field.open()
    del exposures[1].headers["SCI"]["ROLL_REF"]
    with pytest.raises(InputError, match="no ROLL_REF"):
        align(exposures)
    for name, content in {"text.ecsv": "hello", "other.csv": "a,b\n1,2\n", "words.csv": "RA,DEC\nx,y\n"}.items():
        (tmp_path / name).write_text(content)
        with pytest.raises(InputError, match=name):
            align(field.open(), abs_refcat=str(tmp_path / name))
        with pytest.raises(InputError, match=name):
            align(field.open(catalogues=[tmp_path / name] * 4), use_custom_catalogs=True)
    with pytest.raises(InputError, match="there is no catalogue"):
        align(field.open(catalogues=[tmp_path / "none.ecsv"] * 4), use_custom_catalogs=True)
    with pytest.raises(UsageError, match="catfile"):
        align(field.open(), use_custom_catalogs=True, catfile=str(tmp_path / "none.txt"))
