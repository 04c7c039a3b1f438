"""Exposures onto one grid: values, weights, keywords, grids, and what makes none."""

import io

import asdf
import numpy as np
import pytest
from astropy.io import fits
from builders import make_references, make_run, write_reference
from mosaics import CENTRE, NOISE, SCALE, SKY, make_exposure, make_exposures, stars

from jwpipe.drizzle import resampling
from jwpipe.drizzle.canvas import Canvas
from jwpipe.drizzle.grid import Grid
from jwpipe.engine.step import Skip
from jwpipe.errors import InputError, ReferenceError, UsageError
from jwpipe.products.exposures import Exposures
from jwpipe.products.images import Image, Resampled
from jwpipe.steps.image.resample import resample

INSIDE = slice(20, -20)


def combine(product, threads=1, drizpars=None, **parameters):
    run = make_run(threads)
    made = resample(product, make_references(product, drizpars=drizpars), resample.params(**parameters), run)
    made.saved = run.saved
    return made


def test_mosaic_has_the_mean_and_its_error(tmp_path):
    exposures = make_exposures(tmp_path, 5, shape=(90, 90))
    made = combine(exposures)
    assert made.data.shape[0] > 90
    value, error = made.data[INSIDE, INSIDE], made.err[INSIDE, INSIDE]
    sky = value < SKY + 0.6  # away from stars
    assert np.median(value[sky]) == pytest.approx(SKY, abs=0.04)
    full = made.wht[INSIDE, INSIDE] > 0.99 * made.wht.max()
    np.testing.assert_allclose(error[full], NOISE / np.sqrt(5), rtol=0.05)
    assert made.wht.max() == pytest.approx(5 / (NOISE**2 / 2), rel=0.02)
    uncovered = made.wht == 0
    assert uncovered.any()
    for plane in (made.data, made.err, made.var_rnoise, made.var_poisson):
        np.testing.assert_array_equal(np.isnan(plane), uncovered)
    assert set(np.unique(made.con[0][INSIDE, INSIDE])) <= set(range(32))
    np.testing.assert_array_equal(made.con[0] == 0, uncovered)
    assert np.isnan(made.var_flat).all()  # no exposure has any


@pytest.mark.parametrize("kernel", ["square", "turbo", "point"])
def test_flux_is_conserved(tmp_path, kernel):
    exposure = make_exposure(tmp_path, 0, (0.3, 0.4), roll=33, shape=(90, 90), sky=0.0)
    exposure.data[:15], exposure.data[-15:], exposure.data[:, :15], exposure.data[:, -15:] = 0, 0, 0, 0
    total = exposure.data.sum(dtype="f8")
    for ratio in (1.0, 0.63):
        made = combine(Exposures.alone(exposure), kernel=kernel, pixel_scale_ratio=ratio, rotation=12.0)
        assert np.nansum(made.data.astype("f8") * made.wht) * exposure.var_rnoise[0, 0] == pytest.approx(
            total, rel=1e-4
        )
        if kernel == "square":  # as a surface brightness too: its drops cover every pixel evenly
            assert np.nansum(made.data, dtype="f8") * ratio**2 == pytest.approx(total, rel=1e-4)


def test_stars_are_where_they_are_and_as_bright(tmp_path):
    exposures = make_exposures(tmp_path, 5, shape=(90, 90))
    made = combine(exposures, rotation=0.0)
    ra, dec, flux = stars()
    order = np.argsort(flux)[-3:]
    y, x = np.indices(made.data.shape)
    for column, row in zip(*made.wcs.invert(ra[order], dec[order]), strict=True):
        near = (x - column) ** 2 + (y - row) ** 2 < 2.5**2
        value = made.data[near] - SKY
        assert (value * x[near]).sum() / value.sum() == pytest.approx(column, abs=0.15)
        assert (value * y[near]).sum() / value.sum() == pytest.approx(row, abs=0.15)


