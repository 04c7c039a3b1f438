"""Levels of the sky in exposures that overlap."""

import numpy as np
import pytest
from builders import make_run
from mosaics import make_exposure, make_exposures

from jwpipe.engine.step import Skip
from jwpipe.errors import InputError, UsageError
from jwpipe.products.exposures import Exposures, open_exposures
from jwpipe.steps.image.skymatch import skymatch

SKIES = 2.0, 2.5, 1.6, 2.2
SHAPE = 96, 90


def exposures_of(folder, skies=SKIES, **options):
    """Exposures that overlap, with skies of their own."""
    exposures = make_exposures(folder, len(skies), shape=SHAPE)
    for image, sky in zip(exposures, skies, strict=True):
        image.data += np.float32(sky - 2)
    return exposures


def match(exposures, threads=1, **parameters):
    return skymatch(exposures, None, skymatch.params(**parameters), make_run(threads))


def levels(exposures):
    return np.array([image.get("BKGLEVEL", np.nan) for image in exposures])


@pytest.mark.parametrize(("skystat", "precision"), [("mode", 0.12), ("median", 0.04), ("mean", 0.04), ("midpt", 0.04)])
def test_skies_are_matched(tmp_path, skystat, precision):
    exposures = match(exposures_of(tmp_path), skystat=skystat)
    np.testing.assert_allclose(levels(exposures), np.array(SKIES) - 1.6, atol=precision)
    assert levels(exposures).min() == 0
    assert {image["BKGMETH"] for image in exposures} == {"match"}
    assert {image["BKGSUB"] for image in exposures} == {False}


@pytest.mark.parametrize(
    ("method", "expected"),
    [("local", SKIES), ("global", [1.6] * 4), ("global+match", SKIES), ("match", np.array(SKIES) - 1.6)],
)
def test_methods(tmp_path, method, expected):
    for subtract in (False, True):
        exposures = exposures_of(tmp_path)
        before = [np.median(image.data) for image in exposures]
        match(exposures, skymethod=method, subtract=subtract, skystat="median")
        np.testing.assert_allclose(levels(exposures), expected, atol=0.05)
        after = [np.median(image.data) for image in exposures]
        np.testing.assert_allclose(np.subtract(before, after), levels(exposures) * subtract, atol=1e-5)


def test_skies_are_matched_to_the_highest(tmp_path):
    exposures = match(exposures_of(tmp_path), match_down=False, skystat="median")
    np.testing.assert_allclose(levels(exposures), np.array(SKIES) - 2.5, atol=0.04)
    assert levels(exposures).max() == 0


def test_detectors_of_one_exposure_have_one_level(tmp_path):
    images = [
        make_exposure(tmp_path, number, offset, shape=SHAPE, sky=sky, EXPOSURE=f"{exposure:05d}")
        for number, (exposure, offset, sky) in enumerate(
            [(1, (0, 0), 1.0), (1, (100, 0), 1.0), (2, (30, 10), 1.4), (2, (130, 10), 1.4)]
        )
    ]
    exposures = match(Exposures(images, "mosaic", tmp_path), skystat="median")
    found = levels(exposures)
    assert found[0] == found[1] == 0
    assert found[2] == found[3] == pytest.approx(0.4, abs=0.04)


def test_who_overlaps_none_is_left_out_with_a_warning(tmp_path, caplog):
    images = [
        make_exposure(tmp_path, i, offset, shape=SHAPE, sky=i + 1.0)
        for i, offset in enumerate([(0, 0), (20, 20), (500, 0), (1000, 0), (1020, 0)])
    ]
    exposures = match(Exposures(images, "mosaic", tmp_path))
    exposures.record("S_SKYMAT", "COMPLETE")
    assert [image["S_SKYMAT"] for image in exposures] == ["COMPLETE", "COMPLETE", "SKIPPED", "COMPLETE", "COMPLETE"]
    assert np.isnan(levels(exposures)).tolist() == [False, False, True, False, False]
    assert "2 places apart" in caplog.text
    assert "02101_00003 is not to be told" in caplog.text
    with pytest.raises(Skip, match="no exposure"):
        match(Exposures([images[0], images[2]], "mosaic", tmp_path))
    with pytest.raises(Skip, match="no exposure"):
        match(images[0])
    assert match(images[0], skymethod="local")["BKGLEVEL"] == pytest.approx(1, abs=0.1)


def test_pixels_that_do_not_count(tmp_path):
    exposures = exposures_of(tmp_path)
    for image in exposures:
        image.data[::3], image.dq[::3] = 900, 1
        image.data[1::3], image.dq[1::3] = np.nan, 0
    match(exposures, nclip=0, skystat="median")
    np.testing.assert_allclose(levels(exposures), np.array(SKIES) - 1.6, atol=0.1)
    exposures[1].dq[:] = 1
    found = levels(match(exposures, skymethod="global+match"))
    assert np.isfinite(found).all()
    for image in exposures:
        image.dq[:] = 1
    with pytest.raises(Skip):
        match(exposures, skymethod="local")


def test_same_levels_for_any_number_of_threads(tmp_path):
    found = [levels(match(exposures_of(tmp_path), threads, skymethod="global+match")) for threads in (1, 2, 8)]
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_array_equal(found[0], found[2])


def test_one_exposure_is_in_memory_at_a_time_and_what_is_subtracted_stays(tmp_path):
    before = []
    for image in exposures_of(tmp_path):
        before.append(np.median(image.data))
        image.write(tmp_path / image.path.name)
    exposures = open_exposures(sorted(tmp_path.glob("*cal.fits")), name="mosaic", folder=tmp_path)
    match(exposures, subtract=True)
    assert sum(isinstance(image.fields["data"], np.ndarray) for image in exposures) == 0
    after = [np.median(image.data) for image in exposures]
    np.testing.assert_allclose(np.subtract(before, after), levels(exposures), atol=1e-5)
    assert levels(exposures).max() > 0.8


def test_matching_again(tmp_path):
    exposures = match(exposures_of(tmp_path))
    first = levels(exposures)
    np.testing.assert_array_equal(levels(match(exposures)), first)
    with pytest.raises(InputError, match="BKGSUB = F, and subtract is true"):
        match(exposures, subtract=True)
    exposures = match(exposures_of(tmp_path), subtract=True)
    np.testing.assert_allclose(levels(match(exposures, subtract=True)), first, atol=0.02)
    del exposures[0].headers["PRIMARY"]["BKGSUB"]
    with pytest.raises(InputError, match="without the other"):
        match(exposures, subtract=True)


def test_bad_input(tmp_path):
    exposures = exposures_of(tmp_path)
    with pytest.raises(UsageError, match="names no flag"):
        match(exposures, dqbits="~NONSENSE")
    wcs = exposures[1].wcs
    exposures[1].wcs = None
    with pytest.raises(InputError, match="has no coordinates"):
        match(exposures)
    exposures[1].wcs = type(wcs).tangent((np.nan, 0), (80, -69), np.eye(2), (1e-5, 1e-5), SHAPE)
    with pytest.raises(InputError, match="nowhere on the sky"):
        match(exposures)
