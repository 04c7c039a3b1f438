"""Exposures larger than the memory allowed: worked on in parts, with the same bytes of every product."""

import errno
import math
import os

import numpy as np
import pytest
from builders import make_ramp, make_references, make_run

from jwpipe.errors import OutputError
from jwpipe.jobs import api, memory
from jwpipe.products.dq import Pixel
from jwpipe.products.parts import blocks
from jwpipe.products.store import Store
from jwpipe.simulate import simulate
from jwpipe.steps.ramp.refpix import refpix

# Each with what makes parts differ: charge traps that remember, and snowballs' cores in the next integration; waves
# over the whole exposure, a dark and a reset of several integrations; jumps told by the scatter of integrations.
CASES = {
    "nircam-image": (
        {"subarray": "SUB160", "groups": 8, "integrations": 5, "persistence": True, "snowballs": 2},
        ("persistence.skip=false", "persistence.save_persistence=true", "jump.expand_large_events=true"),
    ),
    "miri-image": (
        {"subarray": "SUB256", "groups": 12, "integrations": 5, "showers": 2},
        ("emicorr.skip=false", "jump.find_showers=true", "rscd.save_results=true"),
    ),
    "nirspec-subarray": (
        {"groups": 4, "integrations": 102},
        ("jump.save_results=true", "ramp_fit.suppress_one_group=false", "save_calibrated_ramp=true"),
    ),
}


@pytest.mark.parametrize("mode", CASES)
def test_parts_of_an_exposure_give_the_same_bytes_as_the_whole(mode, tmp_path, monkeypatch):
    options, assignments = CASES[mode]
    made = simulate(mode, tmp_path / "made", full_references=False, **options)
    for name, value in {
        "CRDS_PATH": made.crds_path,
        "CRDS_CONTEXT": made.context,
        "CRDS_SERVER_URL": "https://crds-serverless-mode.stsci.edu",
        "SOURCE_DATE_EPOCH": 1,
    }.items():
        monkeypatch.setenv(name, str(value))
    product = api.read_input(api.load("detector1"), made.uncal, api.Options())
    integration = 5 * math.prod(product.shape[1:])
    fixed = 2**40 - memory.room(product, 2**40)
    budgets = {"whole": None, "least": memory.estimate(product, mapped=True), "blocks": fixed + int(2.5 * integration)}
    assert max(budgets["least"], budgets["blocks"]) < memory.estimate(product)
    files = {}
    for case, budget in budgets.items():
        folder = tmp_path / case
        api.run("detector1", made.uncal, output_dir=folder, max_memory=budget, assignments=assignments, threads=2)
        files[case] = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert len(files["whole"]) >= 3
    for case in ("least", "blocks"):
        assert files[case].keys() == files["whole"].keys()
        assert [name for name, content in files[case].items() if content != files["whole"][name]] == []


@pytest.mark.parametrize("groups", [1, 3])
def test_reference_pixels_of_the_first_group_alone_are_measured_in_single_precision(groups, tmp_path):
    counts = np.random.default_rng(1).normal(1000, 300, (3, 2, 64, 2048)).astype("f4")
    ramps = [make_ramp(counts.copy(), SUBARRAY="SUB64P", NOUTPUTS=4) for _ in range(2)]
    ramps[1].store = Store(tmp_path, room=groups * 5 * counts[0, 0].size)
    for ramp in ramps:
        ramp.pixeldq[:, :4] = ramp.pixeldq[:, -4:] = ramp.pixeldq[:4] = Pixel.REFERENCE_PIXEL
        for block in blocks(ramp, by_group=True):
            refpix(block, make_references(block), refpix.params(), make_run(2))
    assert np.array_equal(ramps[0].data, ramps[1].data)


def test_a_full_disk_is_told_in_one_line_and_leaves_nothing(tmp_path, monkeypatch):
    def full(descriptor, offset, size):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    path = tmp_path / "x_ramp.fits"
    make_ramp(np.zeros((2, 3, 8, 8)), FRMDIVSR=2).write(path)
    with pytest.raises(OutputError, match=r"no room for a temporary file of .* No space left"):
        api.run("group_scale", path, output_dir=tmp_path / "out", max_memory=1)
    assert not any((tmp_path / "out").iterdir())
