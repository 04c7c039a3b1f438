"""Jumps in a whole ramp, and what is done with them."""

import types

import numpy as np
import pytest
from builders import make_ramp, make_references, make_run, write_reference

import jwpipe.steps.ramp
from jwpipe.cext import jump as kernel
from jwpipe.engine.step import Skip
from jwpipe.products.dq import Pixel
from jwpipe.steps.ramp.jump import choose_method, jump


def run_jump(tmp_path, ramp, gain=2.0, readnoise=5.0, **parameters):
    planes = {"gain": gain, "readnoise": readnoise}
    paths = {}
    for kind, value in planes.items():
        plane = np.broadcast_to(np.asarray(value, "f4"), ramp.shape[2:])
        paths[kind] = write_reference(tmp_path / f"{kind}.fits", {"SCI": plane})
    return jump(ramp, make_references(ramp, **paths), jump.params(**parameters), make_run())


def flat_ramp(nints=1, ngroups=6, ny=9, nx=9):
    """Ramps of 10 DN a group, with a jump of 100 DN into group 3 of the middle pixel."""
    data = np.empty((nints, ngroups, ny, nx), "f4")
    data[:] = 10.0 * np.arange(ngroups)[:, None, None]
    data[0, 3:, ny // 2, nx // 2] += 100
    return make_ramp(data, TGROUP=20.0)


def jumps(ramp):
    return {tuple(int(i) for i in place) for place in np.argwhere(ramp.groupdq == 4)}


CROSS = {(0, 3, 4, 4), (0, 3, 3, 4), (0, 3, 5, 4), (0, 3, 4, 3), (0, 3, 4, 5)}


def test_a_jump_is_flagged_with_its_neighbors_and_counted(tmp_path):
    ramp = flat_ramp()
    ramp.groupdq[0, 2:, 4, 5] = 2
    run_jump(tmp_path, ramp)
    assert jumps(ramp) == CROSS - {(0, 3, 4, 5)}
    assert ramp["PRIMECRS"] == pytest.approx(1000 / (20 * 5 * 81))
    assert ramp["EXTNCRS"] == 0


def test_neighbors_are_flagged_between_two_heights_alone(tmp_path):
    # 200 e- over a sigma of sqrt(20 + 10^2) e-
    for low, high, expected in (0, 18, 1), (19, 1000, 1), (18, 19, 5):
        ramp = flat_ramp()
        run_jump(tmp_path, ramp, min_jump_to_flag_neighbors=low, max_jump_to_flag_neighbors=high)
        assert len(jumps(ramp)) == expected


def test_groups_after_high_jumps_are_flagged(tmp_path):
    for dn, time, expected in (99, 20, {4}), (99, 59, {4, 5}), (101, 59, set()), (99, 19, set()):
        ramp = flat_ramp()
        ramp.groupdq[0, 5, 4, 4] = 1
        run_jump(tmp_path, ramp, after_jump_flag_dn2=dn, after_jump_flag_time2=time, min_jump_to_flag_neighbors=99)
        assert jumps(ramp) == {(0, g, 4, 4) for g in {3} | expected - {5}}


def test_pixels_without_gain_are_not_to_be_used(tmp_path):
    gain = np.full((9, 9), 2.0)
    gain[0, :3] = np.nan, 0, -1
    ramp = flat_ramp()
    run_jump(tmp_path, ramp, gain)
    assert ramp.pixeldq[0, :3].tolist() == [Pixel.NO_GAIN_VALUE | Pixel.DO_NOT_USE] * 3
    assert np.count_nonzero(ramp.pixeldq) == 3
    assert jumps(ramp) == CROSS


def test_two_groups_tell_no_jump(tmp_path):
    with pytest.raises(Skip, match="2 groups"):
        run_jump(tmp_path, flat_ramp(ngroups=2))


def test_jumps_of_all_pixels_of_a_group_are_taken_back(tmp_path):
    rng = np.random.default_rng(1)
    ramp = make_ramp(rng.normal(0, 5, (30, 4, 8, 8)).cumsum(axis=1))
    ramp.data[5, 2:] += 9000
    ramp.data[9, 2:, 3, 3] += 9000
    ramp.groupdq[5, 2, 0] = 1
    run_jump(tmp_path, ramp, minimum_sigclip_groups=30, flag_4_neighbors=False)
    assert not (ramp.groupdq[5, 2] & 4).any()
    assert jumps(ramp) == {(9, 2, 3, 3)}


@pytest.mark.parametrize(
    ("nints", "ngroups", "nunused", "parameters", "method"),
    [
        (1, 10, 0, {}, kernel.ITERATIVE),
        (1, 11, 0, {}, kernel.SINGLE_PASS),
        (3, 10, 6, {}, kernel.ITERATIVE),
        (99, 5, 0, {}, kernel.SINGLE_PASS),
        (100, 5, 0, {}, kernel.SIGMA_CLIP),
        (100, 5, 0, {"only_use_ints": False}, kernel.SIGMA_CLIP),
        (5, 19, 0, {"only_use_ints": False}, kernel.SINGLE_PASS),
        (1, 5, 3, {"only_use_ints": False}, None),
        (1, 4, 0, {"minimum_groups": 5}, None),
    ],
)
def test_the_number_of_groups_decides_how_jumps_are_found(nints, ngroups, nunused, parameters, method):
    assert choose_method(jump.params(**parameters), nints, ngroups, nunused) == method


def test_large_events_follow_and_are_counted(tmp_path, monkeypatch):
    calls = []

    def flag_snowballs(groupdq, par, groups_masked_next, threads):
        assert groupdq[0, 3, 4, 4] == 4
        calls.append(("snowballs", par.expand_factor, groups_masked_next, threads))
        return 7

    def flag_showers(data, groupdq, pixeldq, gain, readnoise, nframes, groups_masked, par, threads):
        assert data.shape == groupdq.shape
        assert pixeldq.shape == gain.shape == readnoise.shape
        calls.append(("showers", float(gain[0, 0]), float(readnoise[0, 0]), nframes, groups_masked, threads))
        return 2

    fake = types.SimpleNamespace(flag_snowballs=flag_snowballs, flag_showers=flag_showers)
    monkeypatch.setattr(jwpipe.steps.ramp, "events", fake, raising=False)
    for parameters, count in ({}, 7), ({"find_showers": True}, 2):
        ramp = flat_ramp()
        run_jump(tmp_path, ramp, expand_large_events=True, time_masked_after_shower=50, expand_factor=3, **parameters)
        assert ramp["EXTNCRS"] == pytest.approx(1e6 * count / (20 * 5 * 81))
    snowballs = ("snowballs", 3, 200, 1)
    assert calls == [snowballs, snowballs, ("showers", 2, 5, 1, 2, 1)]
