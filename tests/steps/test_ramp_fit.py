"""Slopes of whole ramps: what was put in comes out, and the special cases."""

import numpy as np
import pytest
from builders import make_ramp, make_references, make_run, write_reference

from jwpipe.errors import ExitStatus, NoDataError, ReferenceError
from jwpipe.products.dq import Group, Pixel
from jwpipe.products.images import Cube, IFUImage, Image
from jwpipe.steps.ramp.ramp_fit import ramp_fit

GAIN, CDS_NOISE = 2.0, 12.0


def fit(ramp, tmp_path, run=None, gain=GAIN, readnoise=CDS_NOISE, headers=None, **parameters):
    """Rate and rateints of a ramp."""
    ny, nx = ramp.data.shape[2:]
    mode = {keyword: ramp[keyword] for keyword in ("INSTRUME", "DETECTOR")}
    paths = {
        reftype: write_reference(tmp_path / f"{reftype}.fits", {"SCI": plane}, **mode, **(headers or {}))
        for reftype, plane in (
            ("gain", np.broadcast_to(np.float32(gain), (ny, nx))),
            ("readnoise", np.broadcast_to(np.float32(readnoise), (ny, nx))),
        )
    }
    return ramp_fit(ramp, make_references(ramp, **paths), ramp_fit.params(**parameters), run or make_run(2))


def noisy(rate, shape, seed=0, **keywords):
    """A ramp of a given rate (DN/s) with photon and read noise."""
    rng = np.random.default_rng(seed)
    steps = rng.poisson(rate * 10.0 * GAIN, shape) / GAIN
    return make_ramp(steps.cumsum(axis=1) + rng.normal(0, CDS_NOISE / np.sqrt(2), shape) + 15, **keywords)


@pytest.mark.parametrize("rate", [0.2, 5.0, 300.0])
@pytest.mark.parametrize("nints", [1, 4])
def test_slopes_and_their_uncertainties_are_true(tmp_path, rate, nints):
    ramp = noisy(rate, (nints, 8, 60, 80))
    rng = np.random.default_rng(1)
    for i, y, x in zip(rng.integers(0, nints, 600), rng.integers(0, 60, 600), rng.integers(0, 80, 600), strict=True):
        ramp.groupdq[i, 4, y, x] |= Group.JUMP_DET  # a jump of any height leaves the slopes as they are
        ramp.data[i, 4:, y, x] += 800
    image, cube = fit(ramp, tmp_path)
    assert (type(image), type(cube)) == (Image, Cube)
    for product, n in ((image, 1), (cube, nints)):
        assert abs(product.data.mean() - rate) < 4 * np.median(product.err) / np.sqrt(60 * 80 * n) + 0.002 * rate
        assert 0.85 < ((product.data - rate) / product.err).std() < 1.1
        np.testing.assert_array_equal(product.dq != 0, product.dq == Pixel.JUMP_DET)
    np.testing.assert_allclose(image.err**2, image.var_poisson + image.var_rnoise, 1e-5)


def test_exact_ramps_give_exact_slopes_around_jumps_and_gaps(tmp_path):
    ramp = make_ramp(np.broadcast_to(100 + 30 * np.arange(9.0)[:, None, None], (1, 9, 1, 6)))
    ramp.data[0, 3:] += 400
    ramp.groupdq[0, 3] = Group.JUMP_DET
    ramp.groupdq[0, 6, :, 1] = Group.DO_NOT_USE
    ramp.groupdq[0, 0, :, 2] = Group.JUMP_DET
    ramp.groupdq[0, 5:, :, 3] = Group.SATURATED
    ramp.groupdq[0, 1:, :, 4] = Group.DO_NOT_USE
    ramp.groupdq[0, :2, :, 5] = Group.DO_NOT_USE | Group.AD_FLOOR
    _, cube = fit(ramp, tmp_path)
    np.testing.assert_allclose(cube.data[0, 0], [3, 3, 3, 3, np.nan, 3], 1e-5)
    assert cube.dq[0, 0].tolist() == [4, 4, 4, 4, 1, 4]
    lengths = [(3, 6), (3, 3, 2), (3, 6), (3, 2), (), (6,)]
    noise = [sum((n**3 - n) / (12 * (CDS_NOISE**2 / 2) / 100) for n in each) for each in lengths]
    expected = [1 / n if n else 0 for n in noise]
    np.testing.assert_allclose(cube.var_rnoise[0, 0], expected, 1e-5)


