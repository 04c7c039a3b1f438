"""Subtract the charge that earlier light left in traps of the detector."""

from typing import Annotated

import numpy as np

from jwpipe.cext import persistence as kernel
from jwpipe.engine.params import File, Help, StepParams
from jwpipe.engine.runner import References, Run
from jwpipe.engine.step import step
from jwpipe.errors import InputError, ReferenceError
from jwpipe.products import modes
from jwpipe.products.dq import Pixel
from jwpipe.products.images import TrapsFilled
from jwpipe.products.parts import bands
from jwpipe.products.ramp import Ramp

__all__ = ["persistence"]

GAIN = 2.0  # charge that a trap takes, relative to what it costs the signal
UNLIMITED = 1e7  # DN, above every signal
FOREVER = 1e10  # s
DAY = 86400.0  # s
COLUMNS = ("capture0", "capture1", "capture2", "decay_param")


class Params(StepParams):
    """Parameters of `persistence`."""

    input_trapsfilled: Annotated[
        str, Help("trapsfilled product of the exposure before, of the same detector"), File()
    ] = ""
    flag_pers_cutoff: Annotated[float, Help("persistence from which on a pixel is flagged, DN")] = 40.0
    save_persistence: Annotated[bool, Help("save what is subtracted (suffix output_pers)")] = False
    save_trapsfilled: Annotated[bool, Help("save the filled traps after the exposure (suffix trapsfilled)")] = True


@step(
    "persistence",
    status="S_PERSIS",
    peer="jwst.persistence.persistence_step.PersistenceStep",
    references=["trapdensity", "trappars", "persat"],
    params=Params,
)
def persistence(ramp: Ramp, refs: References, par: Params, run: Run) -> Ramp:
    """Subtract the charge that earlier light left in traps of the detector.

    Traps come in families with time scales of their own. In each group they lose a share of their charge, which adds
    to the signal until the next reset; at the end of an integration they have captured a share of its charge: from the
    rising ramp, from its saturated part, and from jumps. The traps that are filled after the last integration are
    saved for the next exposure (``trapsfilled``, the full frame).

    Parameters
    ----------
    ramp : Ramp
        Counts, DN, changed in place; PERSISTENCE is set in PIXELDQ.
    refs : References
        ``trapdensity``: traps of each pixel; ``trappars``: time scales; ``persat``: counts, DN, at which traps
        saturate. Skipped where one does not apply.
    par : Params
        Parameters.
    run : Run
        Threads, log, `save`.

    Returns
    -------
    Ramp
        The same.

    Raises
    ------
    InputError
        The ``trapsfilled`` product does not fit, or the exposure lacks its times.
    ReferenceError
        The table of time scales is empty or lacks a column.
    """
    trapdensity, persat, trappars = refs.need("trapdensity", "persat", "trappars")
    density, limit, pars = trap_density(trapdensity), saturation_limit(persat), time_scales(trappars)
    nints, ngroups, ny, nx = ramp.shape
    whole = initial_traps(ramp, par.input_trapsfilled, pars, run.threads)
    place = ramp.subarray
    within = (slice(None), slice(place.y, place.y + ny), slice(place.x, place.x + nx))
    tgroup, tframe = float(ramp["TGROUP"]), float(ramp["TFRAME"])
    group, shares = shares_lost(pars, tgroup), np.ascontiguousarray(pars[:, :3:2], "f4")
    removed = None
    if par.save_persistence:
        removed = Ramp.like(ramp)
        removed.store = ramp.store
        removed.data = np.empty(ramp.shape, "f4") if ramp.store is None else ramp.store.empty(ramp.shape, "f4")
        removed.zeroframe, removed.group, removed.int_times = ramp.zeroframe, ramp.group, ramp.int_times
    scratch = [
        np.zeros((run.threads, *shape), dtype)
        for shape, dtype in zip(kernel.scratch_shapes(ngroups, len(pars)), ("f4", "f8", "i4"), strict=True)
    ]
    # Resets before the first integration belong to the time before the exposure.
    resets = [int(ramp.get("NRESETS" if i else "NRSTSTRT", 1)) for i in range(nints)]
    waits = [shares_lost(pars, tframe * resets[i] if i else 0.0) for i in range(nints)]
    if (ny, nx) != whole.shape[1:] and whole.any():
        # Nothing is known of the light beyond the subarray: traps only decay there.
        inside = whole[within].copy()
        for reset in waits:
            for share, times in ((reset, 1), (group, ngroups)):
                kernel.decay(whole.reshape(len(pars), -1), share, times, run.threads)
        whole[within] = inside
    for band, rows, _ in bands(ramp, changes=["data"], more=0 if removed is None else 4 * nints * ngroups * nx):
        of_band = (slice(None), slice(place.y + rows.start, place.y + rows.stop), within[2])
        traps = np.ascontiguousarray(whole[of_band])
        lost = None
        if removed is not None:
            lost = removed.data if band is ramp else np.empty(band.shape, "f4")
        for i in range(nints):
            kernel.integration(
                band.data[i],
                band.groupdq[i],
                band.pixeldq,
                traps,
                density[rows],
                limit[rows],
                tgroup,
                par.flag_pers_cutoff,
                waits[i],
                group,
                shares,
                *captures(pars, ngroups, tgroup, tframe * resets[i]),
                None if lost is None else lost[i],
                *scratch,
                run.threads,
            )
        whole[of_band] = traps
        if removed is not None and band is not ramp:
            removed.fields["data"].set_rows(rows, lost)
    del band
    run.log.info("%d pixels have persistence above the cutoff", np.count_nonzero(ramp.pixeldq & Pixel.PERSISTENCE))
    if par.save_trapsfilled or par.save_results:
        run.save(filled_product(ramp, whole), "trapsfilled")
    if removed is not None:
        run.save(removed, "output_pers")
    return ramp


