"""calwebb_detector1 and calwebb_guider on any number of threads, in modes whose steps other tests do not run."""

import numpy as np
import pytest
from astropy.io import fits

import jwpipe
from jwpipe.report.compare import Tolerance, compare
from jwpipe.simulate import simulate

MODES = {
    "miri with emicorr and showers": (
        "miri-image",
        {"subarray": "SUB256", "groups": 12, "integrations": 2, "showers": 2},
        ["emicorr.skip=false", "jump.find_showers=true"],
    ),
    "soss": (
        "niriss-soss",
        {"subarray": "SUBSTRIP96", "groups": 4, "integrations": 3},
        ["charge_migration.skip=false"],
    ),
    "nirspec irs2": ("nirspec-irs2", {"groups": 2}, []),
    "guider": ("guider", {"kind": "FINEGUIDE", "integrations": 20}, []),
}


@pytest.mark.parametrize("name", MODES)
def test_any_number_of_threads_gives_the_same_bits(name, crds, tmp_path):
    mode, options, assignments = MODES[name]
    exposure = crds(simulate(mode, tmp_path / "simulated", seed=8, **options))
    pipeline = "guider" if mode == "guider" else "detector1"
    made = {}
    for threads in (1, 2, 8):
        outcome = jwpipe.run(
            pipeline, exposure.uncal, output_dir=tmp_path / str(threads), threads=threads, assignments=assignments
        )
        made[threads] = {path.name: path for path in outcome.files}
    done = {record.name for record in outcome.records if record.status == "COMPLETE"}
    assert {line.partition(".")[0] for line in assignments} <= done
    for file, path in made[1].items():
        with fits.open(path) as hdus:
            assert np.isfinite(hdus["SCI"].data).mean() > 0.5
        for threads in (2, 8):
            assert compare(path, made[threads][file], Tolerance(rtol=0)).same, file
