"""Every instrument's detectors, subarrays and times, and what is special to one."""

import asdf
import numpy as np
import pytest
from astropy.io import fits

from jwpipe.errors import UsageError
from jwpipe.products.dq import Pixel
from jwpipe.products.ramp import Ramp
from jwpipe.simulate import modes, simulate
from jwpipe.simulate.exposure import plan
from jwpipe.simulate.irs2 import draw_interleaving
from jwpipe.simulate.streams import Streams
from jwpipe.steps.ramp.irs2 import science_rows

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
        ("nirspec-subarray", {}, 0.22616),
        ("nirspec-subarray", {"subarray": "SUB2048"}, 0.902),
        ("nirspec-irs2", {}, 14.58889),
        ("guider", {}, 0.182),
        ("miri-image", {}, 2.77504),
        ("miri-image", {"readpatt": "SLOWR1"}, 23.88992),
        ("miri-image", {"subarray": "SUB64"}, 0.08512),
        ("miri-image", {"subarray": "MASKLYOT"}, 0.324),
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
        ("miri-image", {"subarray": "SUB64"}, (np.s_[:0], np.s_[:4])),
        ("miri-image", {"subarray": "SUB256"}, (np.s_[:0], np.s_[:0])),
        ("nirspec-subarray", {}, (np.s_[:0], np.s_[:0])),
        ("nirspec-subarray", {"subarray": "SUB1024A", "detector": "NRS2"}, (np.s_[:0], np.s_[-4:])),
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


def test_miri_settles_after_each_reset_and_references_say_how(tmp_path):
    options = {"subarray": "SUB64", "groups": 14, "integrations": 2, "sky": 0.0, **QUIET}
    made = simulate("miri-image", tmp_path, **options)
    folder = made.crds_path / "references/jwst/miri"
    data = fits.getdata(made.uncal).astype("f8")
    reset, dark = (fits.getdata(folder / f"jwst_miri_{name}_0001.fits") for name in ("reset", "dark"))
    assert reset.shape == (2, 12, 64, 72)
    assert dark.shape == (2, 16, 64, 72)
    assert fits.getdata(folder / "jwst_miri_dark_0001.fits", "DQ").shape == (2, 1, 64, 72)
    data[:, :12] -= reset
    data -= dark[:, :14]
    level = np.median(data - np.median(data[:, 4:13], axis=1)[:, None], axis=(2, 3))
    assert abs(level[:, 3:12]).max() < 6  # drifts of amplifiers
    assert level[0, 0] < -10
    assert level[1, 0] > 5  # charge that the reset switched
    assert (level[:, 13] < -8).all()
    skip = fits.getdata(folder / "jwst_miri_rscd_0001.fits", "RSCD_GROUP_SKIP")
    assert ("SUB64", "FASTR1") in {(row["subarray"].strip(), row["readpatt"].strip()) for row in skip}


def test_miri_reference_output_and_interference(tmp_path):
    made = simulate("miri-image", tmp_path, subarray="SUB64", groups=6, sky=0.0, **QUIET)
    refout = fits.getdata(made.uncal, "REFOUT").astype("f8")
    assert refout.shape == (1, 6, 64, 18)
    with asdf.open(made.crds_path / "references/jwst/miri/jwst_miri_emicorr_0001.asdf") as file:
        case, waves = file["subarray_cases"]["SUB64"], file["frequencies"]
    clock = (
        np.arange(64)[:, None] * case["rowclocks"] + np.arange(18) + np.arange(6)[:, None, None] * case["frameclocks"]
    )
    found = refout[0] - refout[0].mean(axis=(1, 2), keepdims=True)
    for name in case["freqs"]["FAST"]:
        wave = waves[name]
        power = abs(np.mean(found * np.exp(-2j * np.pi * clock * wave["frequency"] * 1e-5)))
        assert power > 0.2 * np.max(wave["phase_amplitudes"])


def test_showers_are_wide_and_faint(tmp_path):
    options = {"subarray": "SUB256", "groups": 4, "sky": 0.0, **QUIET}
    made = simulate("miri-image", tmp_path / "with", showers=1, **options)
    without = simulate("miri-image", tmp_path / "without", **options)
    shower = fits.getdata(made.truth, "SHOWERS")[0]
    mark = fits.getdata(made.truth, "EVENTS")[0, shower["GROUP"]] != 0
    more = fits.getdata(made.uncal).astype("f8") - fits.getdata(without.uncal)
    assert not more[0, : shower["GROUP"]].any()
    seen = more[0, shower["GROUP"]]
    assert 500 < mark.sum() < 256**2 / 2
    assert seen[mark].mean() > 3
    assert abs(np.median(seen[~mark])) < 0.1