def trap_density(reference):
    """Traps of each pixel, (ny, nx) float32; 0 where unknown."""
    density = reference.array()
    density[np.isnan(density) | ((reference.dq() & Pixel.DO_NOT_USE) != 0)] = 0
    return density


def saturation_limit(reference):
    """Counts at which traps saturate, DN, (ny, nx) float32; infinite where unknown: such a pixel captures nothing."""
    limit = reference.array()
    limit[np.isnan(limit)] = UNLIMITED
    limit[(reference.dq() & Pixel.DO_NOT_USE) != 0] = np.inf
    return limit


def time_scales(reference):
    """Parameters of the families, (nfamilies, 4) float64: capture0, capture1 (1/s), capture2, decay_param (1/s)."""
    table = reference.table("TRAPPARS")
    names = {name.lower(): name for name in table.dtype.names}
    missing = [name for name in COLUMNS if name not in names]
    if missing or not len(table):
        raise ReferenceError(f"{reference.name}, a trappars reference, has no {', '.join(missing) or 'rows'}")
    return np.stack([np.asarray(table[names[name]], "f8") for name in COLUMNS], axis=1)


def shares_lost(pars, time):
    """Share of the filled traps of each family that decay in a time in s, (nfamilies,) float32."""
    return (1 - np.exp(-time * np.abs(pars[:, 3]))).astype("f4")


def captures(pars, ngroups, tgroup, treset):
    """Tabulate the factors of what a family captures.

    Parameters
    ----------
    pars : ndarray of float64, (nfamilies, 4)
        Parameters of the families.
    ngroups : int
        Groups of an integration.
    tgroup, treset : float
        Time of a group, and of the resets before the integration, s: the pixels collect light in them, too.

    Returns
    -------
    by_ramp : ndarray of float64, (nfamilies, ngroups + 1)
        Times density and squared slope (saturation limits per s), by number of saturated groups, s^2.
    by_saturation : ndarray of float64, (nfamilies, ngroups + 1)
        Times empty traps, by number of saturated groups.
    by_jump : ndarray of float32, (nfamilies, ngroups)
        Times density and height, by group.
    """
    slow, rate, instant = pars[:, 0, None], pars[:, 1, None], pars[:, 2, None]
    saturated = np.arange(ngroups + 1) * tgroup
    rising = ngroups * tgroup + treset - saturated
    tau = np.where(rate == 0, FOREVER, 1 / np.abs(np.where(rate == 0, 1, rate)))
    by_ramp = GAIN * (
        rising**2 * (slow + instant) / 2 + slow * (rising * tau + tau**2) * np.exp(-rising / tau) - slow * tau**2
    )
    by_saturation = 1 - np.exp(-np.abs(rate) * saturated)
    # A jump comes, on average, in the middle of its group.
    since = (ngroups - np.arange(ngroups) - 0.5) * tgroup
    by_jump = slow * (1 - np.exp(rate * since)) + instant
    return by_ramp, by_saturation, by_jump.astype("f4")


def initial_traps(ramp, path, pars, threads):
    """Traps that are filled when the exposure begins.

    Parameters
    ----------
    ramp : Ramp
        The exposure.
    path : str
        ``trapsfilled`` product of an earlier one; empty: none are filled.
    pars : ndarray of float64, (nfamilies, 4)
        Parameters of the families.
    threads : int
        Threads.

    Returns
    -------
    ndarray of float32, (nfamilies, ny, nx)
        Over the full frame.
    """
    nx, ny = modes.full_frame(ramp["INSTRUME"])
    shape = (len(pars), ny, nx)
    if path.strip().lower() in ("", "none"):
        return np.zeros(shape, "f4")
    before = TrapsFilled.read(path, threads)
    if before.shape != shape:
        raise InputError(f"{path} has traps of shape {before.shape}, the exposure's detector has {shape}")
    if before["DETECTOR"] != ramp["DETECTOR"]:
        raise InputError(f"{path} is of {before['DETECTOR']}, the exposure of {ramp['DETECTOR']}")
    elapsed = (float(ramp["EXPSTART"]) - float(before["EXPEND"])) * DAY
    if elapsed < 0:
        raise InputError(f"{path} ends {-elapsed:.0f} s after the exposure begins")
    traps = before.data
    traps[np.isnan(traps)] = 0
    kernel.decay(traps.reshape(len(pars), -1), shares_lost(pars, elapsed), 1, threads)
    return traps


def filled_product(ramp, traps):
    """Make the product that the next exposure starts from; it is a full frame, whatever the exposure was."""
    product = TrapsFilled.like(ramp)
    product.headers.pop("SCI", None)
    product.extras, product.tree = [], None
    product.data = traps
    product["SUBARRAY"] = "FULL"
    product["SUBSTRT1"] = product["SUBSTRT2"] = 1
    product["SUBSIZE2"], product["SUBSIZE1"] = traps.shape[1:]
    return product
