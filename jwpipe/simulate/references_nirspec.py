"""References that only NIRSpec has."""

import numpy as np

from jwpipe.simulate.irs2 import weights
from jwpipe.simulate.products import table
from jwpipe.simulate.references import References

__all__ = ["NirspecReferences"]

AMPLIFIERS = 4
IRS2 = np.dtype([(f"{letter}_{k}", ">f4") for letter in ("alpha", "beta") for k in range(AMPLIFIERS)])
DQ = np.dtype([("OUTPUT", "u1"), ("ODD_EVEN", "u1"), ("MASK", ">u4")])


class NirspecReferences(References):
    """Writes the references of a NIRSpec exposure, see `References`."""

    def refpix(self):
        """Write the weights of the correction of IRS2 readout."""
        values = self._values(self.exposure.window)
        if not self.exposure.pattern.irs2:
            return self.cache.exclude("refpix", values)
        alpha, beta = weights(self.exposure.window.nx)
        rows = np.zeros(2 * alpha.size, IRS2)  # complex numbers, real and imaginary parts in turn
        for k in range(AMPLIFIERS):
            rows[f"alpha_{k}"][::2], rows[f"beta_{k}"][::2] = alpha, beta
        # The bad ones are known by the mask.
        known = [(output, parity, 0) for output in range(1, AMPLIFIERS + 1) for parity in (1, 2)]
        blocks = [table("IRS2", rows), table("DQ", np.array(known, DQ))]
        return self.write("refpix", "IRS2Model", "Weights of IRS2", blocks, cards=self._readout())
