"""Jumps beside `jwst` 1.14.1, in every way that they are found.

Where a pixel's jumps are found one by one, 1.14.1 keeps the largest of four or more differences out of the median only
in the first round: later it asks for the largest of values among which there are NaNs, and leaves out a NaN. jwpipe
keeps the largest out always (as `jwst` 3.0.0). Both rules are held against the plain NumPy twin, which has either.
"""

import json
import os
import subprocess

import numpy as np
import pytest
from builders import make_ramp, make_references, make_run, write_reference
from kernels.test_jump import make, slow_two_point

from jwpipe.cext import jump as kernel
from jwpipe.steps.ramp.flags import unused_planes
from jwpipe.steps.ramp.jump import choose_method, jump

pytestmark = [
    pytest.mark.peer,
    pytest.mark.skipif("JWPIPE_PEER" not in os.environ, reason="JWPIPE_PEER names no interpreter with jwst 1.14.1"),
]

PROGRAM = """
import json, sys
import numpy as np
from jwst.jump import JumpStep
from stdatamodels.jwst.datamodels import RampModel
for task in json.load(sys.stdin):
    step = JumpStep()
    for name, value in task["parameters"].items():
        setattr(step, name, value)
    with RampModel(task["ramp"]) as ramp:
        result = step.process(ramp)
    rates = result.meta.exposure.primary_cosmic_rays, result.meta.exposure.extended_emission_events
    np.savez(task["out"], groupdq=result.groupdq, pixeldq=result.pixeldq, rates=np.array(rates, float))
"""

LAST_UNUSED = {"unused": (0, -1)}
CASES = {
    "3 groups": (1, 3, {}, {}),
    "4 groups": (1, 4, {}, {"nframes": 5}),
    "5 groups, ties": (1, 5, {}, {"integers": True}),
    "10 groups": (1, 10, {}, {}),
    "10 groups, ties, neighbours left alone": (1, 10, {"flag_4_neighbors": False}, {"integers": True, "nframes": 5}),
    "10 groups, after jumps": (
        1,
        10,
        {
            "after_jump_flag_dn1": 100.0,
            "after_jump_flag_time1": 35.0,
            "after_jump_flag_dn2": 10.0,
            "after_jump_flag_time2": 10.0,
        },
        {},
    ),
    "many cosmic rays": (1, 9, {"rejection_threshold": 2.5}, {"seed": 8}),
    "4 integrations of 3 groups": (4, 3, {}, {}),
    "6 integrations, first and last group unused": (6, 8, {}, LAST_UNUSED),
    "14 groups": (1, 14, {}, {"nframes": 5}),
    "3 integrations": (3, 10, {"rejection_threshold": 3.7}, {}),
    "one pass, few groups": (2, 4, {"min_diffs_single_pass": 3}, {"integers": True}),
    "sigma clipping of integrations": (30, 5, {"minimum_sigclip_groups": 25}, {}),
    "sigma clipping, a group jumps as a whole": (
        30,
        5,
        {"minimum_sigclip_groups": 25, "rejection_threshold": 3.0},
        {"offset": (7, 2)},
    ),
    "sigma clipping, first and last group unused": (25, 6, {"minimum_sigclip_groups": 25}, LAST_UNUSED),
    "sigma clipping of all": (3, 12, {"minimum_sigclip_groups": 30, "only_use_ints": False}, {}),
    "too few groups": (1, 5, {"only_use_ints": False}, {"unused": (0, 1, 2)}),
}


def build(folder, nints, ngroups, nframes=1, unused=(), offset=None, **options):
    """A ramp and its references."""
    data, groupdq, gain, readnoise = make(nints, ngroups, ny=40, nx=48, **options)
    groupdq[:, list(unused)] |= 1
    if offset is not None:
        for g in offset[1] - 1, offset[1]:
            groupdq[offset[0], g] = 0
            groupdq[offset[0], g, :2] |= 1  # the odd gains
        data[offset[0], offset[1] :] += 30000
    # These have no difference of their own; 1.14.1 takes the integration's last for it.
    groupdq[:, 0] &= ~np.uint8(4)
    ramp = make_ramp(data, SUBARRAY="SUB64", NFRAMES=nframes)
    ramp.groupdq = groupdq
    write_reference(folder / "gain.fits", {"SCI": gain})
    write_reference(folder / "readnoise.fits", {"SCI": readnoise})
    return ramp, gain, readnoise


@pytest.fixture(scope="module")
def peer(tmp_path_factory):
    """Folder of every case, with what 1.14.1 made of it."""
    folders, tasks = {}, []
    for name, (nints, ngroups, parameters, options) in CASES.items():
        folder = folders[name] = tmp_path_factory.mktemp("jump")
        ramp, _, _ = build(folder, nints, ngroups, **options)
        ramp.write(folder / "x_dark_current.fits")
        references = {f"override_{kind}": str(folder / f"{kind}.fits") for kind in ("gain", "readnoise")}
        tasks.append(
            {
                "ramp": str(folder / "x_dark_current.fits"),
                "out": str(folder / "peer.npz"),
                "parameters": parameters | references,
            }
        )
    command = [os.environ["JWPIPE_PEER"], "-W", "ignore", "-c", PROGRAM]
    subprocess.run(command, input=json.dumps(tasks), text=True, check=True, capture_output=True)
    return folders


@pytest.mark.parametrize("name", CASES)
def test_flags_are_the_peers_but_for_the_clipped_largest(peer, name):
    nints, ngroups, parameters, options = CASES[name]
    folder = peer[name]
    ramp, gain, readnoise = build(folder, nints, ngroups, **options)
    expected = np.load(folder / "peer.npz")
    par = jump.params(**parameters)
    method = choose_method(par, nints, ngroups, unused_planes(ramp.groupdq).sum())
    limits = (par.min_jump_to_flag_neighbors, par.max_jump_to_flag_neighbors) if par.flag_4_neighbors else (1, 0)
    heights = [
        (par.after_jump_flag_dn1, par.after_jump_flag_time1),
        (par.after_jump_flag_dn2, par.after_jump_flag_time2),
    ]
    twin = {
        clip_largest: slow_two_point(
            ramp.data,
            ramp.groupdq,
            gain,
            readnoise,
            options.get("nframes", 1),
            method,
            par.only_use_ints,
            (par.rejection_threshold, par.four_group_rejection_threshold, par.three_group_rejection_threshold),
            limits,
            [(height * float(np.nanmedian(gain)), int(time // 10)) for height, time in heights if time],
            clip_largest,
        )[0]
        for clip_largest in (True, False)
    }
    paths = {kind: folder / f"{kind}.fits" for kind in ("gain", "readnoise")}
    before = ramp.groupdq.copy()
    jump(ramp, make_references(ramp, **paths), par, make_run(2))
    np.testing.assert_array_equal(ramp.pixeldq, expected["pixeldq"])
    if method is None:
        np.testing.assert_array_equal(ramp.groupdq, expected["groupdq"])
        return
    assert (ramp.groupdq != before).any()
    np.testing.assert_array_equal(expected["groupdq"], twin[False])
    np.testing.assert_array_equal(ramp.groupdq, twin[True])
    if "offset" in options:
        assert not (ramp.groupdq[options["offset"]] & 4).any()
    touched = (twin[True] != twin[False]).sum()
    print(f"{name}: {touched} of {ramp.groupdq.size} flags differ")
    assert touched == 0 or method == kernel.ITERATIVE
    if not touched:
        np.testing.assert_allclose([ramp["PRIMECRS"], ramp["EXTNCRS"]], expected["rates"], rtol=1e-12)
