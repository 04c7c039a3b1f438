"""Reference pixels beside `jwst` 1.14.1."""

import json
import os
import subprocess

import numpy as np
import pytest
from builders import make_ramp, make_references, make_run, write_reference

from jwpipe.products.dq import Pixel
from jwpipe.steps.ramp.refpix import refpix

pytestmark = [
    pytest.mark.peer,
    pytest.mark.skipif("JWPIPE_PEER" not in os.environ, reason="JWPIPE_PEER names no interpreter with jwst 1.14.1"),
]

PROGRAM = """
import json, sys
import numpy as np
from jwst.refpix import RefPixStep
from stdatamodels.jwst.datamodels import RampModel
task = json.load(sys.stdin)
step = RefPixStep()
for name, value in task["parameters"].items():
    setattr(step, name, value)
with RampModel(task["ramp"]) as ramp:
    result = step.process(ramp)
arrays = {"data": result.data, "pixeldq": result.pixeldq, "groupdq": result.groupdq}
if ramp.meta.exposure.zero_frame:
    arrays["zeroframe"] = result.zeroframe
np.savez(task["out"], status=result.meta.cal_step.refpix, **arrays)
"""


def run_peer(ramp, folder, **parameters):
    """What 1.14.1 makes of a ramp: arrays by name, and the status."""
    ramp.write(folder / "x_superbias.fits")
    task = {"ramp": str(folder / "x_superbias.fits"), "out": str(folder / "peer.npz"), "parameters": parameters}
    command = [os.environ["JWPIPE_PEER"], "-W", "ignore", "-c", PROGRAM]
    subprocess.run(command, input=json.dumps(task), text=True, check=True, capture_output=True)
    return np.load(folder / "peer.npz")


