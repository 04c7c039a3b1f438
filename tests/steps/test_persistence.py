"""Traps of whole exposures."""

import numpy as np
import pytest
from astropy.io import fits
from builders import make_ramp, make_references, make_run, write_reference

from jwpipe.engine.step import Skip
from jwpipe.errors import InputError, ReferenceError
from jwpipe.products.dq import Pixel
from jwpipe.steps.ramp.persistence import persistence

SIZE = 2048


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    folder = tmp_path_factory.mktemp("references")
    density, limit = np.full((2, SIZE, SIZE), 0.01, "f4")
    limit[:] = 50000
    density[1500, 500], limit[1500, 502] = np.nan, np.nan
    dq = np.zeros((2, SIZE, SIZE), "u4")
    dq[0, 1500, 501] = dq[1, 1500, 503] = 1
    names = ("capture0", "capture1", "capture2", "decay_param")
    pars = np.array([(100.0, -0.01, 5.0, -0.001), (50.0, -0.1, 0.0, -0.01)], [(name, "f8") for name in names])
    flags = {1: "DO_NOT_USE"}
    return {
        "trapdensity": write_reference(folder / "density.fits", {"SCI": density, "DQ": dq[0]}, dq_def=flags),
        "persat": write_reference(folder / "persat.fits", {"SCI": limit, "DQ": dq[1]}, dq_def=flags),
        "trappars": write_reference(folder / "pars.fits", tables=[fits.BinTableHDU(pars, name="TRAPPARS")]),
    }


def ramp_of(nints=2):
    data = np.broadcast_to(np.linspace(1000, 30000, 5)[:, None, None], (nints, 5, 8, 12))
    ramp = make_ramp(data, SUBSTRT1=501, SUBSTRT2=1501, SUBARRAY="SUB64P", NRSTSTRT=1)
    ramp["EXPSTART"], ramp["EXPEND"] = 59000.1, 59000.2
    return ramp


def test_traps_of_one_exposure_spoil_the_next(paths, tmp_path):
    run, ramp = make_run(), ramp_of()
    persistence(ramp, make_references(ramp, **paths), persistence.params(flag_pers_cutoff=0.1), run)
    np.testing.assert_array_equal(ramp.data[0], ramp_of().data[0])
    lost = (ramp_of().data - ramp.data)[1]
    assert (np.diff(lost[:, 4, 4]) > 0).all()
    assert lost[:, 0, 0].any() == lost[:, 0, 1].any() == lost[:, 0, 3].any() == False  # noqa: E712 - three at once
    assert lost[-1, 0, 2] < 0.01 * lost[-1, 4, 4]
    np.testing.assert_array_equal(ramp.pixeldq, Pixel.PERSISTENCE * (lost.max(axis=0) >= 0.1))
    assert ramp.pixeldq[4, 4]
    traps = run.saved["trapsfilled"]
    assert traps.shape == (2, SIZE, SIZE)
    assert np.count_nonzero(traps.data) == 2 * np.count_nonzero(traps.data[0, 1500:1508, 500:512]) == 2 * (96 - 3)
    path = tmp_path / "before_trapsfilled.fits"
    traps.write(path)
    after = ramp_of(1)
    after["EXPSTART"] = 59000.2
    par = persistence.params(input_trapsfilled=str(path), save_persistence=True, save_trapsfilled=False)
    run = make_run()
    persistence(after, make_references(after, **paths), par, run)
    assert set(run.saved) == {"output_pers"}
    removed = run.saved["output_pers"].data
    np.testing.assert_allclose(after.data, ramp_of(1).data - removed, rtol=1e-6)
    # With no time in between, what one integration sees of the traps of the one before.
    assert removed[0, -1, 4, 4] > lost[-1, 4, 4]
    late = ramp_of(1)
    late["EXPSTART"] = 59001.2
    persistence(late, make_references(late, **paths), par, run)
    assert run.saved["output_pers"].data.max() < 1e-3 * removed.max()


def test_traps_that_do_not_fit_are_refused(paths, tmp_path):
    ramp = ramp_of(1)
    refs = make_references(ramp, **paths)
    keywords = {"EXPSTART": 59000.0, "EXPEND": 59000.3}
    for shape, detector, message in (
        ((3, 8, 8), "NRCA1", "shape"),
        ((2, SIZE, SIZE), "NRCB1", "is of NRCB1"),
        ((2, SIZE, SIZE), "NRCA1", "s after the exposure begins"),
    ):
        path = write_reference(tmp_path / "traps.fits", {"SCI": np.zeros(shape, "f4")}, DETECTOR=detector, **keywords)
        with pytest.raises(InputError, match=message):
            persistence(ramp, refs, persistence.params(input_trapsfilled=str(path)), make_run())


def test_references_that_are_missing_skip_and_those_that_are_empty_fail(paths, tmp_path):
    ramp = ramp_of(1)
    with pytest.raises(Skip, match="persat"):
        persistence(ramp, make_references(ramp, **paths | {"persat": None}), persistence.params(), make_run())
    table = fits.BinTableHDU(np.array([(1.0,)], [("capture0", "f8")]), name="TRAPPARS")
    bad = write_reference(tmp_path / "pars.fits", tables=[table])
    with pytest.raises(ReferenceError, match="has no capture1, capture2, decay_param"):
        persistence(ramp, make_references(ramp, **paths | {"trappars": bad}), persistence.params(), make_run())