def test_same_bits_for_any_number_of_threads(tmp_path):
    made = [combine(make_exposures(tmp_path, 3), threads, kernel="lanczos3") for threads in (1, 2, 8)]
    for other in made[1:]:
        for name in ("data", "err", "con", "wht", "var_rnoise", "var_poisson", "var_flat"):
            np.testing.assert_array_equal(getattr(other, name), getattr(made[0], name))


@pytest.mark.parametrize(("kernel", "rotation"), [("square", None), ("lanczos3", 27.0), ("gaussian", 75.0)])
def test_same_bits_whether_made_in_parts_or_at_once(tmp_path, monkeypatch, kernel, rotation):
    exposures = make_exposures(tmp_path, 2, shape=(230, 70))
    made, counts = [], []
    for parts in (1, 4):
        monkeypatch.setattr(resampling, "PARTS", parts)
        monkeypatch.setattr(resampling, "MOST", 9)
        made.append(combine(exposures, kernel=kernel, rotation=rotation, pixel_scale_ratio=0.8))
        canvas = Canvas(made[0].data.shape, kernel)
        grid = Grid(made[0].wcs, made[0].data.shape, 1.0)
        counts.append(len(resampling.parts(canvas, exposures[0], grid, (0, 0), canvas.reach(1.0))))
    assert counts[0] == 1 < counts[1]
    for name in ("data", "err", "con", "wht", "var_rnoise", "var_poisson"):
        np.testing.assert_array_equal(getattr(made[1], name), getattr(made[0], name))


def test_known_background_is_subtracted_once(tmp_path):
    exposures = make_exposures(tmp_path, 2, sky=7.0)
    for image, done in zip(exposures, (False, True), strict=True):
        image["BKGLEVEL"], image["BKGSUB"] = 7.0, done
    exposures[1].data -= np.float32(7)
    made = combine(exposures)
    assert np.median(made.data[INSIDE, INSIDE]) == pytest.approx(0, abs=0.15)


def test_weights_of_times_and_none(tmp_path):
    exposures = make_exposures(tmp_path, 3)
    del exposures[2].headers["PRIMARY"]["TMEASURE"]
    assert combine(exposures, weight_type="exptime").wht.max() == pytest.approx(90 + 91 + 102, rel=1e-3)
    columns = [("numimages", "i4"), ("filter", "S8"), ("pixfrac", "f8"), ("wht_type", "S8")]
    rows = np.array([(1, "ANY", 1.0, "exptime"), (2, "ANY", 1.0, "None"), (1, "F090W", 1.0, "ivm")], dtype=columns)
    table = fits.BinTableHDU(rows, name="DRIZPARS")
    drizpars = write_reference(tmp_path / "drizpars.fits", tables=[table], REFTYPE="drizpars")
    made = combine(exposures, weight_type=None, drizpars=drizpars)
    assert made["RESWHT"] == "None"
    assert made.wht.max() == pytest.approx(3, rel=1e-3)
    assert combine(exposures, weight_type=None).wht.max() == pytest.approx(3 / (NOISE**2 / 2), rel=1e-3)
    table.data["filter"] = b"F090W"
    write_reference(drizpars, tables=[table], REFTYPE="drizpars")
    with pytest.raises(ReferenceError, match="no row for F200W and 3"):
        combine(exposures, weight_type=None, drizpars=drizpars)
    exposures[1].headers["PRIMARY"]["TMEASURE"] = exposures[1].headers["PRIMARY"]["EFFEXPTM"] = 0.0
    with pytest.raises(InputError, match="neither TMEASURE nor EFFEXPTM"):
        combine(exposures, weight_type="exptime")