def simulate(shape, instrument, detector, exp_type, corner=(1, 1), **keywords):
    """A ramp with drifts by column, row and group, and reference pixels of which some are bad."""
    rng = np.random.default_rng(4)
    nints, ngroups, ny, nx = shape
    full = (1024, 1032) if instrument == "MIRI" else (2048, 2048)
    data = rng.normal(12000, 8, shape).astype("f4")
    data += rng.normal(0, 20, (nints, ngroups, 1, nx)).astype("f4") + rng.normal(0, 20, (nints, ngroups, ny, 1))
    data += (np.arange(ngroups) * 30.5)[:, None, None]
    data[rng.random(shape) < 0.001] += 5000
    reference = np.zeros(full, bool)
    reference[:, :4] = reference[:, -4:] = True
    if instrument != "MIRI":
        reference[:4] = reference[-4:] = True
    x, y = corner[0] - 1, corner[1] - 1
    reference = reference[y : y + ny, x : x + nx]
    keywords = {"INSTRUME": instrument, "DETECTOR": detector, "EXP_TYPE": exp_type, "NOUTPUTS": 4} | keywords
    ramp = make_ramp(data, SUBSTRT1=corner[0], SUBSTRT2=corner[1], **keywords)
    ramp.pixeldq[reference] |= Pixel.REFERENCE_PIXEL
    ramp.pixeldq[rng.random((ny, nx)) < 0.03] |= Pixel.DO_NOT_USE
    ramp.pixeldq[: ny // 20, :2] |= Pixel.DO_NOT_USE
    if ramp.get("ZEROFRAM"):
        ramp.zeroframe = data[:, 0] - 30
        ramp.zeroframe[rng.random((nints, ny, nx)) < 0.01] = 0
    return ramp


FULL = (1, 2, 2048, 2048)
NRC, NIS, NRS, FGS, MIR = (
    ("NIRCAM", "NRC_IMAGE"),
    ("NIRISS", "NIS_SOSS"),
    ("NIRSPEC", "NRS_FIXEDSLIT"),
    ("FGS", "FGS_IMAGE"),
    ("MIRI", "MIR_IMAGE"),
)
CASES = {
    "NIRCam full": (FULL, NRC, "NRCA1", {"ZEROFRAM": True}, {}),
    "NIRCam B1, even window, gain": (FULL, NRC, "NRCB1", {}, {"side_smoothing_length": 10, "side_gain": 0.7}),
    "NIRISS full": (FULL, NIS, "NIS", {}, {}),
    "NRS1 full, no parity": (FULL, NRS, "NRS1", {}, {"odd_even_columns": False}),
    "NRS2 full, no sides": (FULL, NRS, "NRS2", {"ZEROFRAM": True}, {"use_side_ref_pixels": False}),
    "GUIDER1 full": (FULL, FGS, "GUIDER1", {}, {}),
    "NIRCam stripe": ((2, 2, 256, 2048), NRC, "NRCALONG", {"SUBARRAY": "SUBGRISM256", "ZEROFRAM": True}, {}),
    "NIRCam stripe inside": ((2, 2, 64, 2048), NRC, "NRCB3", {"corner": (1, 101), "SUBARRAY": "SUB64"}, {}),
    "NIRCam square": (
        (2, 2, 160, 160),
        NRC,
        "NRCB1",
        {"corner": (1, 1889), "SUBARRAY": "SUB160", "NOUTPUTS": 1, "ZEROFRAM": True},
        {},
    ),
    "NIRISS strip": (
        (2, 3, 256, 2048),
        NIS,
        "NIS",
        {"corner": (1, 1793), "SUBARRAY": "SUBSTRIP256", "NOUTPUTS": 1},
        {},
    ),
    "NIRISS inside": ((1, 2, 64, 64), NIS, "NIS", {"corner": (9, 9), "SUBARRAY": "SUB64", "NOUTPUTS": 1}, {}),
    "NIRSpec stripe": ((1, 2, 256, 2048), NRS, "NRS2", {"corner": (1, 897), "SUBARRAY": "ALLSLITS", "NOUTPUTS": 1}, {}),
    "NIRSpec SUB512": ((2, 2, 32, 512), NRS, "NRS1", {"corner": (897, 977), "SUBARRAY": "SUB512", "NOUTPUTS": 1}, {}),
    "NIRSpec SUB512, no parity": (
        (1, 2, 32, 512),
        NRS,
        "NRS2",
        {"corner": (897, 977), "SUBARRAY": "SUB512S", "NOUTPUTS": 1},
        {"odd_even_columns": False},
    ),
    "MIRI full": ((2, 3, 1024, 1032), MIR, "MIRIMAGE", {}, {}),
    "MIRI full, no parity": ((1, 2, 1024, 1032), MIR, "MIRIFUSHORT", {}, {"odd_even_rows": False}),
}


@pytest.mark.parametrize("case", CASES)
def test_every_bit_agrees(tmp_path, case):
    shape, (instrument, exp_type), detector, keywords, parameters = CASES[case]
    ramp = simulate(shape, instrument, detector, exp_type, **keywords)
    peer = run_peer(ramp, tmp_path, **parameters)
    before = ramp.data.copy()
    refpix(ramp, make_references(ramp, refpix=None), refpix.params(**parameters), make_run(2))
    assert peer["status"] == "COMPLETE"
    assert case == "NIRISS inside" or (ramp.data != before)[:, -1].mean() > 0.9
    np.testing.assert_array_equal(ramp.data, peer["data"])
    np.testing.assert_array_equal(ramp.pixeldq, peer["pixeldq"])
    np.testing.assert_array_equal(ramp.groupdq, peer["groupdq"])
    if ramp.get("ZEROFRAM"):
        np.testing.assert_array_equal(ramp.zeroframe, peer["zeroframe"])


def simulate_irs2(detector, nints, ngroups):
    """An IRS2 ramp with drifts over time that all outputs share, and bad interleaved reference pixels."""
    rng = np.random.default_rng(5)
    data = rng.normal(3000, 8, (nints, ngroups, 3200, 2048)).astype("f4")
    row = np.arange(3200) % 640
    for plane in data.reshape(-1, 3200, 2048):
        time = np.arange(2048) + rng.uniform(0, 2048)
        plane += (40 * np.sin(time / 30) + rng.normal(0, 10)).astype("f4")
        plane += (15 * np.sin(row / 7 + rng.uniform(0, 6))[:, None]).astype("f4")
    data += (np.arange(ngroups) * 40.25)[:, None, None].astype("f4")
    interleaved = np.abs((row + 0.5) % 20 - 10) < 2
    for k, kind in enumerate(rng.choice(np.flatnonzero(interleaved & (np.arange(3200) > 640)), 24, replace=False)):
        data[:, :, kind] += (600, rng.normal(0, 90, (nints, ngroups, 2048)))[k % 2]
    data[:, :, :, rng.integers(0, 2048, 9)] = 0
    ramp = make_ramp(
        data,
        INSTRUME="NIRSPEC",
        DETECTOR=detector,
        EXP_TYPE="NRS_FIXEDSLIT",
        READPATT="NRSIRS2",
        NOUTPUTS=5,
        NRS_NORM=16,
        NRS_REF=4,
        SUBSIZE2=2048,
    )
    ramp.pixeldq[rng.random((3200, 2048)) < 0.01] |= Pixel.DO_NOT_USE
    ramp.pixeldq[np.flatnonzero(interleaved)[50], :7] |= Pixel.BAD_REF_PIXEL
    return ramp


def write_irs2_reference(path, detector):
    from astropy.io import fits

    rng = np.random.default_rng(6)
    n = 712 * 2048
    frequency = np.minimum(np.arange(n), n - np.arange(n)) / n
    columns = {}
    for k in range(4):
        for name, size in (("alpha", 0.6), ("beta", 0.4)):
            weight = size * np.exp(-frequency * (20 + k)) * (1 + 0.1j * rng.normal(size=n)) + 0.02 * rng.normal(size=n)
            columns[f"{name}_{k}"] = weight.astype("c8").view("f4")
    table = np.rec.fromarrays(columns.values(), [(name, "f4") for name in columns])
    listed = [(1, 1, 1 << 3), (1, 2, 1 << 31), (2, 1, 0b1100), (3, 2, 0), (4, 1, 1 << 7 | 1), (4, 2, 1 << 8)]
    listed = np.array(listed, [("OUTPUT", "u1"), ("ODD_EVEN", "u1"), ("MASK", "u4")])
    tables = [fits.BinTableHDU(table, name="IRS2"), fits.BinTableHDU(listed, name="DQ")]
    return write_reference(path, tables=tables, INSTRUME="NIRSPEC", DETECTOR=detector, EXP_TYPE="NRS_FIXEDSLIT")


@pytest.mark.parametrize(
    ("detector", "nints", "parameters"),
    [
        ("NRS1", 1, {}),
        ("NRS2", 2, {"irs2_mean_subtraction": True, "ovr_corr_mitigation_ftr": 2.5}),
        ("NRS2", 1, {"preserve_irs2_refpix": True}),
    ],
)
def test_irs2_agrees(tmp_path, detector, nints, parameters):
    ramp, path = simulate_irs2(detector, nints, 2), write_irs2_reference(tmp_path / "irs2.fits", detector)
    peer = run_peer(ramp, tmp_path, override_refpix=str(path), **parameters)
    refpix(ramp, make_references(ramp, refpix=path), refpix.params(**parameters), make_run(2))
    assert peer["status"] == "COMPLETE"
    np.testing.assert_array_equal(ramp.pixeldq, peer["pixeldq"])
    np.testing.assert_array_equal(ramp.groupdq, peer["groupdq"])
    assert ramp.data.shape == peer["data"].shape
    # One bit of float32 and what it does to values near zero.
    np.testing.assert_allclose(ramp.data, peer["data"], rtol=2e-7, atol=5e-6)
