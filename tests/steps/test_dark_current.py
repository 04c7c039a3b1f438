"""Darks of a whole ramp: patterns, averages kept on disk, by-products."""

import numpy as np
import pytest
from builders import make_ramp, make_references, make_run, write_reference

from jwpipe.engine.step import Skip
from jwpipe.errors import ReferenceError
from jwpipe.products.dq import Pixel
from jwpipe.steps.ramp import dark_current as module
from jwpipe.steps.ramp.dark_current import dark_current

PATTERN = {"NFRAMES": 1, "GROUPGAP": 0}


def make_dark(folder, nframes=12, shape=(8, 6), **keywords):
    """A dark whose frame i is i everywhere but for a NaN, with flags."""
    data = np.ones((nframes, *shape), "f4") * np.arange(nframes, dtype="f4")[:, None, None]
    data[1, 0, 0] = np.nan
    dq = np.zeros(shape, "i4")
    dq[2, 3] = 2
    arrays = {"SCI": data, "ERR": np.full_like(data, 3), "DQ": dq}
    return write_reference(folder / "dark.fits", arrays, dq_def={2: "HOT"}, **(PATTERN | keywords))


def subtract(ramp, path, cache=None, **parameters):
    run = make_run(2)
    run.cache = cache
    dark_current(ramp, make_references(ramp, dark=path), dark_current.params(**parameters), run)
    return run


def test_frames_are_averaged_to_the_exposures_groups_and_gaps_dropped(tmp_path):
    ramp = make_ramp(np.full((2, 3, 8, 6), 100.0), NFRAMES=2, GROUPGAP=1)
    subtract(ramp, make_dark(tmp_path))
    assert ramp.data[:, :, 1, 1].tolist() == [[99.5, 96.5, 93.5]] * 2
    assert ramp.data[0, 0, 0, 0] == 100  # mean of 0 and NaN, which counts as 0
    assert np.argwhere(ramp.pixeldq == Pixel.HOT).tolist() == [[2, 3]]


def test_equal_patterns_are_subtracted_group_by_group_and_full_frames_are_cut(tmp_path):
    ramp = make_ramp(np.full((1, 3, 4, 4), 100.0), NFRAMES=2, GROUPGAP=1, SUBSTRT1=3, SUBSTRT2=2)
    subtract(ramp, make_dark(tmp_path, NFRAMES=2, GROUPGAP=1))
    assert ramp.data[0, :, 3, 3].tolist() == [100, 99, 98]
    assert np.argwhere(ramp.pixeldq).tolist() == [[1, 1]]


@pytest.mark.parametrize(
    ("science", "dark", "why"),
    [
        ({"NFRAMES": 4, "GROUPGAP": 1}, {}, "lasts 12 frames, the exposure's integrations 14"),
        ({}, {"NFRAMES": 2}, "coarser"),
        ({}, {"GROUPGAP": 1}, "coarser"),
        ({"NFRAMES": 6}, {"NFRAMES": 2}, "too few groups"),
    ],
)
def test_a_dark_that_does_not_fit_is_not_subtracted_but_its_noise_counts(science, dark, why, tmp_path):
    ramp = make_ramp(np.full((1, 3, 8, 6), 100.0), **science)
    with pytest.raises(Skip, match=why):
        subtract(ramp, make_dark(tmp_path, AVDRKCUR=0.02, **dark))
    assert (ramp.data == 100).all()
    assert not ramp.pixeldq.any()
    assert (ramp.average_dark_current == np.float32(0.02)).all()


def test_a_dark_without_its_pattern_is_refused(tmp_path):
    with pytest.raises(ReferenceError, match="no NFRAMES"):
        subtract(make_ramp(np.zeros((1, 3, 8, 6))), make_dark(tmp_path, NFRAMES=None))