def test_keywords_of_exposures_and_grid(tmp_path):
    exposures = make_exposures(tmp_path, 3)
    exposures.given_groups = ["1", "1", "2"]
    exposures[1]["FILTER"] = "F150W"
    for image, done in zip(exposures, (True, False, True), strict=True):
        image["BKGSUB"] = done
    made = combine(exposures)
    assert made["NDRIZ"] == 2
    assert (made["EFFEXPTM"], made["XPOSURE"], made["TMEASURE"]) == (202.0, 202.0, 182.0)
    assert (made["DURATION"], made["TELAPSE"], made["EXPSTART"]) == (220.0, 220.0, 60000.0)
    assert made["FILTER"] == "MULTIPLE"
    assert (made["RESWHT"], made["PIXFRAC"], made["PXSCLRT"]) == ("ivm", 1.0, 1.0)
    assert "TEXPTIME" not in made
    assert "RA_REF" not in made
    assert made["PIXAR_SR"] == pytest.approx(np.deg2rad(SCALE) ** 2, rel=1e-6)
    assert made["CDELT1"] == pytest.approx(SCALE, rel=1e-8)
    ny, nx = made.data.shape
    region = np.array(made["S_REGION"].split()[2:], "f8").reshape(4, 2).T
    x, y = made.wcs.invert(*region)
    np.testing.assert_allclose(x, [-0.5, -0.5, nx - 0.5, nx - 0.5], atol=1e-4)
    np.testing.assert_allclose(y, [-0.5, ny - 0.5, ny - 0.5, -0.5], atol=1e-4)
    made.write(tmp_path / "mosaic_i2d.fits")
    with fits.open(tmp_path / "mosaic_i2d.fits") as hdus:
        hdus.verify("exception")
        rows = hdus["HDRTAB"].data
        assert [list(rows[name]) for name in ("FILTER", "SUBSIZE1", "BKGSUB", "TMEASURE")] == [
            ["F200W", "F150W", "F200W"],
            [60, 60, 60],
            [True, False, True],
            [90.0, 91.0, 92.0],
        ]
        assert np.isnan(rows["PA_V3"]).all()
        assert rows.columns["SUBSIZE1"].format == "K"
    assert combine(make_exposures(tmp_path, 2), blendheaders=False).hdrtab is None


def test_grids_as_asked_for(tmp_path):
    exposures = make_exposures(tmp_path, 2)
    made = combine(
        exposures,
        crpix=[10.0, 20.0],
        crval=list(CENTRE),
        rotation=25.0,
        pixel_scale=0.17,
        output_shape=[40, 50],
        fillval="-7",
    )
    assert made.data.shape == (50, 40)
    assert (made["CRPIX1"], made["CRPIX2"], made["CRVAL1"], made["CRVAL2"]) == (11.0, 21.0, *CENTRE)
    assert made["CDELT1"] == pytest.approx(0.17 / 3600)
    assert made["PXSCLRT"] == pytest.approx(0.17 / 3600 / SCALE, rel=1e-4)
    assert np.rad2deg(np.arctan2(made["PC1_2"], made["PC2_2"])) == pytest.approx(25)
    assert (made.data[made.wht == 0] == -7).all()
    assert (made.err[made.wht == 0] == 0).all()
    assert (made.wht == 0).any()
    again = combine(exposures, pixel_scale_ratio=0.5)
    assert again["PXSCLRT"] == 0.5
    full = again.wht[40:-40, 40:-40] > 0.9 * again.wht.max()
    # Of 4 pixels in place of one, each has twice the error; the mean of the four then has that of the one.
    np.testing.assert_allclose(again.err[40:-40, 40:-40][full], 2 * NOISE / np.sqrt(2), rtol=0.1)


