"""Simulated exposures: the same every time, consistent in themselves, and true to what was put in."""

import numpy as np
import pytest
from astropy.io import fits

from jwpipe.errors import InputError, UsageError
from jwpipe.products.dq import Pixel
from jwpipe.products.ramp import Ramp
from jwpipe.simulate import modes, simulate
from jwpipe.simulate.exposure import plan
from jwpipe.simulate.products import CORE, COSMIC_RAY

SMALL = {"subarray": "SUB160", "groups": 6, "integrations": 2, "sky": 200.0, "cosmic_ray_rate": 500.0, "snowballs": 1}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return simulate("nircam-image", tmp_path_factory.mktemp("small"), **SMALL)


def content(made):
    files = [*made.crds_path.rglob("*"), made.uncal, made.truth]
    return {path.name: path.read_bytes() for path in files if path.is_file()}


def references(made):
    """Open references by type."""
    return {path.name.split("_")[2]: path for path in (made.crds_path / "references/jwst/nircam").glob("*.fits")}


def test_same_seed_same_bytes(made, tmp_path):
    again = content(simulate("nircam-image", tmp_path / "a", **SMALL))
    assert again == content(made)
    other = content(simulate("nircam-image", tmp_path / "b", **SMALL, seed=2))
    assert other.keys() == again.keys()
    assert other[made.uncal.name] != again[made.uncal.name]


def test_first_groups_do_not_depend_on_how_many_follow(made, tmp_path):
    quiet = {"subarray": "SUB64P", "detector": "NRCB1", "stars": 0, "galaxies": 0, "cosmic_ray_rate": 0}
    short = simulate("nircam-image", tmp_path / "short", **quiet, groups=3)
    long = simulate("nircam-image", tmp_path / "long", **quiet, groups=5)
    np.testing.assert_array_equal(fits.getdata(short.uncal), fits.getdata(long.uncal)[:, :3])


def test_exposures_of_a_detector_share_it_and_its_sources_but_no_noise(made, tmp_path):
    other = simulate("nircam-image", tmp_path, **SMALL, exposure=2)
    assert other.uncal.name == "jw00042001001_02101_00002_nrca1_uncal.fits"
    for path in references(made).values():
        assert path.read_bytes() == (other.crds_path / path.relative_to(made.crds_path)).read_bytes()
    for name in ("RATE", "SOURCES"):
        np.testing.assert_array_equal(fits.getdata(other.truth, name), fits.getdata(made.truth, name))
    assert (fits.getdata(other.uncal) != fits.getdata(made.uncal)).mean() > 0.9


def test_header_agrees_with_arrays_and_tables(made):
    with fits.open(made.uncal) as file:
        head, sci = file[0].header, file["SCI"]
        assert [hdu.name for hdu in file] == ["PRIMARY", "SCI", "GROUP", "INT_TIMES", "ASDF"]
        assert sci.data.dtype == np.uint16
        assert sci.data.shape == (head["NINTS"], head["NGROUPS"], head["SUBSIZE2"], head["SUBSIZE1"])
        assert (head["SUBSTRT1"], head["SUBSTRT2"]) == (1889, 1889)
        assert (head["FASTAXIS"], head["SLOWAXIS"], head["SCA_NUM"], head["ZEROFRAM"]) == (-1, 2, 481, False)
        assert made.uncal.name == head["FILENAME"] == "jw00042001001_02101_00001_nrca1_uncal.fits"
        group, times = file["GROUP"].data, file["INT_TIMES"].data
        assert len(group) == head["NINTS"] * head["NGROUPS"]
        assert times["int_end_MJD_UTC"][-1] == pytest.approx(sci.header["MJD-END"], abs=1e-9)
        assert group["group_end_time"][-1][:23] == head["DATE-END"]
        assert np.diff(group["bary_end_time"][:6]) * 86400 == pytest.approx(head["TGROUP"], abs=1e-4)


