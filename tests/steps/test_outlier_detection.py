"""Outliers among dithered exposures, and among those of one place."""

import numpy as np
import pytest
from builders import make_references, make_run
from mosaics import hit, make_exposure, make_exposures

from jwpipe.drizzle import resampling
from jwpipe.engine.step import Skip
from jwpipe.errors import InputError
from jwpipe.products.exposures import Exposures
from jwpipe.steps.image import outlier_detection as module

step = module.outlier_detection
OUTLIER = 16


def detect(exposures, folder, threads=1, **parameters):
    run = make_run(threads)
    run.folder = folder
    made = step(exposures, make_references(exposures), step.params(**parameters), run)
    return made, run


def outliers(exposures):
    return np.array([image.dq & OUTLIER > 0 for image in exposures.visit()])


def assert_found(found, hits):
    """All hits but those for which another exposure had one at the same place; nothing else but a neighbour of one."""
    hits = np.array(hits)
    assert (found & hits).sum() >= 0.97 * hits.sum()
    assert (found & ~hits).sum() <= 0.05 * hits.sum()


@pytest.mark.parametrize("parameters", [{}, {"kernel": "gaussian", "in_memory": True}, {"weight_type": "exptime"}])
def test_cosmic_rays_are_found_and_stars_are_not(tmp_path, parameters):
    exposures = make_exposures(tmp_path, shape=(80, 84))
    hits = [hit(image, i) for i, image in enumerate(exposures)]
    detect(exposures, tmp_path, **parameters)
    assert_found(outliers(exposures), hits)
    assert {int(flag) for image in exposures for flag in np.unique(image.dq)} == {0, OUTLIER | 1}


def test_same_flags_for_any_number_of_threads_and_any_window(tmp_path, monkeypatch):
    flags = []
    for threads in (1, 2, 8, 1):
        exposures = make_exposures(tmp_path, 3)
        for i, image in enumerate(exposures):
            hit(image, i, height=1.8)  # near the threshold
        detect(exposures, tmp_path, threads)
        flags.append(outliers(exposures))
        if threads == 8:
            monkeypatch.setattr(
                module, "window", lambda images, grid: (slice(0, grid.shape[0]), slice(0, grid.shape[1]))
            )
    assert 10 < flags[0].sum() < 75
    for other in flags[1:]:
        np.testing.assert_array_equal(other, flags[0])


def test_window_holds_all_that_falls_on_the_grid(tmp_path):
    exposures = make_exposures(tmp_path)
    exposures.images.append(make_exposure(tmp_path, 4, (30, 25), roll=75))
    grid = module.lay_out(exposures.images)
    for i in range(5):
        rows, columns = resampling.window([exposures[i]], grid)
        whole = resampling.resample_group(exposures, [i], grid, kernel="lanczos3")
        part = resampling.resample_group(exposures, [i], grid, rows=rows, columns=columns, kernel="lanczos3")
        assert part.wht.size < whole.wht.size
        np.testing.assert_allclose(part.wht, whole.wht[rows, columns], rtol=1e-6, atol=1e-6)
        assert np.count_nonzero(part.wht) == np.count_nonzero(whole.wht) > 3000


def test_sky_that_is_known_but_not_subtracted(tmp_path):
    exposures = Exposures(
        [make_exposure(tmp_path, i, (0.6 * i, 0.7 * i), sky=10.0 * i) for i in range(5)], "mosaic", tmp_path
    )
    for i, image in enumerate(exposures):
        image["BKGLEVEL"], image["BKGSUB"] = 10.0 * i, False
    hits = [hit(image, i) for i, image in enumerate(exposures)]
    detect(exposures, tmp_path)
    assert_found(outliers(exposures), hits)


def test_exposures_of_one_place_pixel_by_pixel(tmp_path):
    exposures = Exposures([make_exposure(tmp_path, i) for i in range(5)], "mosaic", tmp_path)
    hits = [hit(image, i) for i, image in enumerate(exposures)]
    exposures[1].dq[30:40, 30:40] = 1
    exposures[1].data[30:40, 30:40] = 1e6
    exposures[2].var_rnoise[20:30] *= 2  # its weight is half of the others
    exposures[2].data[20:30] = -1e6
    data = np.array([image.data for image in exposures])
    data[1, 30:40, 30:40], data[2, 20:30] = np.nan, np.nan
    difference = abs(np.array([image.data for image in exposures]) - np.nanmedian(data, axis=0))
    detect(exposures, tmp_path, resample_data=False, snr="6 1")
    found = outliers(exposures)
    np.testing.assert_array_equal(found, difference > np.float32(6) * exposures[0].err)
    assert found[np.array(hits)].all()


def test_products_by_which_exposures_are_compared(tmp_path):
    exposures = make_exposures(tmp_path, 3)
    run, saved = make_run(), {}
    run.folder, run.save = tmp_path, lambda product, suffix, name: saved.update({name: product})
    step(exposures, make_references(exposures), step.params(save_intermediate_results=True), run)
    stems = [f"jw01234001001_02101_0000{i}_nrca1" for i in (1, 2, 3)]
    assert list(saved) == [
        *(f"{stem}_outlier_i2d.fits" for stem in stems),
        f"{stems[0]}_a3001_median.fits",
        *(f"{stem}_a3001_blot.fits" for stem in stems),
    ]
    blot, median = saved[f"{stems[1]}_a3001_blot.fits"], saved[f"{stems[0]}_a3001_median.fits"]
    inside = blot.data[10:-10, 10:-10] - exposures[1].data[10:-10, 10:-10]
    assert abs(inside.mean()) < 0.05
    assert inside.std() < 0.7
    assert median.shape == saved[f"{stems[0]}_outlier_i2d.fits"].shape > exposures[0].shape
    assert median["CTYPE1"] == "RA---TAN"


def test_exposures_are_not_held_in_memory(tmp_path):
    exposures = make_exposures(tmp_path, 3)
    detect(exposures, tmp_path)
    assert not [v for image in exposures for v in image.fields.values() if isinstance(v, np.ndarray)]
    assert sum(image.dq.astype(bool).sum() for image in exposures) < 20


def test_no_good_pixel_in_one_exposure_or_in_any(tmp_path):
    exposures = make_exposures(tmp_path, 6)
    exposures[0].dq[:] = 1
    hits = [hit(image, i) for i, image in enumerate(exposures)]
    detect(exposures, tmp_path)
    assert_found(outliers(exposures)[1:], hits[1:])
    for image in exposures:
        image.dq = np.ones(image.shape, "u4")
    detect(exposures, tmp_path)
    assert not outliers(exposures).any()


def test_what_is_skipped_and_what_refused(tmp_path):
    with pytest.raises(Skip, match="no other"):
        detect(make_exposures(tmp_path, 1), tmp_path)
    with pytest.raises(Skip, match="NRC_WFSS"):
        detect(make_exposures(tmp_path, 2, EXP_TYPE="NRC_WFSS"), tmp_path)
    exposures = make_exposures(tmp_path, 2)
    exposures.images[1] = make_exposure(tmp_path, 1, shape=(30, 40))
    with pytest.raises(InputError, match="60 x 64 pixels"):
        detect(exposures, tmp_path, resample_data=False)
    exposures[1].wcs = None
    with pytest.raises(InputError, match="no coordinates"):
        detect(exposures, tmp_path)
