"""References that only MIRI has."""

import numpy as np

from jwpipe.simulate.miri_readout import DETECTORS, GROUPS_TO_SKIP, ROW_CLOCKS, WINDOWS, frame_clocks
from jwpipe.simulate.products import image, table
from jwpipe.simulate.references import References, dq_def

__all__ = ["MiriReferences"]

RESET_GROUPS = 12  # of the reset reference: exposures may have more
WAVE = 500  # samples of a wave
GROUP_SKIP = np.dtype([("subarray", "S13"), ("readpatt", "S8"), ("group_skip", ">i4")])


class MiriReferences(References):
    """Writes the references of a MIRI exposure, see `References`."""

    dark_integrations = 2

    def reset(self):
        """Write what the reset leaves in the first groups, of the exposure's window: resets are never cut."""
        exposure, transients = self.exposure, self.mode.properties.transients
        c = self.calibration.cut(exposure.window)
        integrations = range(len(transients.reset))
        left = np.array([transients.after_reset(i, np.arange(RESET_GROUPS)) for i in integrations], "f4")
        data = left[:, :, None, None] * c.transient
        cards = [
            *self._readout(),
            ("NGROUPS", RESET_GROUPS, "Number of groups in integration"),
            ("NINTS", len(integrations), "Number of integrations in exposure"),
        ]
        blocks = [
            image("SCI", data),
            image("ERR", np.broadcast_to(np.float32(0.5), data.shape)),
            image("DQ", np.zeros(exposure.window.shape, "u4")),
            dq_def(["DO_NOT_USE"], standard=True),
        ]
        place = {"META.SUBARRAY.NAME": exposure.window.name}
        self.write("reset", "ResetModel", "What the reset leaves", blocks, exposure.window, cards, **place)

    def rscd(self):
        """Write how many groups to leave out after a reset switched charge."""
        rows = [(*case, skip) for case, skip in GROUPS_TO_SKIP.items()]
        blocks = [table("RSCD_GROUP_SKIP", np.array(rows, GROUP_SKIP))]
        self.write("rscd", "RSCDModel", "Groups to skip after a reset", blocks)

    def emicorr(self):
        """Write the waves of the interference."""
        interference = self.mode.properties.interference
        wave = interference.amplitude * interference.shape((np.arange(WAVE) + 0.5) / WAVE)
        names, cases = list(interference.waves), {}
        for (name, readpatt), rows in ROW_CLOCKS.items():
            pattern = readpatt.removesuffix("R1")
            cases[f"{name}_{pattern}" if name == "FULL" else name] = {
                "frameclocks": frame_clocks(WINDOWS[name], rows),
                # Slow readouts are known a detector.
                "freqs": {pattern: dict.fromkeys(DETECTORS, names) if pattern == "SLOW" else names},
                "rowclocks": rows,  # 1.14.1 stops at the second of the clocks: the frequencies must come before
            }
        tree = {
            "frequencies": {
                name: {"frequency": hertz, "phase_amplitudes": wave} for name, hertz in interference.waves.items()
            },
            "subarray_cases": cases,
        }
        path = self.cache.place("emicorr", self._values(self.calibration.window), ".asdf")
        self.write_tree(path, "EMICORR", "Waves of interference, simulated", tree)
