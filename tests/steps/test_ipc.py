"""IPC correction of a whole ramp."""

import numpy as np
import pytest
from builders import make_ramp, make_references, make_run, write_reference

from jwpipe.errors import InputError
from jwpipe.steps.ramp.ipc import ipc, science_area
from jwpipe.steps.ramp.irs2 import science_rows

MIRI = {"INSTRUME": "MIRI", "DETECTOR": "MIRIMAGE"}
NRS = {"INSTRUME": "NIRSPEC", "EXP_TYPE": "NRS_MSASPEC"}


def test_a_pixels_charge_is_brought_back_but_not_from_reference_pixels(tmp_path):
    data = np.zeros((1, 2, 8, 9))
    data[..., 4, 4] = data[..., 6, 7] = 1000  # the first science pixel, and another
    data[..., 3, 4] = 555  # a reference pixel
    kernel = np.array([[0, 0.01, 0], [0.02, 1, 0.03], [0, 0.04, 0]])
    ramp = make_ramp(data)
    path = write_reference(tmp_path / "ipc.fits", {"SCI": kernel})
    ipc(ramp, make_references(ramp, ipc=path), ipc.params(), make_run(2))
    expected = data.copy()
    expected[..., 5, 4], expected[..., 4, 5] = 40, 30
    expected[..., 5, 7], expected[..., 7, 7], expected[..., 6, 6], expected[..., 6, 8] = 10, 40, 20, 30
    np.testing.assert_allclose(ramp.data, expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("keywords", "rows", "columns"),
    [
        ({}, (4, 39), (4, 50)),
        ({"SUBSTRT1": 1999, "SUBSTRT2": 2010}, (0, 34), (0, 45)),
        ({"SUBSTRT1": 100, "SUBSTRT2": 100}, (0, 39), (0, 49)),
        (MIRI, (0, 39), (4, 50)),
        (MIRI | {"SUBSTRT1": 983}, (0, 39), (0, 45)),
    ],
)
def test_reference_pixels_stand_at_the_detectors_edges(keywords, rows, columns):
    ramp = make_ramp(np.zeros((1, 1, 40, 50)), **keywords)
    found, first, last = science_area(ramp)
    assert (found.start, found.stop - 1, first, last - 1) == (*rows, *(columns[0], min(columns[1], 49)))


def test_irs2_rows_are_those_of_the_detector():
    frame = np.zeros((1, 1, 3200, 4))
    first = science_rows(make_ramp(frame, **NRS, DETECTOR="NRS1"))
    assert first[:10].tolist() == [*range(640, 648), 652, 653]
    assert len(first) == 2048
    second = science_rows(make_ramp(frame, **NRS, DETECTOR="NRS2"))
    assert (second == 3199 - first[::-1]).all()
    with pytest.raises(InputError, match="IRS2"):
        science_rows(make_ramp(frame[:, :, :3000], **NRS, DETECTOR="NRS1"))
