"""The catalogue of a mosaic: what is known of its sources, and what is found."""

from pathlib import Path

import numpy as np
import pytest
from astropy.table import QTable
from builders import make_references, make_run
from sources import AREA, CENTRE, ENERGIES, OFFSET, SCALE, SOURCES, make_mosaic, write_references

from jwpipe.catalog.references import read_apertures
from jwpipe.cli import main
from jwpipe.engine.step import Skip
from jwpipe.errors import InputError, ReferenceError
from jwpipe.steps.image.source_catalog import source_catalog
from jwpipe.wcs import Wcs

JANSKY = 1e6 * AREA  # of a pixel of 1 MJy/sr


def catalogue_of(mosaic, folder, threads=1, references=None, **parameters):
    run = make_run(threads)
    run.basename = Path("mosaic_i2d.fits")
    references = write_references(folder) if references is None else references
    return source_catalog(mosaic, make_references(mosaic, **references), source_catalog.params(**parameters), run)


@pytest.fixture
def made(tmp_path):
    """Catalogue and segments of the mosaic, sources apart."""
    return catalogue_of(make_mosaic(), tmp_path, deblend=True, npixels=10)


def place_of(catalogue, source):
    """Row of a source."""
    distance = np.hypot(catalogue["xcentroid"] - source[0], catalogue["ycentroid"] - source[1])
    return int(distance.argmin())


def test_sources_are_found_where_they_are(made):
    catalogue, segments = made
    assert len(catalogue) == len(SOURCES)
    assert np.unique(segments.data).tolist() == [0, 1, 2, 3, 4, 5]
    assert segments["SCATFILE"] == "mosaic_cat.ecsv"
    for source in SOURCES:
        row = place_of(catalogue, source)
        assert catalogue["xcentroid"][row] == pytest.approx(source[0], abs=0.2)
        assert catalogue["ycentroid"][row] == pytest.approx(source[1], abs=0.2)
        assert segments.data[round(source[1]), round(source[0])] == row + 1


def test_fluxes_are_those_of_the_sources(made):
    catalogue, _ = made
    for x, y, flux, sigma, *_ in SOURCES[[0, 1]]:
        row = place_of(catalogue, (x, y))
        for energy, radius, _ in ENERGIES[:3]:
            share = 1 - np.exp(-0.5 * (radius / sigma) ** 2)
            # Pixels are no smaller than the small circles, in which they are taken to be even.
            precision = 0.1 if radius < 2 else 0.02
            assert catalogue[f"aper{energy}_flux"][row] == pytest.approx(flux * share * JANSKY, rel=precision)
        total = catalogue["aper_total_flux"][row]
        assert total == pytest.approx(ENERGIES[2][2] * catalogue["aper70_flux"][row], rel=1e-6)
        assert catalogue["isophotal_flux"][row] == pytest.approx(flux * JANSKY, rel=0.06)
        assert catalogue["aper_total_abmag"][row] == pytest.approx(-2.5 * np.log10(total) + 8.9)
        assert catalogue["aper_total_vegamag"][row] == pytest.approx(catalogue["aper_total_abmag"][row] - OFFSET)


def test_shapes_and_neighbours(made):
    catalogue, _ = made
    star, galaxy, pair = (place_of(catalogue, SOURCES[i]) for i in (1, 2, 3))
    assert catalogue["semimajor_sigma"][galaxy] == pytest.approx(5, rel=0.08)
    assert catalogue["ellipticity"][galaxy] == pytest.approx(0.6, abs=0.08)
    assert catalogue["orientation"][galaxy] == pytest.approx(np.degrees(0.6), abs=2)
    assert [catalogue["is_extended"][i] for i in (star, galaxy)] == [False, True]
    assert catalogue["nn_label"][pair] == place_of(catalogue, SOURCES[4]) + 1
    assert catalogue["nn_dist"][pair] == pytest.approx(6.7, abs=0.3)
    # North is 33 degrees from the y axis; east is left of it.
    assert catalogue["sky_orientation"][galaxy] - catalogue["orientation"][galaxy] == pytest.approx(180 - 57, abs=0.01)


