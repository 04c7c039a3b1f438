"""`make demo`, in small."""

import re

import pytest

from jwpipe.cli.demo import demonstrate


def test_the_demo_recovers_what_was_put_in(tmp_path, capfd):
    pytest.importorskip("matplotlib")
    demonstrate(tmp_path, subarray="SUB320", dithers=3, groups=5, spacing=1.7, snowballs=0)
    said = capfd.readouterr().out
    astrometry = re.search(r"([\d.]+) pixels rms from the headers, ([\d.]+) after alignment", said)
    assert float(astrometry[1]) > 10 * float(astrometry[2])
    assert float(astrometry[2]) < 0.05
    magnitudes = re.search(r"magnitudes +([-+][\d.]+) from the truth, spread ([\d.]+)", said)
    assert abs(float(magnitudes[1])) < 0.01
    assert float(magnitudes[2]) < 0.02
    assert re.search(r"cosmic rays +(\d+) of \1 ", said)
    assert (tmp_path / "report.html").stat().st_size
    assert list(tmp_path.glob("jw*-o001_*_i2d.png"))
