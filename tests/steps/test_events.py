"""Snowballs and showers in small ramps."""

import numpy as np
import pytest

from jwpipe.products.dq import Group, Pixel
from jwpipe.steps.ramp import events
from jwpipe.steps.ramp.jump import Params

JUMP, SATURATED, DO_NOT_USE = int(Group.JUMP_DET), int(Group.SATURATED), int(Group.DO_NOT_USE)


def disk(shape, x, y, radius):
    rows, columns = np.indices(shape)
    return np.hypot(columns - x, rows - y) <= radius


def hit(groupdq, integration, group, x, y, radius, core=0.0):
    """A round event: jumps in its group, a saturated core from then on."""
    shape = groupdq.shape[2:]
    groupdq[integration, group][disk(shape, x, y, radius)] |= JUMP
    if core:
        groupdq[integration, group:, disk(shape, x, y, core)] = SATURATED


def snowballs(groupdq, masked_next=3, threads=2, **parameters):
    return events.flag_snowballs(groupdq, Params(**parameters), masked_next, threads)


@pytest.fixture
def groupdq():
    return np.zeros((2, 5, 120, 200), "u1")


def test_a_snowball_grows_in_its_group_and_its_core_from_then_on(groupdq):
    hit(groupdq, 0, 2, 80, 60, 8, core=4)
    groupdq[0, 4, 60, 80] |= DO_NOT_USE
    assert snowballs(groupdq) == 1
    assert not groupdq[0, :2].any()
    shape = groupdq.shape[2:]
    inside, outside = disk(shape, 80, 60, 14), ~disk(shape, 80, 60, 17.5)
    core = disk(shape, 80, 60, 5)
    assert (groupdq[0, 2:, core] == SATURATED).all()
    assert (groupdq[0, 2][inside] & (JUMP | SATURATED)).all()
    assert not groupdq[0, 2][outside].any()
    assert not groupdq[0, 3:, ~disk(shape, 80, 60, 7.5)].any()
    # The next integration remembers the core as it was, in groups 1 and 2, but not in the first.
    assert not groupdq[1, [0, 3, 4]].any()
    assert (groupdq[1, 1:3][:, disk(shape, 80, 60, 3)] == JUMP).all()
    assert not groupdq[1, 1:3][:, ~disk(shape, 80, 60, 5.5)].any()


def test_without_a_core_only_near_the_edge_or_where_none_is_required(groupdq):
    hit(groupdq, 0, 2, 150, 60, 6)
    hit(groupdq, 0, 3, 190, 60, 6)
    found = groupdq.copy()
    assert snowballs(found) == 1
    np.testing.assert_array_equal(found[:, :3], groupdq[:, :3])
    assert found[0, 3, 60, 181]
    assert not found[1].any()
    assert snowballs(found.copy(), edge_size=5) == 0
    assert snowballs(groupdq.copy(), sat_required_snowball=False) == 2


def test_a_core_may_saturate_one_group_later(groupdq):
    for later, expected in [(1, 1), (2, 0)]:
        flags = groupdq.copy()
        hit(flags, 1, 2, 80, 60, 6)
        hit(flags, 1, 2 + later, 80, 60, 1, core=2)
        assert snowballs(flags) == expected


def test_a_widened_core_hides_what_comes_later_but_small_cores_stay(groupdq):
    hit(groupdq, 0, 1, 60, 60, 9, core=5)
    hit(groupdq, 0, 3, 61, 60, 4)
    hit(groupdq, 0, 1, 140, 60, 9, core=1)
    assert snowballs(groupdq) == 2
    assert not (groupdq[0, 3] & JUMP).any()
    assert (groupdq[0, 3, :, 100:] & SATURATED != 0).sum() == 5
    assert not groupdq[1, :, :, 100:].any()


