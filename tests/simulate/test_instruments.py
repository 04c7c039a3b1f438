"""Every instrument's detectors, subarrays and times, and what is special to one."""

import numpy as np
import pytest
from astropy.io import fits

from jwpipe.simulate import modes, simulate
from jwpipe.simulate.exposure import plan

QUIET = {"stars": 0, "galaxies": 0, "cosmic_ray_rate": 0}


def planned(mode, **options):
    mode = modes.load(mode)
    return plan(mode, mode.check(options))


# Times as the telescope's own headers and the User Documentation give them.
@pytest.mark.parametrize(
    ("mode", "options", "seconds"),
    [
        ("niriss-image", {}, 10.73677),
        ("niriss-image", {"subarray": "SUB64"}, 0.05016),
        ("niriss-image", {"subarray": "SUB256"}, 0.69144),
        ("niriss-soss", {}, 5.494),
        ("niriss-soss", {"subarray": "SUBSTRIP96"}, 2.214),
        ("niriss-ami", {}, 0.07544),
        ("fgs-image", {"subarray": "SUB128LL"}, 0.182),
    ],
)
def test_frame_times(mode, options, seconds):
    assert planned(mode, **options).frame_time == pytest.approx(seconds, abs=6e-6)


@pytest.mark.parametrize("mode", modes.CATALOGUE)
def test_subarrays_lie_on_the_detector(mode):
    instrument = modes.load(mode).instrument
    for detector in instrument.detectors:
        for name, window in instrument.windows(detector).items():
            assert name == window.name
            assert min(window.x, window.y) >= 0
            assert window.x + window.nx <= instrument.full[0]
            assert window.y + window.ny <= instrument.full[1]


@pytest.mark.parametrize(
    ("mode", "options", "at"),
    [
        ("niriss-image", {"subarray": "SUB64"}, (np.s_[-4:], np.s_[-4:])),
        ("niriss-ami", {}, (np.s_[:4], np.s_[:0])),
        ("fgs-image", {"subarray": "SUB128LL"}, (np.s_[-4:], np.s_[-4:])),
        ("fgs-image", {"subarray": "SUB128LL", "detector": "GUIDER2"}, (np.s_[:4], np.s_[-4:])),
    ],
)
def test_reference_pixels(mode, options, at):
    exposure = planned(mode, **options)
    reference = exposure.instrument.reference_pixels(exposure.window)
    rows, columns = at
    expected = np.zeros(exposure.window.shape, bool)
    expected[rows] = expected[:, columns] = True
    np.testing.assert_array_equal(reference, expected)


def test_niriss_filters_are_in_two_wheels(tmp_path):
    wheels = {}
    for band in ("F090W", "F430M"):
        made = simulate("niriss-image", tmp_path, subarray="SUB64", groups=1, filter=band, **QUIET)
        head = fits.getheader(made.uncal)
        wheels[band] = head["FILTER"], head["PUPIL"]
    assert wheels == {"F090W": ("CLEAR", "F090W"), "F430M": ("F430M", "CLEARP")}
    assert head["APERNAME"] == "NIS_SUB64"
    assert (made.crds_path / "mappings/jwst/jwst_niriss_pars-chargemigrationstep_0001.rmap").exists()


def test_soss_is_a_time_series_of_two_orders(tmp_path):
    made = simulate("niriss-soss", tmp_path, subarray="SUBSTRIP96", groups=1, integrations=2, cosmic_ray_rate=0)
    assert fits.getval(made.uncal, "TSOVISIT")
    sources, light = fits.getdata(made.truth, "SOURCES"), fits.getdata(made.truth, "LIGHT")
    assert light.shape == (96, 2048)
    assert sources["RATE"][0] > 3 * sources["RATE"][1] > 0
    peak = light[:, 1000:1048].sum(axis=1).argmax()
    assert abs(peak - sources["Y"][0]) < 2
