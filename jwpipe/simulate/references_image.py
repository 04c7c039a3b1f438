"""References of images: geometry, response, photometry."""

from dataclasses import replace

import numpy as np

from jwpipe.products.dq import Pixel
from jwpipe.simulate.bandpass import SQUARE_ARCSEC
from jwpipe.simulate.crds import IMAGE_RULES
from jwpipe.simulate.products import image, table
from jwpipe.simulate.references import References, dq_def
from jwpipe.simulate.scene import STAMP
from jwpipe.simulate.transforms import Foreign, Tagged, distortion_model, unit

__all__ = ["ImageReferences", "apertures"]

FLAT_ERROR = 1e-3
UNCHANGING = 0.0, 200.0, 59700.0  # loss of response: amplitude, e-folding time in days, MJD of its start
ENERGIES = tuple(percent / 100 for percent in range(10, 91, 10))  # encircled, of which there are apertures
ANNULUS = 12.0, 18.0  # pixels
FINE = 8  # points a pixel, where a star is integrated
BOXES = 4  # pixels that a star is smeared by: the detector's, its drop, the mosaic's, and that in the aperture
MODELS = {"NIRCAM": "Nrc", "NIRISS": "Nis", "FGS": "Fgs", "MIRI": "Mir"}
KEYS = {  # columns of tables by which rows are found
    "NIRCAM": ("FILTER", "PUPIL"),
    "NIRISS": ("FILTER", "PUPIL"),
    "FGS": (),
    "MIRI": ("FILTER", "SUBARRAY"),
}


class ImageReferences(References):
    """Writes the references of an exposure that is an image, see `References`.

    Parameters
    ----------
    cache, exposure, mode, calibration
        As of `References`.
    camera : Camera
        The window's way to the sky.
    bands : dict of str to Bandpass
        All filters of the detector.
    offsets : dict of str to tuple of float
        Their offsets, columns and rows.
    """

    def __init__(self, cache, exposure, mode, calibration, camera, bands, offsets):
        super().__init__(cache, exposure, mode, calibration, residual=0.0)
        self.camera, self.bands, self.offsets = camera, bands, offsets

    def write_all(self):
        """Write all of them, and the rules that lead to them."""
        for name in IMAGE_RULES:
            if name in self.exposure.instrument.rules:
                getattr(self, name)()
        self.cache.write()

    @property
    def pixel_area(self):
        """Nominal area of a pixel, square arcsec."""
        return self.camera.distortion.nominal_area

    def _areas(self):
        return [
            ("PIXAR_SR", self.pixel_area * SQUARE_ARCSEC, "[sr] Nominal pixel area"),
            ("PIXAR_A2", self.pixel_area, "[arcsec^2] Nominal pixel area"),
        ]

    def _rows(self, columns, full="FULL"):
        """Rows of a table: for every filter the columns that it is found by, and those asked for.

        Parameters
        ----------
        columns : callable
            Gives a filter's values of the other columns, a tuple a row.
        full : str, optional
            What SUBARRAY says of the whole detector.
        """
        keys = KEYS[self.exposure.instrument.name]
        for band in self.bands:
            known = {card[0]: card[1] for card in self.mode.elements(replace(self.exposure, filter=band))}
            known["SUBARRAY"] = full if self.exposure.window.name == "FULL" else self.exposure.window.name
            for row in columns(band):
                yield (*(known[key] for key in keys), *row)

    def _table(self, name, values, columns):
        keys = [(key.lower(), "S15" if key == "SUBARRAY" else "S12") for key in KEYS[self.exposure.instrument.name]]
        if name == "APCORR":
            keys = [(key, "S15" if key == "pupil" else kind) for key, kind in keys]
        full = "GENERIC" if name == "PHOTOM" else "FULL"
        rows = np.array(list(self._rows(values, full)), [*keys, *((column, ">f4") for column in columns)])
        return table(name, rows)

    def flat(self):
        """Write the response: of the charge that a surface of even brightness sets free, in counts."""
        c = self.calibration
        area = self.camera.pixel_area(c.window.shape)
        response = c.response * area * (np.float32(self.mode.properties.gain) / c.gain)
        blind = c.has(Pixel.DEAD) | ~c.active
        response[blind] = np.nan
        flags = np.where(blind, np.uint32(Pixel.DO_NOT_USE | Pixel.NO_FLAT_FIELD), np.uint32(0))
        error = np.full(response.shape, FLAT_ERROR, "f4")
        blocks = [image("SCI", response), image("ERR", error), image("DQ", flags)]
        blocks.append(dq_def(["DO_NOT_USE", "NO_FLAT_FIELD"], standard=True))
        self.write("flat", "FlatModel", "Response to light", blocks, c.window)

    def area(self):
        """Write the area of each pixel of the whole detector: 1.14.1 takes no other, and cuts it itself."""
        exposure = self.exposure
        full = exposure.instrument.windows(exposure.detector.name)["FULL"]
        area = replace(self.camera, corner=(full.x, full.y)).pixel_area(full.shape)
        self.write("area", "PixelAreaModel", "Areas of pixels", [image("SCI", area)], cards=self._areas())

    def photom(self):
        """Write the conversion to surface brightness."""

        def factor(band):
            value = self.bands[band].conversion(self.mode.properties.gain, self.pixel_area)
            return [(value, 0.01 * value)]

        instrument = self.exposure.instrument.name
        blocks = [self._table("PHOTOM", factor, ("photmjsr", "uncertainty"))]
        if instrument == "MIRI":
            still = np.array(
                [(0.0, 200.0, 59700.0)] * len(self.bands), [(c, ">f4") for c in ("amplitude", "tau", "t0")]
            )
            blocks.append(table("TIMECOEFF", still))
        model = MODELS[instrument] + "ImgPhotomModel"
        self.write("photom", model, "Conversion to surface brightness", blocks, cards=self._areas())

    def apcorr(self):
        """Write apertures of stars, and their corrections."""
        rows = apertures(self.mode.optics, self.calibration.kernel)
        columns = "eefraction", "radius", "apcorr", "skyin", "skyout"
        blocks = [self._table("APCORR", lambda band: rows, columns)]
        model = MODELS[self.exposure.instrument.name] + "ImgApcorrModel"
        self.write("apcorr", model, "Apertures of stars", blocks)

    def distortion(self):
        """Write the way from pixels to the focal plane."""
        tree = {"model": distortion_model(self.camera.distortion)}
        meta = {"input_units": unit("pixel"), "output_units": unit("arcsec"), "title": "Distortion"}
        self._write_tree("distortion", "DistortionModel", "From pixels to V2, V3 in arcsec", tree, meta)

    def filteroffset(self):
        """Write by how much each filter moves the image."""

        def offsets(band):
            return [tuple(map(float, self.offsets[band]))]

        keys = [key.lower() for key in KEYS[self.exposure.instrument.name] if key != "SUBARRAY"]
        rows = []
        for row in self._rows(offsets):
            known = dict(zip(keys, row, strict=False))
            rows.append(known | {"pupil": known.get("pupil", "N/A"), "column_offset": row[-2], "row_offset": row[-1]})
        meta = {"input_units": "pixels", "title": "Filter offsets"}
        self._write_tree("filteroffset", "FilteroffsetModel", "Offsets of filters", {"filters": rows}, meta)

    def abvegaoffset(self):
        """Write the difference of AB and Vega magnitudes."""
        names = [key for key in KEYS[self.exposure.instrument.name] if key != "SUBARRAY"] or ["DETECTOR"]
        rows = [
            row if names != ["DETECTOR"] else (self.exposure.detector.name, *row)
            for row in self._rows(lambda band: [(float(self.bands[band].vega_offset),)])
        ]
        if "SUBARRAY" in KEYS[self.exposure.instrument.name]:
            rows = [(row[0], row[-1]) for row in rows]
        columns = dict(zip(map(str.lower, names), zip(*rows, strict=True), strict=False))
        columns["abvega_offset"] = np.array([row[-1] for row in rows], "f4")
        content = [
            Tagged("core/column-1.0.0", {"data": values if name == "abvega_offset" else _texts(values), "name": name})
            for name, values in columns.items()
        ]
        offsets = {"colnames": list(columns), "columns": content, "qtable": False}
        tree = {"abvega_offset": Foreign("tag:astropy.org:astropy/table/table-1.1.0", offsets)}
        self._write_tree("abvegaoffset", "ABVegaOffsetModel", "AB less Vega magnitudes", tree, {"title": "Offsets"})

    def _write_tree(self, reftype, model, description, tree, meta):
        exposure = self.exposure
        path = self.cache.place(reftype, self._values(exposure.window), ".asdf")
        known = {"name": exposure.instrument.name, "detector": exposure.detector.name}
        if exposure.detector.module:
            known |= {"module": exposure.detector.module, "channel": exposure.detector.channel, "p_pupil": "CLEAR|"}
        meta |= {
            "exposure": {"p_exptype": f"{exposure.exp_type}|", "type": exposure.exp_type},
            "instrument": known,
            "model_type": model,
        }
        self.write_tree(path, reftype, description, tree | {"meta": meta})


