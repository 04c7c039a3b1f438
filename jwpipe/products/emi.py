"""Waves of the electromagnetic interference in MIRI's ramps: the reference file of the emicorr step.

Source: JWST User Documentation, "EMICORR reference file": an ASDF file with ``frequencies`` (by name: frequency in Hz,
phase amplitudes in DN) and ``subarray_cases`` (by name: rowclocks, frameclocks, names of the frequencies to correct).
"""

import io
import warnings
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from jwpipe.errors import ReferenceError
from jwpipe.products.fitsfile import Content, write_fits

__all__ = ["Case", "EmiWaves"]

STANDARD = "1.5.0"  # of ASDF: build 10.2 reads no later one


@dataclass(frozen=True)
class Case:
    """How one subarray is clocked in one read pattern, and which waves disturb it.

    Attributes
    ----------
    rowclocks, frameclocks : float
        Time from one row to the next, and time of a frame, in samples of 10 us.
    names : tuple of str
        Names of the waves, in the order in which they are to be corrected.
    """

    rowclocks: float
    frameclocks: float
    names: tuple


@dataclass
class EmiWaves:
    """Waves by name, and cases by name.

    Attributes
    ----------
    waves : dict of str to tuple
        Frequency (Hz) and one period of the wave (float64, DN), by name.
    cases : dict of str to dict
        ``subarray_cases`` as the file has them.
    origin : str
        Name of the file, for messages.
    """

    waves: dict
    cases: dict
    origin: str = ""
    ending: str = field(default=".asdf", init=False, repr=False)

    @classmethod
    def read(cls, path):
        """Read a reference file.

        Raises
        ------
        ReferenceError
            Not such a file.
        """
        import asdf

        path = Path(path)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", asdf.exceptions.AsdfWarning)  # of library versions
                with asdf.open(path, lazy_load=False, memmap=False) as file:
                    tree = file.tree
                    waves = {
                        str(name): (float(wave["frequency"]), np.array(wave["phase_amplitudes"], "f8").ravel())
                        for name, wave in tree["frequencies"].items()
                    }
                    cases = {str(name): dict(case) for name, case in tree["subarray_cases"].items()}
        except OSError as problem:
            raise ReferenceError(f"{path} cannot be read: {problem.strerror or problem}") from None
        except (AttributeError, KeyError, TypeError, ValueError) as problem:
            raise ReferenceError(f"{path.name} is no emicorr reference: {problem}") from None
        return cls(waves, cases, path.name)

    def case(self, name, speed, detector):
        """Look a case up.

        Parameters
        ----------
        name : str
            Subarray; ``FULL_FAST`` or ``FULL_SLOW`` for the full frame.
        speed : str
            FAST or SLOW.
        detector : str
            Slow readouts are disturbed in a way of their own in each detector.

        Returns
        -------
        Case or None
            None where the file has no such case.

        Raises
        ------
        ReferenceError
            The case is incomplete, or names a wave that the file does not have.
        """
        found = self.cases.get(name)
        if found is None:
            return None
        try:
            # The pattern may be written with or without its R1.
            patterns = {pattern.removesuffix("R1"): names for pattern, names in found["freqs"].items()}
            names = patterns.get(speed, ())
            if isinstance(names, dict):
                names = names.get(detector, ())
            case = Case(float(found["rowclocks"]), float(found["frameclocks"]), tuple(map(str, names)))
        except (AttributeError, KeyError, TypeError, ValueError) as problem:
            raise ReferenceError(f"{self.origin}: the case {name} is incomplete: {problem}") from None
        for wave in case.names:
            if wave not in self.waves:
                raise ReferenceError(f"{self.origin}: the case {name} names {wave}, which is not among the frequencies")
            frequency, amplitudes = self.waves[wave]
            if not frequency > 0 or amplitudes.size < 2 or not np.isfinite(amplitudes).all():
                raise ReferenceError(f"{self.origin}: the wave {wave} has no frequency or no amplitudes")
        return case

    def write(self, path, stage=None):
        """Write a reference file, whole or not at all; parameters as of `jwpipe.products.product.Product.write`.

        Raises
        ------
        OutputError
            The file cannot be written.
        """
        import asdf

        meta = {
            "telescope": "JWST",
            "instrument": {"name": "MIRI"},
            "reftype": "emicorr",
            "model_type": "EmiModel",
            "filename": Path(path).name,
            "description": "Waves found in the exposure itself",
        }
        waves = {
            name: {"frequency": frequency, "phase_amplitudes": amplitudes}
            for name, (frequency, amplitudes) in self.waves.items()
        }
        stream = io.BytesIO()
        tree = {"meta": meta, "frequencies": waves, "subarray_cases": self.cases}
        asdf.AsdfFile(tree, version=STANDARD).write_to(stream)
        write_fits(path, [Content(stream.getvalue())], stage)
