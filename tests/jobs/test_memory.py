"""The estimate of an exposure's memory against what it takes, and exposures larger than the budget."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from astropy.io import fits
from builders import make_ramp, write_reference

from jwpipe.jobs import api, memory
from jwpipe.products.ramp import Ramp
from jwpipe.report.compare import Tolerance, compare
from jwpipe.simulate import simulate

ROOT = Path(__file__).parents[2]
SHAPES = {"few groups": (200, 2, 160), "many groups": (4, 200, 160), "one integration": (1, 40, 640)}
LIBRARIES = 40_000_000  # bytes resident of their code, which the limits of a process do not count
PROCESS = """
import json, resource, sys
name, uncal, folder, limit, allowed, overrides = sys.argv[1:]
from jwpipe.jobs import api
pipeline = api.load(name)
if int(limit):
    resource.setrlimit(resource.RLIMIT_DATA, (int(limit), int(limit)))
options = api.Options(output_dir=folder, max_memory=int(allowed) or None, overrides=json.loads(overrides))
outcome = api.process(pipeline, uncal, options)
print(json.dumps(max(record.peak for record in outcome.records)))
"""


@pytest.fixture(scope="module")
def exposures(tmp_path_factory):
    """Small simulated exposures, by side; what `grown` makes larger."""
    options = {"groups": 2, "stars": 10, "full_references": False}
    return {
        side: simulate("nircam-image", tmp_path_factory.mktemp(str(side)), subarray=f"SUB{side}", **options)
        for side in (160, 640)
    }


def grown(exposures, nints, ngroups, side):
    """The exposure of a side, with its groups repeated; zero frames come with it."""
    ramp = Ramp.read(exposures[side].uncal)
    planes = ramp.data[:1, np.arange(ngroups) % 2] + np.arange(ngroups, dtype="f4")[:, None, None]
    ramp.data = np.repeat(planes, nints, axis=0)
    ramp.zeroframe = ramp.data[:, 0]
    for keyword, value in {"NINTS": nints, "NGROUPS": ngroups, "INTEND": nints, "ZEROFRAM": True}.items():
        ramp[keyword] = value
    path = exposures[side].uncal.with_name(f"g{nints}_uncal.fits")
    ramp.write(path)
    with fits.open(path) as hdus:
        del hdus["ERR"]  # no raw exposure has it
        hdus.writeto(path, overwrite=True)
    return replace(exposures[side], uncal=path)


def process(exposure, folder, limit=0, allowed=0, name="detector1", **overrides):
    """Run a pipeline in a process of its own, limited in private memory."""
    environment = os.environ | {
        "CRDS_PATH": str(exposure.crds_path),
        "CRDS_CONTEXT": exposure.context,
        "CRDS_SERVER_URL": "https://crds-serverless-mode.stsci.edu",
        "PYTHONPATH": str(ROOT),
    }
    arguments = name, exposure.uncal, folder, limit, allowed, json.dumps(overrides)
    command = [sys.executable, "-c", PROCESS, *map(str, arguments)]
    return subprocess.run(command, env=environment, capture_output=True, text=True)


@pytest.mark.parametrize("case", SHAPES)
def test_the_estimate_is_a_little_above_the_measured_peak(case, exposures, tmp_path):
    exposure = grown(exposures, *SHAPES[case])
    estimate = memory.estimate(api.read_input(api.load("detector1"), exposure.uncal, api.Options()))
    measured = json.loads(process(exposure, tmp_path / "out").stdout)
    assert measured < estimate < 1.25 * measured + memory.PROGRAM / 2


def test_of_a_full_frame_the_ramp_or_the_slopes_count(exposures, tmp_path):
    path = tmp_path / "full_ramp.fits"
    make_ramp(np.broadcast_to(np.arange(6, dtype="f4")[:, None, None] * 50, (1, 6, 2048, 2048))).write(path)
    planes = {
        reftype: str(write_reference(tmp_path / f"{reftype}.fits", {"SCI": np.full((2048, 2048), value, "f4")}))
        for reftype, value in (("gain", 2), ("readnoise", 10))
    }
    product = api.read_input(api.load("ramp_fit"), path, api.Options())
    del product.fields["err"]  # is there, and the fit does not read it
    estimate = memory.estimate(product)
    exposure = replace(exposures[160], uncal=path)
    measured = json.loads(process(exposure, tmp_path, name="ramp_fit", **planes).stdout)
    assert measured < estimate < 1.25 * measured + memory.PROGRAM / 2


def test_an_exposure_larger_than_the_budget_gives_the_same_bits_within_it(exposures, tmp_path):
    exposure = grown(exposures, 20, 40, 160)
    product = api.read_input(api.load("detector1"), exposure.uncal, api.Options())
    assert process(exposure, tmp_path / "whole").returncode == 0
    # Private memory counts whether resident or not: the limit is stricter than the estimate means to be.
    least = memory.estimate(product, mapped=True)
    assert "MemoryError" in process(exposure, tmp_path / "none", least).stderr
    for limit in (least, least + 40_000_000):
        folder = tmp_path / str(limit)
        done = process(exposure, folder, limit, allowed=limit)
        assert (done.returncode, done.stderr.count("temporary file")) == (0, 1), done.stderr
        assert json.loads(done.stdout) < limit + LIBRARIES
        assert len(list(folder.iterdir())) == 2
        for path in folder.iterdir():
            assert compare(path, tmp_path / "whole" / path.name, Tolerance(rtol=0)).same


def test_of_mapped_arrays_no_more_is_resident_than_there_is_room_for(tmp_path):
    code = (
        "import sys, time; from jwpipe.products.store import Store\n"
        "from jwpipe.engine.runner import peak_memory\n"
        "array = Store(sys.argv[1], room=int(sys.argv[2])).array((64, 1 << 20), 'f4'); before = peak_memory()\n"
        "for i, plane in enumerate(array): plane[:] = i; time.sleep(0.03)\n"
        "print(peak_memory() - before)\n"
        "assert all((plane == i).all() for i, plane in enumerate(array))"
    )
    taken = {}
    for room in (0, 50_000_000):
        command = [sys.executable, "-c", code, str(tmp_path), str(room)]
        done = subprocess.run(command, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        taken[room] = int(done.stdout)
    assert taken[0] > 240_000_000
    assert taken[50_000_000] < 50_000_000 + LIBRARIES


def test_exposures_of_an_association_take_what_one_of_them_takes(tmp_path):
    options = {"detector": "NRCBLONG", "subarray": "SUB640", "level": "rate", "spacing": 1.5}
    made = simulate("nircam-dithers", tmp_path, dithers=3, **options)
    asn = made.associations[-1]
    peaks = []
    for rate in made.exposures:
        done = process(replace_input(made, rate), tmp_path, name="image2")
        assert done.returncode == 0, done.stderr
        outcome = json.loads(done.stdout)
    association = json.loads(asn.read_text())
    members = association["products"][0]["members"]
    for count in (2, 3):
        association["products"][0]["members"] = members[:count]
        asn.write_text(json.dumps(association))
        estimate = memory.estimate(api.read_input(api.load("image3"), asn, api.Options()))
        peaks.append(json.loads(process(replace_input(made, asn), tmp_path / "out", name="image3").stdout))
        assert peaks[-1] < estimate < 1.25 * peaks[-1] + memory.PROGRAM / 2
    product = api.read_input(api.load("image2"), made.exposures[0], api.Options())
    assert outcome < memory.estimate(product) < 1.25 * outcome + memory.PROGRAM / 2
    assert peaks[1] < 1.1 * peaks[0]


def replace_input(made, path):
    """What `process` takes: a file, and where its references are."""
    return SimpleNamespace(uncal=path, crds_path=made.crds_path, context=made.context)


def test_available_memory_is_told():
    assert 10**8 < memory.available_memory() <= os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


@pytest.mark.parametrize(
    ("text", "limits"),
    [
        ("4:memory:/slurm/job_7/step_0\n1:cpu:/\n", {"memory/slurm/job_7/memory.limit_in_bytes": 300}),
        ("0::/slurm/job_7\n", {"memory.max": "max", "slurm/memory.max": 300}),
        ("0::/not/seen/in/a/container\n", {"memory.max": 300}),
    ],
)
def test_limits_of_control_groups_count(text, limits, tmp_path, monkeypatch):
    for name, limit in limits.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(f"{limit}\n")
    process = tmp_path / "cgroup"
    process.write_text(text)
    found = [*memory._limits(process, tmp_path)]
    assert {tmp_path / name for name in limits} <= set(found)
    monkeypatch.setattr(memory, "_limits", lambda: found)
    assert memory.available_memory() == 300
