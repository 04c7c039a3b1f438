"""IRS2 exposures, through the whole step."""

import numpy as np
import pytest
from astropy.io import fits
from builders import make_ramp, make_references, make_run, write_reference

from jwpipe.engine.step import Skip
from jwpipe.errors import InputError
from jwpipe.products.dq import Pixel
from jwpipe.products.store import Store
from jwpipe.steps.ramp.refpix import refpix
from jwpipe.steps.ramp.refpix_irs2 import find_bad_pixels, replace_bad_pixels

ROW = np.arange(3200) % 640
INTERLEAVED = np.abs((ROW + 0.5) % 20 - 10) < 2
SCIENCE = ~INTERLEAVED & (np.arange(3200) >= 640)
MODE = {"INSTRUME": "NIRSPEC", "EXP_TYPE": "NRS_FIXEDSLIT", "READPATT": "NRSIRS2RAPID", "DETECTOR": "NRS1"}


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    """Weights with which the reference output alone is subtracted, all of it."""
    table = np.zeros(2 * 712 * 2048, [(f"{name}_{k}", "f4") for name in ("alpha", "beta") for k in range(4)])
    for k in range(4):
        table[f"alpha_{k}"][::2] = 1
    listed = np.array([(2, 1, 1)], [("OUTPUT", "u1"), ("ODD_EVEN", "u1"), ("MASK", "u4")])
    tables = [fits.BinTableHDU(table, name="IRS2"), fits.BinTableHDU(listed, name="DQ")]
    return write_reference(tmp_path_factory.mktemp("irs2") / "irs2.fits", tables=tables, **MODE | {"DETECTOR": "ANY"})


@pytest.mark.parametrize("detector", ["NRS1", "NRS2"])
def test_drifts_that_the_reference_output_shares_are_removed(reference, detector):
    rng = np.random.default_rng(1)
    pixels = np.broadcast_to(rng.integers(1000, 1100, (3200, 2048)).astype("f4"), (1, 2, 3200, 2048))
    # In the order in which samples are read: detector rows are columns of the array, NRS2 reads from the other end.
    time = np.arange(2048) if detector == "NRS1" else np.arange(2048)[::-1]
    drift = 30 * np.sin(2 * np.pi * 5 * time / 2048 + 0.3)
    ramp = make_ramp(pixels + np.array([1, -1])[:, None, None] * drift, **MODE | {"DETECTOR": detector})
    kept = SCIENCE if detector == "NRS1" else SCIENCE[::-1]
    ramp.groupdq[:] = ramp.pixeldq[:] = np.where(kept, 0, Pixel.DO_NOT_USE)[:, None]
    refpix(ramp, make_references(ramp, refpix=reference), refpix.params(), make_run(2))
    assert ramp.data.shape == ramp.groupdq.shape == (1, 2, 2048, 2048)
    assert ramp.pixeldq.shape == (2048, 2048)
    assert not ramp.groupdq.any()
    assert not ramp.pixeldq.any()
    left = ramp.data[0] - pixels[0][:, kept]
    assert np.abs(left).max() < 0.5
    assert left.std() < 0.05


def test_an_integration_at_a_time_gives_the_same_bits(reference, tmp_path):
    rng = np.random.default_rng(3)
    counts = rng.normal(1000, 5, (2, 2, 3200, 2048)).astype("f4")
    counts[1, :, 2570] += rng.normal(
        0, 400, (2, 2048)
    )  # bad in the second integration, and so not to be used in either
    ramps = [make_ramp(counts.copy(), **MODE) for _ in range(2)]
    ramps[1].store = Store(tmp_path, room=6 * 2 * 3200 * 2048)
    for ramp in ramps:
        ramp.groupdq[:, 1, 1000:2000] = 4
        refpix(ramp, make_references(ramp, refpix=reference), refpix.params(), make_run(2))
    for name in ("data", "groupdq", "pixeldq"):
        np.testing.assert_array_equal(getattr(ramps[1], name), getattr(ramps[0], name))


def test_outliers_are_found_and_replaced_by_their_neighbours():
    rng = np.random.default_rng(2)
    data = rng.normal(100, 2, (2, 2, 3200, 64)).astype("f4")
    # A high pair, a noisy pair, and one that is noisy in the second integration alone.
    data[:, :, 648:650] += 50
    data[:, :, 1390] += rng.normal(0, 40, (2, 2, 64))
    data[1, :, 2570] += rng.normal(0, 40, (2, 64))
    known = np.zeros(3200, bool)
    known[3188] = True
    found = find_bad_pixels(data, known, 5.0)
    assert np.flatnonzero(found).tolist() == [648, 649, 1390, 1391, 2570, 2571]
    bad = found | known
    bad[[1410, 1430]] = True
    before = data.copy()
    replace_bad_pixels(data, np.flatnonzero(bad), bad)
    assert np.flatnonzero((data != before).any(axis=(0, 1, 3))).tolist() == np.flatnonzero(bad).tolist()
    np.testing.assert_array_equal(data[:, :, 648], before[:, :, 668])
    np.testing.assert_array_equal(data[:, :, 2571], before[:, :, 2591])
    np.testing.assert_array_equal(data[:, :, 1391], (before[:, :, 1371] + before[:, :, 1411]) / 2)
    np.testing.assert_array_equal(data[:, :, 1390], before[:, :, 1370])
    np.testing.assert_array_equal(data[:, :, 3188], before[:, :, 3168])
    bad[3150:3200] = True
    replace_bad_pixels(data, [3190], bad)
    assert not data[:, :, 3190].any()


def test_other_sizes_and_patterns_are_refused(reference, tmp_path):
    def correct(ramp, path=reference):
        refpix(ramp, make_references(ramp, refpix=path), refpix.params(), make_run())

    with pytest.raises(InputError, match="too large for its detector"):
        correct(make_ramp(np.zeros((1, 1, 3200, 100)), **MODE))
    ramp = make_ramp(np.zeros((1, 1, 3200, 2048)), **MODE)
    with pytest.raises(Skip, match="no refpix reference"):
        correct(ramp, None)
    table = fits.BinTableHDU(np.zeros(100, [("alpha_0", "f4")]), name="IRS2")
    with pytest.raises(Skip, match="has 100 rows"):
        correct(ramp, write_reference(tmp_path / "short.fits", tables=[table], **MODE))
    ramp["NRS_NORM"] = 8
    with pytest.raises(InputError, match="only 16 can be corrected"):
        correct(ramp)


def test_steps_that_know_nothing_of_preserved_reference_pixels_refuse_them(tmp_path):
    ramp = make_ramp(np.zeros((1, 1, 3200, 2048)), **MODE)
    planes = {"SCI": np.ones((2048, 2048), "f4")}
    gain = write_reference(tmp_path / "gain.fits", planes, **MODE)
    with pytest.raises(InputError, match="IRS2 readout among its pixels"):
        make_references(ramp, gain=gain)["gain"].array()
    threshold = make_references(ramp, saturation=write_reference(tmp_path / "saturation.fits", planes, **MODE))
    assert threshold["saturation"].array().shape == (2048, 2048)