def test_the_file_is_read_by_astropy(made, tmp_path):
    catalogue, _ = made
    path = tmp_path / "new" / "mosaic_cat.ecsv"
    catalogue.write(path)
    table = QTable.read(path)
    assert len(table.colnames) == 54
    assert table.colnames[:4] == ["label", "xcentroid", "ycentroid", "sky_centroid"]
    for column in catalogue.columns:
        if hasattr(column, "values"):
            read = table[column.name]
            np.testing.assert_array_equal(getattr(read, "value", read), column.values)
            assert (read.unit.to_string() if column.unit is not None else None) == column.unit
            assert read.dtype == column.values.dtype
        assert table[column.name].info.description == column.description
    sky = table["sky_centroid"]
    x, y = make_mosaic().wcs.invert(sky.ra.deg, sky.dec.deg)
    np.testing.assert_allclose([x, y], [catalogue["xcentroid"], catalogue["ycentroid"]], atol=1e-7)
    assert table.meta["aperture_params"]["aperture_ee"].tolist() == [30, 50, 70]
    np.testing.assert_array_equal(table.meta["aperture_params"]["aperture_radii"], np.array([1.08, 1.72, 3.1], "f4"))
    assert table.meta["abvega_offset"] == OFFSET
    assert "jwpipe" in table.meta["version"]
    assert list(path.parent.iterdir()) == [path]


def test_same_catalogue_for_any_number_of_threads(tmp_path):
    made = [catalogue_of(make_mosaic(), tmp_path, threads, deblend=True, npixels=5) for threads in (1, 2, 8)]
    for catalogue, segments in made[1:]:
        assert catalogue.text().partition("label x")[2] == made[0][0].text().partition("label x")[2]
        np.testing.assert_array_equal(segments.data, made[0][1].data)


def test_sources_that_touch_are_one_unless_they_are_taken_apart(tmp_path):
    catalogue, _ = catalogue_of(make_mosaic(), tmp_path)
    assert len(catalogue) == len(SOURCES) - 1
    mosaic = make_mosaic()
    before = mosaic.data.copy(), mosaic.err.copy()
    few, _ = catalogue_of(mosaic, tmp_path, snr_threshold=60, kernel_fwhm=3.0)
    assert len(few) < len(catalogue)
    np.testing.assert_array_equal(mosaic.data, before[0])
    np.testing.assert_array_equal(mosaic.err, before[1])


def test_one_source_has_no_neighbour(tmp_path):
    catalogue, _ = catalogue_of(make_mosaic(sources=SOURCES[:1]), tmp_path)
    assert len(catalogue) == 1
    assert catalogue["nn_label"].tolist() == [-1]
    assert np.isnan(catalogue["nn_dist"]).all()


@pytest.mark.parametrize(
    "case", ["no source", "nothing there", "weights of nothing", "unknown filter", "unknown energy", "twice"]
)
def test_no_catalogue_but_a_warning(tmp_path, caplog, case):
    mosaic, references, parameters = make_mosaic(), write_references(tmp_path), {}
    if case == "no source":
        mosaic = make_mosaic(sources=[])
    elif case == "nothing there":
        mosaic.data[:], mosaic.err[:], mosaic.wht[:] = np.nan, np.nan, 0
    elif case == "weights of nothing":
        mosaic.data[:] = np.nan
    elif case == "unknown filter":
        mosaic["FILTER"] = "F999W"
    elif case == "unknown energy":
        parameters = {"aperture_ee3": 71}
    else:
        references = write_references(tmp_path, rows=[*ENERGIES, ENERGIES[0]])
    with pytest.raises(Skip):
        catalogue_of(mosaic, tmp_path, references=references, **parameters)
    assert "there will be no catalogue: " in caplog.text


def test_values_without_weight_are_no_sources(tmp_path):
    mosaic = make_mosaic()
    mosaic.wht[20:40, 80:100] = 0
    catalogue, segments = catalogue_of(mosaic, tmp_path)
    assert len(catalogue) == len(SOURCES) - 2
    assert not segments.data[20:40, 80:100].any()


def test_without_references(tmp_path, caplog):
    catalogue, _ = catalogue_of(make_mosaic(), tmp_path, references={"apcorr": None, "abvegaoffset": None})
    assert "no apcorr reference" in caplog.text
    assert "no abvegaoffset reference" in caplog.text
    np.testing.assert_array_equal(catalogue["aper_total_flux"], catalogue["aper3_flux"])
    np.testing.assert_array_equal(catalogue["aper_total_vegamag"], catalogue["aper_total_abmag"])