def _texts(values):
    longest = max(map(len, values))
    return Tagged("core/ndarray-1.0.0", {"data": list(values), "datatype": ["ucs4", longest], "shape": [len(values)]})


def apertures(optics, kernel):
    """Find the circles that hold parts of a star's light in a mosaic, and their corrections.

    Parameters
    ----------
    optics : Optics
        The star's shape.
    kernel : ndarray, (3, 3)
        Inter-pixel capacitance.

    Returns
    -------
    list of tuple
        Encircled energy, radius, factor to the total where the mean of the annulus is taken off, and the annulus;
        pixels.
    """
    n = 2 * STAMP * FINE
    place = (np.arange(n) - n // 2) / FINE
    y, x = np.meshgrid(place, place, indexing="ij")
    spectrum = np.fft.rfft2(np.fft.ifftshift(optics.profile(x, y)))
    fy, fx = np.fft.fftfreq(n, 1 / FINE)[:, None], np.fft.rfftfreq(n, 1 / FINE)[None, :]
    box = np.sinc(fx) * np.sinc(fy)
    # The kernel is the same in all four directions.
    side = kernel[0, 1] * 2 * (np.cos(2 * np.pi * fx) + np.cos(2 * np.pi * fy))
    star = np.fft.fftshift(np.fft.irfft2(spectrum * box**BOXES * (kernel[1, 1] + side), (n, n))) / FINE**2
    radius = np.hypot(x, y).ravel()
    order = np.argsort(radius, kind="stable")
    radius, energy = radius[order], np.cumsum(star.ravel()[order])
    annulus = (np.hypot(x, y) >= ANNULUS[0]) & (np.hypot(x, y) < ANNULUS[1])
    level = star[annulus].mean() * FINE**2
    rows = []
    for part in ENERGIES:
        # Points on rings step by step: a line through the inner and outer neighbours smooths them.
        near = np.abs(energy - part) < 0.01
        _, start = np.polyfit(energy[near] - part, radius[near], 1)
        rows.append((part, start, 1 / (part - np.pi * start**2 * level), *ANNULUS))
    return rows
