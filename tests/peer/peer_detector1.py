"""Runs in the environment of jwst: calwebb_detector1 on one exposure, every step saved.

Usage: PEER_PYTHON peer_detector1.py UNCAL OUTPUT_DIR [JSON of step parameters]
"""

import json
import sys

SAVED = """
group_scale dq_init emicorr saturation ipc firstframe lastframe reset superbias refpix linearity rscd persistence
dark_current charge_migration jump ramp_fit gain_scale
""".split()


def main():
    from jwst.pipeline import Detector1Pipeline

    uncal, folder = sys.argv[1:3]
    steps = json.loads(sys.argv[3]) if len(sys.argv) > 3 else {}
    for name in SAVED:
        steps.setdefault(name, {})["save_results"] = True
    Detector1Pipeline.call(uncal, steps=steps, save_results=True, save_calibrated_ramp=True, output_dir=folder)


if __name__ == "__main__":
    main()
