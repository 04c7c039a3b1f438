"""The trap kernel beside a pixel at a time."""

import numpy as np
import pytest

from jwpipe.cext import persistence

SATURATED, JUMP = 2, 4


def slow(data, dq, traps, density, limit, tables, tgroup, cutoff):
    """One pixel through one integration, in float64; what is released in each group, and whether to flag it."""
    reset, group, shares, by_ramp, by_saturation, by_jump = tables
    ngroups = len(data)
    jumps = np.flatnonzero(dq & JUMP)
    if ngroups == 1:
        slope = data[0]
    else:
        steps = np.where(dq[1:] & SATURATED, np.inf, np.diff(data))
        kept = ngroups - 1 - len(jumps) - np.count_nonzero(dq[1:] & SATURATED)
        slope = np.sort(steps)[:kept].mean() if kept > 0 else 0.0
    traps *= 1 - reset
    released, removed = np.zeros_like(traps), []
    for g in range(ngroups):
        released += traps * group
        traps *= 1 - group
        removed.append(released.sum())
        data[g] -= removed[-1]
    count = np.count_nonzero(data > limit)
    filled = by_ramp[:, count] * density * (slope / (limit * tgroup)) ** 2
    if count == ngroups:
        filled = density * shares[:, 1]
    if count:
        filled = filled + (density * shares[:, 0] - (filled - density * shares[:, 1])) * by_saturation[:, count]
    for g in jumps[jumps > 0]:
        filled = filled + 2 * density * max(data[g] - data[g - 1] - slope, 0) * by_jump[:, g]
    traps += filled
    return np.array(removed), max(removed) >= cutoff


@pytest.mark.parametrize("ngroups", [1, 2, 3, 8, 21])
def test_each_pixel_goes_its_own_way(ngroups):
    rng = np.random.default_rng(6)
    ny, nx, nfamilies, tgroup, cutoff = 3, 301, 2, 10.0, 5.0
    rate = rng.lognormal(6, 1.5, (ny, nx)).clip(0, 20000)
    data = rng.normal(0, 15, (ngroups, ny, nx)) + rate * np.arange(1, ngroups + 1)[:, None, None]
    dq = rng.choice([0, SATURATED, JUMP], data.shape, p=[0.85, 0.1, 0.05]).astype("u1")
    dq[:, :, 100:200] = 0  # a stretch without jumps takes another way
    limit = rng.normal(20000, 100, (ny, nx))
    limit[0, ::7] = np.inf
    density, traps = rng.uniform(0, 0.01, (ny, nx)), rng.uniform(0, 100, (nfamilies, ny, nx))
    traps[:, 1] = 0
    tables = [
        *rng.uniform(0, 0.1, (2, nfamilies)),
        rng.uniform(1, 10, (nfamilies, 2)),
        *rng.uniform(0, 50, (2, nfamilies, ngroups + 1)),
        rng.uniform(0, 50, (nfamilies, ngroups)),
    ]
    tables[4] /= 100
    data, density, limit, traps = (array.astype("f4") for array in (data, density, limit, traps))
    tables = [table.astype("f8" if i in (3, 4) else "f4") for i, table in enumerate(tables)]
    expected, filled = data.astype("f8"), traps.astype("f8")
    released, flagged = np.zeros_like(expected), np.zeros((ny, nx), bool)
    for y, x in np.ndindex(ny, nx):
        pixel = expected[:, y, x], dq[:, y, x], filled[:, y, x], float(density[y, x]), float(limit[y, x])
        released[:, y, x], flagged[y, x] = slow(*pixel, tables, tgroup, cutoff)
    outcomes = []
    for threads in (1, 2, 8):
        changed, left, pixeldq, removed = data.copy(), traps.copy(), np.zeros((ny, nx), "u4"), np.full_like(data, -1)
        shapes = zip(persistence.scratch_shapes(ngroups, nfamilies), ("f4", "f8", "i4"), strict=True)
        scratch = [np.zeros((threads, *shape), dtype) for shape, dtype in shapes]
        others = density, limit, tgroup, cutoff, *tables, removed, *scratch, threads
        persistence.integration(changed, dq, pixeldq, left, *others)
        outcomes.append((changed, left, pixeldq, removed))
        for one, other in zip(outcomes[0], outcomes[-1], strict=True):
            np.testing.assert_array_equal(one, other)
    np.testing.assert_allclose(removed, released, rtol=1e-5)
    np.testing.assert_allclose(changed, expected, rtol=1e-5, atol=1e-3)
    np.testing.assert_allclose(left, filled, rtol=1e-4, atol=1e-2)
    np.testing.assert_array_equal(pixeldq, 32 * flagged)
    assert 0 < flagged.sum() < flagged.size


@pytest.mark.parametrize("threads", [1, 2, 8])
def test_traps_decay(threads):
    traps = np.linspace(0, 100, 2 * 700, dtype="f4").reshape(2, 700)
    factor = np.array([0.1, 0.3], "f4")
    expected = traps * (1 - factor[:, None].astype("f8")) ** 5
    persistence.decay(traps, factor, 5, threads)
    np.testing.assert_allclose(traps, expected, rtol=1e-6)