def test_opens_as_a_ramp(made):
    ramp = Ramp.read(made.uncal)
    assert ramp.data.shape == (2, 6, 160, 160)
    assert ramp.subarray.name == "SUB160"
    assert 5000 < np.median(ramp.data[:, 0]) < 20000
    assert ramp.data.max() <= 65535


# Times of real exposures: jw01075001001_03105_00009_nrca2, jw01184004001_03106_00001_nrcalong.
@pytest.mark.parametrize(
    ("subarray", "readpatt", "frame", "group"),
    [("FULL", "RAPID", 10.73677, 10.73677), ("SUB320", "MEDIUM8", 1.06904, 10.6904)],
)
def test_times(subarray, readpatt, frame, group):
    mode = modes.load("nircam-image")
    exposure = plan(mode, mode.check({"subarray": subarray, "readpatt": readpatt}))
    assert exposure.frame_time == pytest.approx(frame)
    assert exposure.group_time == pytest.approx(group)


def test_ramps_recover_the_truth(made):
    """A calibration in a few lines of NumPy finds the light that was put in."""
    paths = references(made)
    data = fits.getdata(made.uncal).astype("f8")
    bias, coefficients = fits.getdata(paths["superbias"]), fits.getdata(paths["linearity"]).astype("f8")
    gain, dark = fits.getdata(paths["gain"]), fits.getdata(paths["dark"], "SCI")
    flags = fits.getdata(paths["mask"], "DQ")
    truth, events = fits.getdata(made.truth, "RATE"), fits.getdata(made.truth, "EVENTS")
    group_time = fits.getval(made.uncal, "TGROUP")
    reference = np.zeros((160, 160), bool)
    reference[-4:], reference[:, -4:] = True, True  # the subarray lies in the detector's corner

    data -= bias
    data -= np.median(data[:, :, reference], axis=2)[:, :, None, None]
    data = sum(c * data**power for power, c in enumerate(coefficients)) - dark[:6]
    clean = (flags == 0) & ~(events != 0).any(axis=(0, 1)) & ~reference & np.isfinite(data).all(axis=(0, 1))
    clean &= data.max(axis=(0, 1)) < 30000
    slope = (data[:, -1] - data[:, 0]).mean(axis=0) / (5 * group_time)
    pull = (slope - truth)[clean]
    pull /= np.sqrt(np.median(truth) / (2 * 5 * group_time * np.nanmedian(gain)) + (6.0 / (5 * group_time)) ** 2 / 2)
    faint = truth[clean] < 2 * np.median(truth)
    assert clean.sum() > 15000
    assert abs(pull[faint].mean()) < 0.25
    assert 0.9 < pull[faint].std() < 1.1
    bright = clean & (truth > 10 * np.median(truth))
    assert slope[bright].sum() == pytest.approx(truth[bright].sum(), rel=0.01)


def test_hits_are_where_the_truth_says(made):
    data = fits.getdata(made.uncal).astype("i4")
    hits = fits.getdata(made.truth, "COSMIC_RAYS")
    strong = hits[(hits["GROUP"] > 0) & (hits["CHARGE"] > 2000)]
    step = np.diff(data, axis=1)[strong["INTEGRATION"], strong["GROUP"] - 1, strong["Y"], strong["X"]]
    below = data[strong["INTEGRATION"], strong["GROUP"] - 1, strong["Y"], strong["X"]] < 40000
    assert below.sum() > 5
    assert (step[below] > 0.7 * strong["CHARGE"][below] / 2.05).all()
    events = fits.getdata(made.truth, "EVENTS")
    assert (events[hits["INTEGRATION"], hits["GROUP"], hits["Y"], hits["X"]] & COSMIC_RAY).all()


def test_snowball_saturates_its_core(made):
    data, balls = fits.getdata(made.uncal), fits.getdata(made.truth, "SNOWBALLS")
    threshold = fits.getdata(references(made)["saturation"], "SCI")
    events, flags = fits.getdata(made.truth, "EVENTS"), fits.getdata(references(made)["mask"], "DQ")
    i, group = balls["INTEGRATION"][0], balls["GROUP"][0]
    core = ((events[i, group] & CORE) != 0) & np.isfinite(threshold) & (flags == 0)
    assert core.sum() > 20
    assert (data[i, group:, core] >= threshold[core][:, None]).all()
    assert (data[i, group - 1, core] < threshold[core]).mean() > 0.9