def test_ramps_of_one_group(tmp_path):
    timing = {"NFRAMES": 4, "TFRAME": 10.0, "TGROUP": 40.0, "ZEROFRAM": True}

    def ramp():
        made = make_ramp(np.broadcast_to(200 * np.arange(1, 6.0)[:, None, None], (2, 5, 1, 3)), **timing)
        made.groupdq[:, 1:] = Group.SATURATED
        made.groupdq[:, 0, :, 1:] = Group.SATURATED
        made.groupdq[1] = 0
        made.zeroframe = np.array([[[60, 60, 0]], [[60, 60, 60]]])
        return made

    image, cube = fit(ramp(), tmp_path)
    assert np.isnan(cube.data[0, 0]).all()
    assert cube.dq[0, 0].tolist() == [1, 3, 3]
    np.testing.assert_allclose(image.data[0], 5.0, 1e-6)
    assert (image.dq == 0).all()

    _, cube = fit(ramp(), tmp_path, suppress_one_group=False)
    np.testing.assert_allclose(cube.data[0, 0], [200 / 25, 60 / 10, np.nan], 1e-6)  # the first 4 frames end after 25 s
    assert cube.dq[0, 0].tolist() == [0, 0, 3]
    variance = CDS_NOISE**2 / 2 / 4
    np.testing.assert_allclose(cube.var_rnoise[0, 0], [2 * variance / 25**2, 2 * variance / 10**2, 0], 1e-5)

    single = make_ramp(np.full((2, 1, 1, 3), 80.0))
    single.groupdq[0, 0, 0, 1] = Group.SATURATED
    image, cube = fit(single, tmp_path)
    np.testing.assert_allclose(image.data[0], 8.0, 1e-6)
    assert cube.dq[:, 0].tolist() == [[0, 3, 0], [0, 0, 0]]


def test_pixels_that_cannot_be_fitted_are_not_to_be_used(tmp_path):
    ramp = noisy(5.0, (2, 6, 1, 7))
    ramp.pixeldq[0, :2] = Pixel.HOT, Pixel.DO_NOT_USE
    ramp.data[0, :, 0, 5] = np.nan
    ramp.groupdq[:, :, 0, 6] = Group.DO_NOT_USE
    gain, readnoise = np.full((1, 7), GAIN), np.full((1, 7), CDS_NOISE)
    gain[0, 2:4], readnoise[0, 4] = (np.nan, -1), np.nan
    image, cube = fit(ramp, tmp_path, gain=gain, readnoise=readnoise)
    lost = Pixel.DO_NOT_USE | Pixel.NO_GAIN_VALUE
    assert image.dq[0].tolist() == [Pixel.HOT, 1, lost, lost, 1, 0, 1]
    assert cube.dq[:, 0, 5].tolist() == [1, 0]
    for product in (image, cube):
        unusable = (product.dq & Pixel.DO_NOT_USE) != 0
        np.testing.assert_array_equal(np.isnan(product.data), unusable)
        for plane in (product.err, product.var_poisson, product.var_rnoise):
            np.testing.assert_array_equal(plane == 0, unusable)


def test_charge_loss_groups_count_for_the_read_noise_alone(tmp_path):
    ramp = noisy(50.0, (1, 8, 1, 2))
    ramp.groupdq[0, 3:, 0, 1] = Group.CHARGELOSS | Group.DO_NOT_USE
    image, cube = fit(ramp, tmp_path)
    np.testing.assert_allclose(cube.var_rnoise[0, 0, 0], cube.var_rnoise[0, 0, 1], 1e-6)
    np.testing.assert_allclose(image.var_rnoise, cube.var_rnoise[0], 1e-6)
    assert cube.err[0, 0, 1] > 2 * cube.err[0, 0, 0]


def test_dark_current_adds_to_the_photon_noise(tmp_path):
    dark = noisy(5.0, (1, 8, 4, 4))
    dark.average_dark_current = np.full((4, 4), 5.0)
    image, _ = fit(noisy(5.0, (1, 8, 4, 4)), tmp_path)
    dimmed, _ = fit(dark, tmp_path)
    np.testing.assert_allclose(dimmed.var_poisson - image.var_poisson, 5.0 / (10.0 * GAIN * 7), 1e-4)