def test_the_average_dark_current_is_the_users_then_the_image_then_the_keyword(tmp_path):
    image = np.full((8, 6), 0.5)
    arrays = {"SCI": np.zeros((3, 8, 6)), "AVDRKCUR": image}
    with_image = write_reference(tmp_path / "image.fits", arrays, **PATTERN, AVDRKCUR=0.02)
    arrays["AVDRKCUR"] = image * 0
    with_zeros = write_reference(tmp_path / "zeros.fits", arrays, **PATTERN, AVDRKCUR=0.02)
    for path, parameters, expected in (
        (with_image, {"average_dark_current": 2.0}, 2),
        (with_image, {}, 0.5),
        (with_zeros, {}, 0.02),
        (make_dark(tmp_path), {}, 0),
    ):
        ramp = make_ramp(np.zeros((1, 3, 8, 6)))
        subtract(ramp, path, **parameters)
        assert (ramp.average_dark_current == np.float32(expected)).all()


def test_integrations_beyond_the_darks_take_the_last(tmp_path):
    data = np.ones((2, 3, 4, 4)) * np.array([1, 5])[:, None, None, None]
    dq = np.zeros((2, 1, 4, 4), "i4")
    dq[0, 0, 1, 1], dq[1, 0, 2, 2] = 1, 1
    path = write_reference(tmp_path / "dark.fits", {"SCI": data, "DQ": dq}, **PATTERN)
    for keywords, expected in (({}, [1, 5, 5]), ({"INTSTART": 4, "INTEND": 6}, [5, 5, 5])):
        ramp = make_ramp(np.zeros((3, 3, 4, 4)), **keywords)
        subtract(ramp, path)
        assert (-ramp.data[:, 2, 0, 0]).tolist() == expected
        assert np.argwhere(ramp.pixeldq).tolist() == [[1, 1], [2, 2]]


def test_the_dark_used_is_saved(tmp_path):
    ramp = make_ramp(np.full((1, 3, 8, 6), 100.0), NFRAMES=4, GROUPGAP=0)
    dark = subtract(ramp, make_dark(tmp_path), dark_output="mine").saved["dark"]
    assert dark.data[:, 1, 1].tolist() == [1.5, 5.5, 9.5]
    assert dark.data[0, 0, 0] == 1.25
    assert (dark.err == 1.5).all()
    assert dark.dq[2, 3] == Pixel.HOT
    assert [dark[k] for k in ("NFRAMES", "NGROUPS", "GROUPGAP", "SUBSIZE1")] == [4, 3, 0, 6]
    whole = subtract(make_ramp(np.zeros((1, 3, 8, 6))), make_dark(tmp_path), dark_output="mine").saved["dark"]
    assert whole.shape == (12, 8, 6)
    assert whole.data[1, 0, 0] == 0


@pytest.fixture
def costly(monkeypatch):
    monkeypatch.setattr(module, "COSTLY", 1)


@pytest.mark.usefixtures("costly")
def test_averages_are_kept_and_used_unless_damaged_or_stale(tmp_path):
    path, cache = make_dark(tmp_path), tmp_path / "cache" / "derived"

    def result(path=path, **keywords):
        ramp = make_ramp(np.zeros((1, 3, 8, 6)), **({"NFRAMES": 2} | keywords))
        subtract(ramp, path, cache)
        return ramp.data

    fresh = result()
    (kept,) = cache.iterdir()
    content = kept.read_bytes()
    kept.write_bytes(content[:-4] + np.float32(77).tobytes())  # to see where the dark comes from
    assert result()[0, 2, 7, 5] == -77
    for damage in (content[:-4], b"x" * len(content), b""):
        kept.write_bytes(damage)
        np.testing.assert_array_equal(result(), fresh)
        assert kept.read_bytes() == content
    result(GROUPGAP=1)
    assert len(list(cache.iterdir())) == 2
    path = make_dark(tmp_path, nframes=13)
    result(path)
    assert len(list(cache.iterdir())) == 3


@pytest.mark.usefixtures("costly")
def test_a_folder_that_cannot_be_written_is_no_failure(tmp_path):
    (tmp_path / "file").write_text("not a folder")
    ramp = make_ramp(np.zeros((1, 3, 8, 6)), NFRAMES=2)
    subtract(ramp, make_dark(tmp_path), tmp_path / "file" / "derived")
    assert ramp.data[0, 2, 1, 1] == -4.5