def test_grid_of_another_mosaic(tmp_path):
    exposures = make_exposures(tmp_path, 2)
    first = combine(exposures, rotation=10.0, pixel_scale_ratio=0.8)
    first.write(tmp_path / "first_i2d.fits")
    path = tmp_path / "grid.asdf"
    with fits.open(tmp_path / "first_i2d.fits") as hdus, asdf.open(io.BytesIO(hdus["ASDF"].data.tobytes())) as tree:
        asdf.AsdfFile({"wcs": tree["meta"]["wcs"], "array_shape": first.data.shape}, version="1.5.0").write_to(path)
    again = combine(exposures, output_wcs=str(path))
    np.testing.assert_allclose(again.data, first.data, rtol=1e-5)
    for keyword in ("CRVAL1", "CD1_1", "S_REGION"):
        assert (keyword in again) == (keyword in first)
    assert again["PXSCLRT"] == pytest.approx(0.8, rel=1e-4)
    part = combine(exposures, output_wcs=str(path), output_shape=[30, 20])
    np.testing.assert_array_equal(part.data, again.data[:20, :30])
    with pytest.raises(UsageError, match="cannot be read"):
        combine(exposures, output_wcs=str(tmp_path / "none.asdf"))


def test_exposures_of_each_group_by_themselves(tmp_path):
    exposures = make_exposures(tmp_path, 3)
    run, saved = make_run(), {}
    run.save = lambda product, suffix, name: saved.update({name: product})
    same = resample(exposures, make_references(exposures, drizpars=None), resample.params(single=True), run)
    assert same is exposures
    assert list(saved) == [f"jw01234001001_02101_0000{i}_nrca1_outlier_i2d.fits" for i in (1, 2, 3)]
    shapes = {product.data.shape for product in saved.values()}
    assert len(shapes) == 1
    for i, product in enumerate(saved.values()):
        assert (product["NDRIZ"], product["EFFEXPTM"]) == (1, 100.0 + i)
        np.testing.assert_array_equal(np.isnan(product.data), product.wht == 0)


def test_mosaics_of_several_detectors_can_be_read(tmp_path):
    images = [make_exposure(tmp_path, i, (3.0 * i, 0), DETECTOR=f"NRCA{i + 1}") for i in range(3)]
    made = combine(Exposures(images, "mosaic", tmp_path))
    assert made["DETECTOR"] == "MULTIPLE"
    made["S_RESAMP"] = "COMPLETE"
    made.write(tmp_path / "mosaic_i2d.fits")
    np.testing.assert_array_equal(Resampled.read(tmp_path / "mosaic_i2d.fits").data, made.data)
    images[0]["DETECTOR"] = "MULTIPLE"
    images[0].write(tmp_path / "x_cal.fits")
    with pytest.raises(InputError, match="none of NIRCAM"):
        Image.read(tmp_path / "x_cal.fits")


def test_context_of_more_than_32_exposures(tmp_path):
    images = [make_exposure(tmp_path, i, (0.1 * i, 0), shape=(12, 12)) for i in range(34)]
    made = combine(Exposures(images, "mosaic", tmp_path))
    assert made.con.shape[0] == 2
    assert made.con[0, 6, 7].astype("u4") == 0xFFFFFFFF
    assert made.con[1, 6, 7] == 0b11


def test_what_makes_no_mosaic(tmp_path):
    exposures = make_exposures(tmp_path, 2)
    for parameters, kind, text in (
        ({"pixel_scale_ratio": 1e-3}, InputError, "would take"),
        (
            {"crval": [CENTRE[0], CENTRE[1] + 0.5], "crpix": [25.0, 25.0], "output_shape": [50, 50]},
            InputError,
            "no good pixel.*see crpix and crval and output_shape",
        ),
        ({"crval": [CENTRE[0] + 180, 40.0]}, UsageError, "crval = .* is too far from"),
    ):
        with pytest.raises(kind, match=text):
            combine(exposures, **parameters)
    for image in exposures:
        image.dq = np.ones(image.shape, "u4")
    with pytest.raises(InputError, match=r"no good pixel.*see their flags"):
        combine(exposures)
    with pytest.raises(Skip, match="no good pixel"):
        combine(exposures[0])
    exposures[0]["VPARITY"] = 3
    with pytest.raises(InputError, match="VPARITY = 3"):
        combine(exposures)
    exposures[1].wcs = None
    with pytest.raises(InputError, match=r"00002_nrca1_cal.fits has no coordinates"):
        combine(exposures)
