"""Count rates of guider exposures, kind by kind."""

import numpy as np
import pytest
from astropy.io import fits
from builders import make_references, make_run, write_reference

from jwpipe.errors import InputError
from jwpipe.products.fitsfile import RawBlock
from jwpipe.products.guider import GuiderCal, GuiderRaw
from jwpipe.steps.guider.guider_cds import GAIN, READNOISE, guider_cds
from jwpipe.steps.ramp.dq_init import dq_init

TIME = 0.5


def make_guider(data, kind, **keywords):
    """A raw exposure of GUIDER1 at column 11, row 6 of the detector."""
    raw = GuiderRaw()
    raw.data = np.asarray(data, "f4")
    mode = {"TELESCOP": "JWST", "INSTRUME": "FGS", "DETECTOR": "GUIDER1", "EXP_TYPE": kind, "SUBARRAY": "8X8"}
    place = {"SUBSTRT1": 11, "SUBSTRT2": 6, "SUBSIZE1": raw.shape[3], "SUBSIZE2": raw.shape[2]}
    shape = {"NINTS": raw.shape[0], "NGROUPS": raw.shape[1], "TFRAME": TIME / 2, "TGROUP": TIME}
    for keyword, value in (mode | place | shape | keywords).items():
        raw[keyword] = value
    return raw


def rates(raw, **paths):
    return guider_cds(raw, make_references(raw, **({"gain": None, "readnoise": None} | paths)), None, make_run())


@pytest.fixture
def counts():
    return np.random.default_rng(0).normal(1000, 30, (3, 2, 8, 8)).astype("f4")


@pytest.mark.parametrize("kind", ["FGS_ACQ1", "FGS_ACQ2", "FGS_TRACK"])
def test_acquisition_and_tracking_take_the_second_group_less_the_first(kind, counts):
    cal = rates(make_guider(counts, kind))
    change = counts[:, 1] - counts[:, 0]
    np.testing.assert_allclose(cal.data, change / TIME, rtol=1e-6)
    expected = np.sqrt(2 * (READNOISE / TIME) ** 2 + np.maximum(change, 0) / (GAIN * TIME))
    np.testing.assert_allclose(cal.err, expected, rtol=1e-6)
    assert (type(cal), cal["BUNIT"], cal.headers["PRIMARY"]["EXP_TYPE"]) == (GuiderCal, "DN/s", kind)


def test_fine_guiding_takes_means_of_four_groups():
    counts = np.random.default_rng(0).normal(1000, 30, (5, 10, 8, 8)).astype("f4")
    cal = rates(make_guider(counts, "FGS_FINEGUIDE"))
    change = counts[:, 6:].mean(axis=1) - counts[:, :4].mean(axis=1)
    np.testing.assert_allclose(cal.data, change / TIME, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("kind", ["FGS_ID-STACK", "FGS_ID-IMAGE"])
def test_identification_takes_the_smaller_of_two_integrations_and_constants(kind, counts, tmp_path):
    gain = write_reference(tmp_path / "gain.fits", {"SCI": np.full((2048, 2048), 9.0)}, **guider_mode())
    cal = rates(make_guider(counts[:2], kind), gain=gain, readnoise=gain)
    change = (counts[:2, 1] - counts[:2, 0]).min(axis=0)
    assert cal.shape == (1, 8, 8)
    np.testing.assert_allclose(cal.data[0], change / TIME, rtol=1e-6)
    expected = np.sqrt(2 * (READNOISE / TIME) ** 2 + np.maximum(change, 0) / (GAIN * TIME))
    np.testing.assert_allclose(cal.err[0], expected, rtol=1e-6)


def guider_mode():
    return {"INSTRUME": "FGS", "DETECTOR": "GUIDER1", "EXP_TYPE": "FGS_ACQ1"}


def test_references_are_cut_to_the_subarray(counts, tmp_path):
    rng = np.random.default_rng(3)
    gain, noise = rng.normal(2, 0.1, (40, 40)), rng.normal(20, 1, (40, 40))
    paths = {
        name: write_reference(tmp_path / f"{name}.fits", {"SCI": array.astype("f4")}, **guider_mode())
        for name, array in (("gain", gain), ("readnoise", noise))
    }
    cal = rates(make_guider(counts, "FGS_ACQ1"), **paths)
    here = np.s_[5:13, 10:18]
    photons = np.maximum(counts[:, 1] - counts[:, 0], 0) / (gain[here] * TIME)
    np.testing.assert_allclose(cal.err, np.sqrt(2 * (noise[here] / TIME) ** 2 + photons), rtol=1e-6)


def test_flags_tables_and_keywords_are_passed_on(counts, tmp_path):
    raw = make_guider(counts, "FGS_TRACK", GDSTARID="N4E8000459")
    table = fits.BinTableHDU(np.array([("2022-04-27", 1.5)], [("observatory_time", "S23"), ("x_corner", "f8")]))
    table.name = "Track subarray table"
    raw.track_sub_table = RawBlock.from_table(table)
    mask = write_reference(tmp_path / "m.fits", {"DQ": np.eye(32, dtype="i4")}, **guider_mode())
    raw = dq_init(raw, make_references(raw, mask=mask), dq_init.params(), make_run())
    rates(raw).write(tmp_path / "x_cal.fits")
    cal = GuiderCal.read(tmp_path / "x_cal.fits")
    assert np.argwhere(cal.dq).tolist() == [[y, y - 5] for y in range(5, 8)]
    assert cal["GDSTARID"] == "N4E8000459"
    with fits.open(tmp_path / "x_cal.fits") as file:
        assert [hdu.name for hdu in file] == ["PRIMARY", "SCI", "ERR", "DQ", "TRACK SUBARRAY TABLE", "ASDF"]
        assert file["TRACK SUBARRAY TABLE"].data["x_corner"].tolist() == [1.5]


@pytest.mark.parametrize(
    ("kind", "shape", "keywords", "why"),
    [
        ("FGS_ACQ1", (3, 1), {}, "1 groups, FGS_ACQ1 needs 2"),
        ("FGS_FINEGUIDE", (3, 7), {}, "7 groups, FGS_FINEGUIDE needs 8"),
        ("FGS_ID-IMAGE", (1, 2), {}, "one integration"),
        ("FGS_ACQ1", (3, 2), {"TGROUP": None}, "no TGROUP"),
        ("FGS_ACQ1", (3, 2), {"TGROUP": 0.0}, "group time of 0"),
    ],
)
def test_what_is_missing_is_told(kind, shape, keywords, why):
    with pytest.raises(InputError, match=why):
        rates(make_guider(np.zeros((*shape, 8, 8)), kind, **keywords))