def test_apertures_are_in_pixels_of_the_mosaic(tmp_path, caplog):
    mosaic = make_mosaic()
    mosaic["PXSCLRT"] = 0.5
    apertures = read_apertures(make_references(mosaic, **write_references(tmp_path))["apcorr"], mosaic, (30, 50), 0.5)
    np.testing.assert_allclose(apertures.radii, [2.16, 3.44])
    assert (apertures.inner, apertures.outer) == (12, 20)
    del mosaic.headers["PRIMARY"]["PXSCLRT"]
    catalogue_of(mosaic, tmp_path)
    assert "has no PXSCLRT" in caplog.text


@pytest.mark.parametrize(("radius", "correction"), [(np.nan, 1.1), (-2, 1.1), (np.inf, 1.1), (2, np.nan)])
def test_apertures_that_are_none(tmp_path, radius, correction):
    references = write_references(tmp_path, rows=[(30, radius, correction), *ENERGIES[1:]])
    with pytest.raises(ReferenceError, match="a radius or a correction that is none"):
        catalogue_of(make_mosaic(), tmp_path, references=references)


def test_apertures_larger_than_the_mosaic(tmp_path):
    mosaic = make_mosaic()
    mosaic["PXSCLRT"] = 1e-7
    catalogue, _ = catalogue_of(mosaic, tmp_path)
    assert np.isnan(catalogue["aper_total_flux"]).all()
    assert np.isfinite(catalogue["isophotal_flux"]).all()


def test_bad_input(tmp_path):
    mosaic, references = make_mosaic(), write_references(tmp_path)
    references["abvegaoffset"].write_text("nonsense")
    with pytest.raises(ReferenceError, match="no table abvega_offset"):
        catalogue_of(mosaic, tmp_path, references=references)
    mosaic["BUNIT"] = "DN/s"
    with pytest.raises(InputError, match="is in DN/s"):
        catalogue_of(mosaic, tmp_path)
    mosaic["BUNIT"] = "MJy/sr"
    del mosaic.headers["SCI"]["PIXAR_SR"]
    with pytest.raises(InputError, match="no PIXAR_SR"):
        catalogue_of(mosaic, tmp_path)
    for keyword, value in (("PIXAR_SR", -AREA), ("PXSCLRT", 0.0), ("PXSCLRT", "one")):
        kept, mosaic[keyword] = mosaic.get(keyword, AREA), value
        with pytest.raises(InputError, match=f"{keyword} = .*, where a number above 0 is wanted"):
            catalogue_of(mosaic, tmp_path)
        mosaic[keyword] = abs(kept)
    mosaic["PIXAR_SR"], mosaic.wcs = AREA, None
    with pytest.raises(InputError, match="no coordinates"):
        catalogue_of(mosaic, tmp_path)
    mosaic.wcs = Wcs.tangent((0, 0), CENTRE, np.eye(2), (SCALE, SCALE), mosaic.shape)
    assert len(catalogue_of(mosaic, tmp_path)[0])


@pytest.fixture
def on_disk(tmp_path, monkeypatch):
    """A mosaic in a file, and how to run the command on it; gives what it printed and the names of its products."""
    monkeypatch.setenv("STPIPE_DISABLE_CRDS_STEPPARS", "true")
    monkeypatch.setenv("CRDS_SERVER_URL", "https://crds-serverless-mode.stsci.edu")
    references = write_references(tmp_path)
    overrides = [part for item in references.items() for part in ("--override", "{}={}".format(*item))]

    def command(capsys, *options, mosaic=None):
        source = tmp_path / "field_i2d.fits"
        (mosaic or make_mosaic()).write(source)
        out = tmp_path / "out"
        status = main(["source_catalog", str(source), "-o", str(out), *overrides, *options])
        names = sorted(path.name for path in out.iterdir()) if out.is_dir() else []
        return status, names, capsys.readouterr().err

    return command


def test_files(on_disk, capsys):
    assert on_disk(capsys)[:2] == (0, ["field_cat.ecsv", "field_segm.fits"])
    status, names, told = on_disk(capsys, "--skip-existing")
    assert status == 0
    assert "field_cat.ecsv" in told
    assert len(names) == 2
    status, names, _ = on_disk(capsys, "--suffix", "mine")
    assert names == ["field_cat.ecsv", "field_mine.ecsv", "field_segm.fits"]


def test_no_file_where_there_is_no_source(on_disk, capsys):
    status, names, told = on_disk(capsys, mosaic=make_mosaic(sources=[]))
    assert (status, names) == (0, [])
    assert "no source was found" in told
    assert on_disk(capsys, "--set", "aperture_ee2=80")[:2] == (2, [])
