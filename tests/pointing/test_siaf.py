"""Apertures: read as they are, and what is missing told."""

import pytest
from pointing_files import APERTURES, CORNERS, write_siaf

from jwpipe.errors import InputError, ReferenceError, UsageError
from jwpipe.pointing import siaf as module
from jwpipe.pointing.siaf import Siaf, siaf_folder


@pytest.fixture(autouse=True)
def _nothing_in_the_environment(monkeypatch):
    monkeypatch.delenv("XML_DATA", raising=False)


@pytest.fixture
def folder(tmp_path):
    return write_siaf(tmp_path / "SIAFXML")


def test_an_aperture_is_as_the_siaf_says(folder):
    aperture = Siaf(folder).aperture("mirim_full")
    assert (aperture.v2_ref, aperture.v3_ref, aperture.v3_ideal_angle, aperture.parity) == APERTURES["MIRIM_FULL"][:4]
    assert (aperture.x_ref, aperture.y_ref, aperture.x_scale, aperture.y_scale) == APERTURES["MIRIM_FULL"][4:]
    assert (aperture.x_vertices, aperture.y_vertices) == CORNERS
    slit = Siaf(folder / "NIRSpec_SIAF.xml").aperture("NRS_S200A1_SLIT")
    assert (slit.x_ref, slit.x_scale, slit.x_vertices) == (0, 3600, None)


def test_ideal_coordinates_reach_the_detector(folder):
    guider = Siaf(folder).guider(2)
    # By the polynomial, then half a turn about the reference point.
    x, y = 14.0 * 3 + 0.5 * -2, -0.25 * 3 + 15 * -2
    assert guider.ideal_to_detector(3.0, -2.0) == pytest.approx((1024.5 - x, 1000.5 - y))
    assert guider.reference_on_detector == (1024.5, 1000.5)


def test_what_names_the_folder(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_pysiaf_data", lambda: tmp_path / "pysiaf")
    for version in ("031", "040-001", "063", "M-026", "H-014"):
        write_siaf(tmp_path / "pysiaf" / f"PRDOPSSOC-{version}" / "SIAFXML" / "SIAFXML")
    chosen = {
        prd: siaf_folder(prd=prd).parent.parent.name
        for prd in (None, "prdopssoc-063", "PRDOPSSOC-062", "PRDOPSSOC-099")
    }
    assert list(chosen.values()) == [f"PRDOPSSOC-{v}" for v in ("063", "063", "040-001", "063")]
    with pytest.raises(ReferenceError, match="no SIAF of PRDOPSSOC-030"):
        siaf_folder(prd="PRDOPSSOC-030")
    with pytest.raises(InputError, match="no version"):
        siaf_folder(prd="latest")
    monkeypatch.setenv("XML_DATA", str(tmp_path))
    assert siaf_folder(prd="PRDOPSSOC-063") == folder
    assert siaf_folder(tmp_path / "pysiaf", "PRDOPSSOC-063") == tmp_path / "pysiaf"
    with pytest.raises(UsageError, match="neither a folder nor an XML file"):
        siaf_folder(tmp_path / "none")


def test_without_pysiaf_it_is_told_what_to_do(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ReferenceError, match="pip install"):
        Siaf()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("<SiafEntries>", "cannot read"),
        ("", "cannot read"),
        ("<SiafEntries/>", "no aperture"),
        ("<x><SiafEntry><AperName>MIRIM_FULL</AperName><V2Ref>1</V2Ref></SiafEntry></x>", "no usable V3Ref"),
        (
            "<x><SiafEntry><AperName>MIRIM_FULL</AperName><V2Ref>1</V2Ref><V3Ref>nan</V3Ref><V3IdlYAngle>1</V3IdlYAngle>"
            "<VIdlParity>1</VIdlParity></SiafEntry></x>",
            "no usable V3Ref",
        ),
        (
            "<x><SiafEntry><AperName>MIRIM_FULL</AperName><V2Ref>1</V2Ref><V3Ref>1</V3Ref><V3IdlYAngle>1</V3IdlYAngle>"
            "<VIdlParity>2</VIdlParity></SiafEntry></x>",
            "no usable VIdlParity",
        ),
    ],
)
def test_hostile_files_are_told(tmp_path, text, problem):
    (tmp_path / "MIRI_SIAF.xml").write_text(text)
    with pytest.raises((ReferenceError, InputError), match=problem):
        Siaf(tmp_path).aperture("MIRIM_FULL")


def test_names_that_are_none(folder):
    with pytest.raises(InputError, match="did you mean MIRIM_FULL"):
        Siaf(folder).aperture("MIRIM_FUL")
    with pytest.raises(InputError, match="no aperture of any instrument"):
        Siaf(folder).aperture("../../etc")
    with pytest.raises(ReferenceError, match="there is no SIAF"):
        Siaf(folder).aperture("NIS_CEN")
