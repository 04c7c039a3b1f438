"""Coordinates of moving targets: all exposures have the target where it stood on the average."""

import numpy as np
import pytest
from builders import make_references, make_run

from jwpipe.engine.step import Skip
from jwpipe.errors import InputError
from jwpipe.products.exposures import Exposures
from jwpipe.products.images import Image
from jwpipe.steps.image.assign_mtwcs import Params, assign_mtwcs
from jwpipe.wcs import Wcs


def make_exposures(places):
    images = []
    for ra, dec in places:
        image = Image()
        image.data = np.zeros((8, 9))
        image.wcs = Wcs.tangent((4.0, 3.0), (ra, dec), np.eye(2), (1e-5, 1e-5), (8, 9))
        mode = {"INSTRUME": "NIRCAM", "DETECTOR": "NRCA1", "EXP_TYPE": "NRC_IMAGE"}
        for keyword, value in (mode | {"MT_RA": ra, "MT_DEC": dec}).items():
            image[keyword] = value
        images.append(image)
    return Exposures(images)


def assign(exposures):
    return assign_mtwcs(exposures, make_references(exposures), Params(), make_run())


@pytest.mark.parametrize(
    ("places", "average"),
    [
        ([(10.0, 20.0), (10.2, 20.1), (10.7, 20.5)], (10.3, 20.2)),
        ([(359.9, -5.0), (0.2, -5.2)], (0.05, -5.1)),
        ([(0.2, -5.2), (359.7, -5.0)], (359.95, -5.1)),
    ],
)
def test_target_stands_still(tmp_path, places, average):
    exposures = assign(assign(make_exposures(places)))  # once more does no harm
    for i, image in enumerate(exposures):
        assert (image["MT_AVRA"], image["MT_AVDEC"]) == pytest.approx(average)
        assert image.wcs.frames == ("detector", "world", "moving_target")
        image.write(tmp_path / f"{i}_assign_mtwcs.fits")
        wcs = Image.read(tmp_path / f"{i}_assign_mtwcs.fits").wcs
        ra, dec = wcs(4.0, 3.0)
        assert (ra % 360, dec) == pytest.approx(average)
        np.testing.assert_allclose(wcs.invert(ra, dec), (4, 3), atol=1e-8)


def test_what_is_missing():
    exposures = make_exposures([(1.0, 2.0), (3.0, 4.0)])
    del exposures[1].headers["SCI"]["MT_RA"]
    with pytest.raises(Skip, match="MT_RA"):
        assign(exposures)
    exposures[1]["MT_RA"] = "nan"
    with pytest.raises(InputError, match="no place"):
        assign(exposures)
    exposures[1]["MT_RA"] = 3.0
    exposures[1].wcs = None
    with pytest.raises(InputError, match="coordinates"):
        assign(exposures)
    assert "moving_target" not in exposures[0].wcs.frames