@pytest.mark.parametrize(
    ("mode", "subarray", "kind"),
    [
        ("nircam-dark", "SUB160", "NRC_DARK"),
        ("niriss-dark", "SUB64", "NIS_DARK"),
        ("fgs-dark", "SUB32LL", "FGS_DARK"),
        ("miri-dark", "SUB64", "MIR_DARKIMG"),
        ("nirspec-dark", "SUB512", "NRS_DARK"),
    ],
)
def test_no_light_in_darks(mode, subarray, kind, tmp_path):
    made = simulate(mode, tmp_path, subarray=subarray, groups=2)
    assert fits.getval(made.uncal, "EXP_TYPE") == kind
    assert not fits.getdata(made.truth, "RATE").any()
    assert fits.getdata(made.truth, "DARK").any()
    with pytest.raises(UsageError, match="no parameter 'sky'"):
        simulate(mode, tmp_path, sky=1.0)


@pytest.mark.parametrize("detector", ["NRS1", "NRS2"])
def test_irs2_puts_pixels_among_others(detector):
    exposure = planned("nirspec-irs2", detector=detector)
    layout = draw_interleaving(exposure, modes.load("nirspec-irs2").properties, Streams(1))
    plane = np.arange(2048**2, dtype="u4").reshape(2048, 2048)
    whole = layout.embed(plane, "flags")
    ramp = Ramp()
    ramp.data = whole[None, None].astype("f4")
    ramp["DETECTOR"] = detector
    rows = science_rows(ramp)
    np.testing.assert_array_equal(whole[rows], plane)
    others = np.delete(whole, rows, axis=0)
    assert others.shape == (1152, 2048)
    assert (others & Pixel.REFERENCE_PIXEL).all()


def test_irs2_reads_3200_rows(tmp_path):
    made = simulate("nirspec-irs2", tmp_path, detector="NRS2", groups=1, cosmic_ray_rate=0, sky=100.0)
    head, data = fits.getheader(made.uncal), fits.getdata(made.uncal)
    assert data.shape == (1, 1, 3200, 2048)
    assert (head["SUBSIZE2"], head["NOUTPUTS"], head["NRS_NORM"], head["NRS_REF"]) == (2048, 5, 16, 4)
    folder = made.crds_path / "references/jwst/nirspec"
    assert fits.getheader(folder / "jwst_nirspec_refpix_0001.fits", "IRS2")["NAXIS2"] == 2 * 712 * 2048
    ramp = Ramp.read(made.uncal)
    light = (data[0, 0] - fits.getdata(folder / "jwst_nirspec_superbias_0001.fits"))[science_rows(ramp)]
    seen = fits.getdata(made.truth, "RATE") * head["TFRAME"]
    lit = seen > 300
    assert np.median(light[lit] / seen[lit]) == pytest.approx(1, abs=0.05)


def test_identification_comes_as_an_image_or_as_overlapping_strips(tmp_path):
    image, stack = (simulate("guider", tmp_path / kind, kind=kind, seed=3) for kind in ("ID-IMAGE", "ID-STACK"))
    assert [made.uncal.name for made in (image, stack)] == [
        f"jw00042001001_gs-id_1_{name}_uncal.fits" for name in ("image", "stacked")
    ]
    whole, strips = fits.getdata(image.uncal), fits.getdata(stack.uncal)
    assert (whole.shape, strips.shape) == ((2, 2, 2048, 2048), (2, 2, 36 * 64, 2048))
    for k in (0, 17, 35):
        np.testing.assert_array_equal(strips[:, :, 64 * k : 64 * k + 64], whole[:, :, 12 + 56 * k : 76 + 56 * k])
    mask = fits.getdata(next((stack.crds_path / "references").rglob("*_mask_*.fits")), "DQ")
    assert mask.shape == (36 * 64, 2048)
    np.testing.assert_array_equal(mask[56:64], mask[64:72])  # the rows that two strips share


def test_guiders_write_their_own_kind_of_exposure(tmp_path):
    made = simulate("guider", tmp_path, kind="TRACK", integrations=3)
    assert made.uncal.name == "jw00042001001_gs-track_2023056060000_uncal.fits"
    with fits.open(made.uncal) as file:
        assert [hdu.name for hdu in file] == ["PRIMARY", "SCI", "TRACK SUBARRAY TABLE", "ASDF"]
        head = file[0].header
        assert (head["EXP_TYPE"], head["READPATT"], head["SUBARRAY"]) == ("FGS_TRACK", "TRACK", "32X32")
        assert (head["FASTAXIS"], head["SLOWAXIS"], head["GROUPGAP"]) == (2, -1, 1)
        assert file["SCI"].data.shape == (3, 2, 32, 32)
        assert file["TRACK SUBARRAY TABLE"].data["x_corner"].tolist() == [head["SUBSTRT1"]] * 3
    assert len(list((tmp_path / "crds/references").rglob("*.fits"))) == 4
    fine = simulate("guider", tmp_path, kind="FINEGUIDE")
    assert fine.uncal.name.startswith("jw00042001001_gs-fg_2023")
    assert fits.getdata(fine.uncal).shape == (6, 8, 8, 8)
    head = fits.getheader(simulate("guider", tmp_path).uncal)
    assert (head["SUBSTRT1"], head["SUBSTRT2"], head["TGROUP"]) == (887, 1022, 0.364)  # as in the flight exposure