def test_frames_are_averaged_and_the_first_sent(tmp_path):
    options = {"detector": "NRCBLONG", "subarray": "SUB64P", "readpatt": "SHALLOW4", "groups": 3, "sky": 2000.0}
    made = simulate("nircam-image", tmp_path, **options, cosmic_ray_rate=0, stars=0, galaxies=0)
    with fits.open(made.uncal) as file:
        assert file[0].header["FRMDIVSR"] == file[0].header["NFRAMES"] == 4
        assert file[0].header["ZEROFRAM"]
        zero, data = file["ZEROFRAME"].data.astype("f8"), file["SCI"].data.astype("f8")
    frame = np.median(data[0, 1] - data[0, 0]) / 5  # five frames from group to group
    # A group stands for the middle of its four frames: 1.5 frames after the first.
    assert np.median(data[0, 0] - zero[0]) == pytest.approx(1.5 * frame, rel=0.05)


def test_references_of_the_whole_detector_are_cut_to_the_same(tmp_path):
    options = {"subarray": "SUB160", "groups": 2, "cosmic_ray_rate": 0, "stars": 0, "galaxies": 0}
    made = simulate("nircam-image", tmp_path, **options, full_references=True, persistence=True)
    paths = references(made)
    assert {"mask", "persat", "trapdensity", "trappars", "ipc"} <= paths.keys()
    for reftype in ("gain", "superbias", "saturation", "linearity", "readnoise"):
        assert fits.getdata(paths[reftype]).shape[-2:] == (2048, 2048)
        assert fits.getval(paths[reftype], "SUBARRAY") == "GENERIC"
    assert fits.getdata(paths["dark"]).shape[-2:] == (160, 160)
    bias = fits.getdata(paths["superbias"])[1888:, 1888:]
    first = fits.getdata(made.uncal)[0, 0]
    assert np.std(first - bias) < 0.15 * np.std(bias)


def test_mask_numbers_its_own_flags(made):
    from jwpipe.refs.files import ReferenceFile

    ramp = Ramp.read(made.uncal)
    mask = ReferenceFile(references(made)["mask"], "mask", ramp, None)
    flags = mask.dq()
    assert ((flags & Pixel.REFERENCE_PIXEL) != 0).sum() == 160**2 - 156**2
    assert ((flags & Pixel.DEAD) != 0).any()
    assert not fits.getdata(references(made)["mask"], "DQ").max() & (1 << 31)


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"grups": 3}, "did you mean groups"),
        ({"groups": 0}, "at least 1"),
        ({"subarray": "SUB16O"}, "did you mean SUB160"),
        ({"filter": "F444W"}, "has no filter"),
        ({"readpatt": "FAST"}, "one of RAPID"),
        ({"cosmic_ray_charge": "5,1"}, "the smaller first"),
    ],
)
def test_wrong_options(tmp_path, options, problem):
    with pytest.raises(UsageError, match=problem):
        simulate("nircam-image", tmp_path, **options)
    assert not list(tmp_path.iterdir())


def test_wrong_mode(tmp_path):
    with pytest.raises(UsageError, match="did you mean nircam-image"):
        simulate("nircam-imaging", tmp_path)


def test_foreign_cache_is_left_alone(tmp_path):
    rules = tmp_path / "crds/mappings/jwst/jwst_nircam_dark_0001.rmap"
    rules.parent.mkdir(parents=True)
    rules.write_text("selector = 5\n")
    with pytest.raises(InputError, match="not written by a simulation"):
        simulate("nircam-image", tmp_path, subarray="SUB64P", detector="NRCB1", groups=1)
    assert rules.read_text() == "selector = 5\n"
