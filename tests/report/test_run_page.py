"""The page on a run: what it counts, what it says of trouble, and that nothing of it is elsewhere."""

import json

import numpy as np
import pytest
from builders import MODE

from jwpipe.cli import main
from jwpipe.errors import InputError
from jwpipe.products.dq import Pixel
from jwpipe.products.images import Image
from jwpipe.report.run_page import run_page
from jwpipe.report.survey import survey

RECORD = {
    "format": 1,
    "request": {"pipeline": "detector1"},
    "state": "done",
    "seconds": 2.5,
    "peak": 100_000_000,
    "begun": "2026-01-01T00:00:00.000Z",
    "products": ["a_rate.fits"],
    "steps": [
        {"name": "jump", "status": "COMPLETE", "seconds": 1.5},
        {"name": "ipc", "status": "SKIPPED", "seconds": 0.0},
    ],
    "log": [{"level": "info", "message": "fine"}, {"level": "warning", "message": "1 < 2 & more"}],
}


@pytest.fixture
def folder(tmp_path):
    for name in ("a", "b"):
        image = Image()
        image.data = np.ones((10, 10), "f4")
        image.dq = np.zeros((10, 10), "u4")
        image.dq[:3] = Pixel.DO_NOT_USE
        image.dq[0] |= np.uint32(Pixel.JUMP_DET)
        known = {"R_GAIN": "crds://gain.fits", "R_DARK": "N/A", "S_JUMP": "COMPLETE", "CAL_VER": "0.1"}
        for keyword, value in (MODE | known).items():
            image[keyword] = value
        image.write(tmp_path / f"{name}_rate.fits")
    (tmp_path / "a_rate.run.json").write_text(json.dumps(RECORD))
    failed = RECORD | {"state": "failed", "reason": "c_uncal.fits is truncated", "products": [], "steps": [], "log": []}
    (tmp_path / "c_rate.run.json").write_text(json.dumps(failed))
    (tmp_path / "m_cat.ecsv").write_text("xcentroid ycentroid aper_total_abmag\n1 2 20.5\n3 4 nan\n5 6 23.25\n")
    (tmp_path / "n_cat.ecsv").write_text("no catalogue\n")
    (tmp_path / "odd.fits").write_bytes(b"no FITS")
    return tmp_path


def test_what_is_found(folder):
    found = survey(folder)
    assert [product.path.name for product in found.products] == ["a_rate.fits", "b_rate.fits"]
    first = found.products[0]
    assert (first.suffix, first.references) == ("rate", {"gain": "gain.fits"})
    assert first.flags == {"DO_NOT_USE": 0.3, "SATURATED": 0.0, "JUMP_DET": 0.1, "OUTLIER": 0.0}
    steps = found.steps()
    assert steps["jump"].seconds == [1.5]
    # Without a record there are no times.
    assert dict(steps["S_JUMP"].states) == {"COMPLETE": 1}
    assert found.references() == {("gain", "gain.fits"): 2}
    troubles = [(path.name, level, said) for path, level, said in found.troubles()]
    assert troubles == [
        ("a_rate.run.json", "warning", "1 < 2 & more"),
        ("c_rate.run.json", "failed", "c_uncal.fits is truncated"),
    ]


def test_the_page_needs_nothing_else(folder):
    pytest.importorskip("matplotlib")
    page = run_page(survey(folder), pictures=1)
    assert page.count("<img src='data:image/png;base64,") == 1
    assert "1 more products are not drawn" in page
    assert "1 &lt; 2 &amp; more" in page
    assert "30.000%" in page
    assert "m_cat.ecsv<td class='number'>3<td class='number'>20.50<td class='number'>23.25" in page
    assert "n_cat.ecsv is no catalogue" in page
    assert "http" not in page


def test_the_command_writes_it(folder, capsys, tmp_path):
    assert main(["report", str(folder), "--pictures", "0"]) == 0
    assert "2 products, 2 runs" in capsys.readouterr().out
    assert "c_uncal.fits is truncated" in (folder / "report.html").read_text()
    empty = tmp_path / "empty"
    empty.mkdir()
    assert main(["report", str(empty)]) == 3
    assert main(["report", str(tmp_path / "none")]) == 3
    assert "there is no folder" in capsys.readouterr().err
    assert not list(empty.iterdir())
    with pytest.raises(InputError):
        survey(empty)