@pytest.mark.parametrize("limit", [5, 200])
def test_events_are_bounded_and_the_next_integration_is_left_alone_if_asked(groupdq, limit):
    hit(groupdq, 0, 1, 100, 60, 20, core=9)
    assert snowballs(groupdq, max_extended_radius=limit, mask_snowball_core_next_int=False) == 1
    assert not groupdq[1].any()
    reached = disk(groupdq.shape[2:], 100, 60, 36)
    assert (groupdq[0, 1][reached] != 0).all() == (limit == 200)
    core = disk(groupdq.shape[2:], 100, 60, 9 if limit == 5 else 11).sum()
    assert (groupdq[0, 4] == SATURATED).sum() == pytest.approx(core, rel=0.1)  # drawn with 20 corners


def shower_ramp(nints=2, ngroups=10, shape=(90, 110)):
    rng = np.random.default_rng(4)
    step = rng.normal(25, 2.5, (nints, ngroups, *shape))
    light = 12 * np.exp(-((np.indices(shape) - np.array([40, 60])[:, None, None]) ** 2).sum(axis=0) / 12**2)
    step[-1, 4] += light
    data = step.cumsum(axis=1).astype("f4")
    groupdq = np.zeros(data.shape, "u1")
    groupdq[:, 0] = DO_NOT_USE
    groupdq[rng.random(data.shape) < 0.002] |= JUMP
    pixeldq = np.zeros(shape, "u4")
    pixeldq[:, :4] = Pixel.REFERENCE_PIXEL
    pixeldq[0, 0] |= Pixel.DO_NOT_USE
    gain, readnoise = np.full(shape, 4, "f4"), np.full(shape, 2, "f4")
    return data, groupdq, pixeldq, gain, readnoise


def test_a_shower_is_flagged_with_the_groups_after_it_but_not_where_saturated():
    data, groupdq, *planes = shower_ramp()
    groupdq[1, 5:, 38:43, 60:64] = SATURATED
    found = groupdq.copy()
    assert events.flag_showers(data, found, *planes, 1, 2, Params(), 2) == 1
    reference = planes[0] == Pixel.REFERENCE_PIXEL
    assert (found[:, :, reference] == DO_NOT_USE).all()
    found[:, :, reference] = groupdq[:, :, reference]
    changed = found != groupdq
    assert np.flatnonzero(changed.any(axis=(0, 2, 3))).tolist() == [4, 5, 6]
    assert not changed[0].any()
    assert (found[1, 4, 38:43, 60:64] & JUMP).all()
    assert (found[1, 5:, 38:43, 60:64] == SATURATED).all()
    assert (found[1, 4:7][:, disk(groupdq.shape[2:], 60, 40, 6)] & (JUMP | SATURATED)).all()
    for threads in (1, 8):
        again = groupdq.copy()
        events.flag_showers(data, again, *planes, 1, 2, Params(), threads)
        again[:, :, reference] = groupdq[:, :, reference]
        np.testing.assert_array_equal(again, found)


def test_too_few_differences_change_nothing():
    data, groupdq, *planes = shower_ramp(nints=1)
    found = groupdq.copy()
    assert events.flag_showers(data, found, *planes, 1, 2, Params(), 2) == 0
    np.testing.assert_array_equal(found, groupdq)


def test_long_exposures_have_showers_too():
    data, groupdq, *planes = shower_ramp(nints=2, ngroups=310, shape=(64, 80))
    assert events.flag_showers(data, groupdq, *planes, 1, 0, Params(), 2) == 1


def test_many_integrations_are_compared_with_each_other():
    data, groupdq, *planes = shower_ramp(nints=25, ngroups=6, shape=(64, 80))
    assert events.flag_showers(data, groupdq, *planes, 1, 0, Params(minimum_sigclip_groups=25), 2) == 1
    assert (groupdq[24, 4, 36:44, 56:64] & JUMP).all()
    assert not (groupdq[:24, :, 36:44, 56:64] & JUMP).all(axis=(2, 3)).any()