def test_groups_of_miri_that_are_of_no_use_anywhere_are_left_out(tmp_path):
    ramp = noisy(5.0, (2, 6, 4, 4), INSTRUME="MIRI", DETECTOR="MIRIFUSHORT", EXP_TYPE="MIR_MRS")
    ramp.groupdq[:, 0] = ramp.groupdq[:, -1] = Group.DO_NOT_USE
    ramp.groupdq[0, 1, 0, 0] = Group.JUMP_DET  # from a group that is left out
    image, cube = fit(ramp, tmp_path)
    assert type(image) is IFUImage
    assert (cube.dq == 0).all()
    assert np.isfinite(cube.data).all()
    ramp = noisy(5.0, (1, 3, 4, 4), INSTRUME="MIRI", DETECTOR="MIRIMAGE", EXP_TYPE="MIR_IMAGE")
    ramp.groupdq[:, 0] = ramp.groupdq[:, -1] = Group.DO_NOT_USE
    with pytest.raises(NoDataError, match="fewer than two groups"):
        fit(ramp, tmp_path)


@pytest.mark.parametrize(
    ("exp_type", "opmode", "kind"),
    [("NRS_IFU", "NONE", IFUImage), ("NRS_LAMP", "IFU", IFUImage), ("NRS_LAMP", "MSASPEC", Image)],
)
def test_rates_of_integral_field_units_are_their_own_kind(tmp_path, exp_type, opmode, kind):
    ramp = noisy(5.0, (1, 3, 2, 2), INSTRUME="NIRSPEC", DETECTOR="NRS1", EXP_TYPE=exp_type, OPMODE=opmode)
    image, _ = fit(ramp, tmp_path)
    assert type(image) is kind


def test_an_exposure_saturated_throughout_has_no_slopes(tmp_path):
    ramp = noisy(5.0, (2, 3, 4, 4))
    ramp.groupdq[:] = Group.SATURATED
    with pytest.raises(NoDataError, match="saturated from its first group") as caught:
        fit(ramp, tmp_path)
    assert caught.value.status == ExitStatus.NO_DATA


def test_a_missing_reference_is_named():
    ramp = noisy(5.0, (1, 3, 4, 4))
    with pytest.raises(ReferenceError, match=r"no gain reference.*--override gain=FILE"):
        ramp_fit(ramp, make_references(ramp, gain=None, readnoise=None), ramp_fit.params(), make_run())


def test_products_carry_what_later_steps_need(tmp_path):
    ramp = noisy(5.0, (2, 5, 3, 4), TARGNAME="M 1")
    ramp.int_times = "a table"
    ramp.headers.setdefault("SCI", type(ramp.headers["PRIMARY"])())["BUNIT"] = "DN"
    ramp.groupdq[0, 2, 1, 1] = ramp.groupdq[0, 3, 1, 1] = Group.JUMP_DET
    ramp.data[0, 2:, 1, 1] += 300
    ramp.data[0, 3:, 1, 1] += 500
    run = make_run()
    image, cube = fit(ramp, tmp_path, run, headers={"GAINFACT": 2.5}, save_opt=True, opt_name="segments")
    assert cube.int_times == "a table"
    assert "INT_TIMES" not in [field.extname for field in image.declared]
    for product in (image, cube):
        assert product["TARGNAME"] == "M 1"
        assert product["GAINFACT"] == 2.5
        assert [product.headers[name]["BUNIT"] for name in ("SCI", "ERR")] == ["DN/s", "DN/s"]
    assert (image.data.shape, cube.data.shape) == ((3, 4), (2, 3, 4))
    fitopt = run.saved["fitopt"]
    assert fitopt.slope.shape == (2, 2, 3, 4)
    assert fitopt.crmag.shape == (2, 2, 3, 4)
    rises = np.diff(ramp.data[0, :, 1, 1])
    np.testing.assert_array_equal(fitopt.crmag[0, :, 1, 1], rises[1:3])
    np.testing.assert_array_equal(fitopt.slope[0, 0] == 0, False)
    path = tmp_path / "x_rate.fits"
    image.write(path)
    np.testing.assert_array_equal(Image.read(path).data, image.data)
