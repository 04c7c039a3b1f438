"""Runs in the environment of jwst: a pipeline of stage 1 on one exposure, every step saved.

Usage: PEER_PYTHON peer_pipeline.py detector1|dark|guider UNCAL OUTPUT_DIR [JSON of step parameters]
"""

import json
import sys
from pathlib import Path


def main():
    from jwst import pipeline

    name, uncal, folder = sys.argv[1:4]
    kind = {
        "detector1": pipeline.Detector1Pipeline,
        "dark": pipeline.DarkPipeline,
        "guider": pipeline.GuiderPipeline,
    }[name]
    steps = json.loads(sys.argv[4]) if len(sys.argv) > 4 else {}
    for step in kind.step_defs:
        # The last step of guiders has the name of what the pipeline makes.
        steps.setdefault(step, {})["save_results"] = (name, step) != ("guider", "flat_field")
    if name == "detector1":
        kind.call(uncal, steps=steps, save_results=True, save_calibrated_ramp=True, output_dir=folder)
    else:
        made = kind.call(uncal, steps=steps, output_dir=folder)
        suffix = "dark" if name == "dark" else "cal"
        made.save(Path(folder, Path(uncal).name.replace("_uncal", f"_{suffix}")))


if __name__ == "__main__":
    main()
