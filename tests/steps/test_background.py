"""Backgrounds that other exposures see."""

import numpy as np
import pytest
from builders import MODE, make_references, make_run

from jwpipe.engine.step import Skip
from jwpipe.errors import InputError, StepError
from jwpipe.products.images import Cube, Image
from jwpipe.steps.image import background as module

background = module.background


def make(level, shape=(12, 10), corner=(1, 1), **keywords):
    """An image, or a cube, of one level and small noise."""
    product = (Image if len(shape) == 2 else Cube)()
    rng = np.random.default_rng(sum(shape))
    product.data = rng.normal(level, 0.01, shape)
    product.err = np.full(shape, 0.1)
    product.dq = np.zeros(shape, "u4")
    place = {"SUBSTRT1": corner[0], "SUBSTRT2": corner[1], "SUBSIZE1": shape[-1], "SUBSIZE2": shape[-2]}
    for keyword, value in (MODE | place | keywords).items():
        product[keyword] = value
    return product


def subtract(product, backgrounds, folder, threads=2, **parameters):
    run = make_run(threads)
    run.members["background"] = []
    for i, other in enumerate(backgrounds):
        path = folder / f"background{i}.fits"
        other.write(path)
        run.members["background"].append(path)
    background(product, make_references(product), background.params(**parameters), run)
    return run


@pytest.mark.parametrize("band", [1, 10**7])
def test_the_mean_of_backgrounds_is_subtracted_and_their_flags_count(tmp_path, monkeypatch, band):
    monkeypatch.setattr(module, "BAND", band)
    backgrounds = [make(level) for level in (2, 3, 4)]
    backgrounds[1].dq[3, 4] = 4
    backgrounds[2].data[5, 6] = np.nan
    product = make(10)
    before, dq = product.data.copy(), product.dq.copy()
    run = subtract(product, backgrounds, tmp_path, save_combined_background=True)
    expected = np.nanmean([b.data for b in backgrounds], axis=0)
    np.testing.assert_allclose(product.data, before - expected, rtol=1e-6)
    dq[3, 4] |= 4
    np.testing.assert_array_equal(product.dq, dq)
    combined = run.saved["combinedbackground"]
    np.testing.assert_allclose(combined.data, expected, rtol=1e-6)
    assert combined.err[0, 0] == pytest.approx(0.1 / np.sqrt(3))
    assert combined.err[5, 6] == pytest.approx(0.1 / np.sqrt(2))


def test_integrations_are_averaged_first(tmp_path):
    product, backgrounds = make(10, (2, 12, 10)), [make(2, (30, 12, 10)), make(3, (1, 12, 10)), make(7)]
    backgrounds[0].data[3] += 1000
    backgrounds[0].dq[7, 1, 2] = 16
    subtract(product, backgrounds, tmp_path)
    np.testing.assert_allclose(product.data, 10 - (2 + 3 + 7) / 3, atol=0.1)
    assert np.argwhere(product.dq).tolist() == [[0, 1, 2], [1, 1, 2]]


def test_subarrays_are_registered_on_the_detector(tmp_path):
    whole, part, away = make(2, (40, 40)), make(4, (4, 5), (8, 9)), make(9, (5, 5), (30, 30))
    product = make(10, corner=(5, 7))
    rows, columns = slice(2, 6), slice(3, 8)
    expected = product.data - whole.data[6:18, 4:14]
    expected[rows, columns] = product.data[rows, columns] - (whole.data[8:12, 7:12] + part.data) / 2
    subtract(product, [whole, part, away], tmp_path)
    np.testing.assert_allclose(product.data, expected, rtol=1e-5)


def test_what_cannot_be_subtracted_is_told(tmp_path):
    with pytest.raises(Skip, match="no background"):
        subtract(make(1), [], tmp_path)
    with pytest.raises(InputError, match=r"is in MJy/sr, and no background of .* in DN/s"):
        subtract(make(10, BUNIT="DN/s"), [make(2, BUNIT="MJy/sr")], tmp_path)
    with pytest.raises(InputError, match="is of NRCA2, and no background"):
        subtract(make(1), [make(1, DETECTOR="NRCA2")], tmp_path)
    nirspec = {"INSTRUME": "NIRSPEC", "DETECTOR": "NRS1", "EXP_TYPE": "NRS_IFU", "GWA_XTIL": 0.1, "GWA_YTIL": 0.2}
    with pytest.raises(Skip, match="another angle"):
        subtract(make(1, **nirspec), [make(1, **nirspec), make(1, **nirspec | {"GWA_YTIL": 0.3})], tmp_path)
    with pytest.raises(StepError, match="slitless"):
        subtract(make(1, EXP_TYPE="NRC_WFSS"), [make(1)], tmp_path)
