"""Pictures of mosaics, catalogues and segments."""

import shutil

import numpy as np
import pytest
from builders import MODE

from jwpipe.cli import main
from jwpipe.errors import InputError, UsageError
from jwpipe.products.images import Resampled, Segmentation
from jwpipe.report.look import picture
from jwpipe.report.mosaic import read_sources

pytest.importorskip("matplotlib")
PNG = b"\x89PNG"
CATALOGUE = """# %ECSV 1.0
# ---
# datatype:
# - {name: label, datatype: int32}
# - {name: xcentroid, datatype: float64}
# meta: !!omap [{big: "a : line"}]
# schema: astropy-2.0
label xcentroid ycentroid aper_total_abmag aper_total_abmag_err is_extended semimajor_sigma semiminor_sigma orientation
1 10.0 20.0 21.5 0.01 False 1.5 1.4 10.0
2 30.5 12.0 22.5 0.03 True 5.0 2.0 60.0
3 5.0 5.0 nan nan False 1.5 1.4 10.0
"""


@pytest.fixture
def mosaic(tmp_path):
    made = Resampled()
    rng = np.random.default_rng(2)
    made.data = rng.normal(1, 0.1, (30, 40)).astype("f4")
    made.wht = np.ones((30, 40), "f4")
    made.con = np.zeros((2, 30, 40), "i4")
    made.con[0, :, :20] = 0b101
    made.con[1, :, :20] = -1  # all 32 bits
    made.con[0, :, 20:] = 1
    made.wht[0] = made.con[:, 0] = 0
    for keyword, value in (MODE | {"S_RESAMP": "COMPLETE", "FILTER": "F200W"}).items():
        made[keyword] = value
    made.write(tmp_path / "a_i2d.fits")
    return tmp_path / "a_i2d.fits"


def marks(made):
    return {line.get_label() for line in made.axes[0].get_lines()}


def test_a_mosaic_is_drawn_with_the_sources_beside_it(mosaic):
    with picture(mosaic) as made:
        assert marks(made) == set()
        coverage = made.axes[1].get_images()[0].get_array()
        assert (coverage[5, 3], coverage[5, 30], coverage[0, 0]) == (34, 1, 0)
        assert np.isnan(np.ma.filled(made.axes[0].get_images()[0].get_array(), np.nan)[0]).all()
    mosaic.with_name("a_cat.ecsv").write_text(CATALOGUE)
    with picture(mosaic) as made:
        assert marks(made) == {"2 point", "1 extended"}
        assert made.axes[2].get_title() == "3 sources"


def test_a_catalogue_is_drawn_on_its_mosaic(mosaic, tmp_path, capsys):
    catalogue = tmp_path / "a_cat.ecsv"
    catalogue.write_text(CATALOGUE)
    assert main(["look", str(catalogue), "-o", str(tmp_path / "out")]) == 0
    assert (tmp_path / "out" / "a_cat.png").read_bytes().startswith(PNG)
    mosaic.rename(tmp_path / "b_i2d.fits")
    assert main(["look", str(catalogue)]) == 3
    assert "there is no mosaic" in capsys.readouterr().err
    assert main(["look", str(tmp_path / "b_i2d.fits"), "--catalog", str(catalogue), "-o", str(tmp_path / "out")]) == 0


def test_a_file_that_is_no_catalogue(tmp_path, mosaic):
    other = tmp_path / "other.ecsv"
    for text, problem in (
        ("a b\n1 2\n", "no column"),
        ("a b\n1 2 3\n", "is no catalogue"),
        ("\0\n", "is no catalogue"),
    ):
        other.write_text(text)
        with pytest.raises(InputError, match=problem):
            read_sources(other)
    with pytest.raises(InputError), picture(mosaic, catalog=tmp_path / "none.ecsv"):
        pass


def test_segments_have_colours(tmp_path):
    made = Segmentation()
    made.data = np.zeros((20, 30), "u4")
    made.data[3:6, 4:9], made.data[10:12, 20:25] = 1, 7
    for keyword, value in MODE.items():
        made[keyword] = value
    made.write(tmp_path / "a_segm.fits")
    with picture(tmp_path / "a_segm.fits") as drawn:
        assert drawn.axes[0].get_title() == "2 segments"
    with pytest.raises(UsageError, match="no mosaic"), picture(tmp_path / "a_segm.fits", catalog="x.ecsv"):
        pass


def test_names_may_have_what_no_font_has(mosaic, tmp_path):
    shutil.copy(mosaic, tmp_path / "\u2728_i2d.fits")
    assert main(["look", str(tmp_path / "\u2728_i2d.fits"), "-o", str(tmp_path)]) == 0
    assert (tmp_path / "\u2728_i2d.png").exists()
