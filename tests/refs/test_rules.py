"""Which reference an exposure takes: what the rules say, as the CRDS client reads them."""

import json

import pytest
from contexts import DATE, after, corners, rmap, write_context
from record_answers import DATA, real_rules

from jwpipe.errors import InputError
from jwpipe.refs import ReferenceFinder, best_references
from jwpipe.refs.dates import normalised
from jwpipe.refs.parkeys import conditioned, parameters

NIGHT = {"INSTRUME": "NIRCAM", "DATE-OBS": "2024-02-03", "TIME-OBS": "04:05:06.789"}


@pytest.fixture(scope="module")
def corner(tmp_path_factory):
    root = tmp_path_factory.mktemp("crds")
    finder = ReferenceFinder(write_context(root, corners()), root, server="serverless")
    return lambda reftype, **header: finder.best(NIGHT | header, [reftype])[reftype]


@pytest.mark.parametrize("instrument", real_rules())
def test_real_rules_give_what_the_client_gives(instrument, tmp_path):
    context = write_context(tmp_path, real_rules()[instrument], instrument=instrument)
    cases = [case for case in json.loads((DATA / "answers.json").read_text()) if case[0] == instrument]
    files = {name for _, _, answer in cases for name in answer.values()}
    assert len(cases) >= 100
    assert len(files) > 20
    finder = ReferenceFinder(context, tmp_path, server="serverless")
    for _, header, answer in cases:
        assert {t: r.name for t, r in finder.best(header).items()} == answer, header


@pytest.mark.parametrize(
    ("reftype", "header", "expected"),
    [
        # the row with most agreement wins, its latest date not after the observation
        ("weights", {"DETECTOR": "NRCA1", "FILTER": "F115W"}, "jwst_nircam_w1_1.fits"),
        # rows of equal agreement are merged; of equal dates the greater name wins
        ("weights", {"DETECTOR": "NRCA2", "FILTER": "F090W"}, "jwst_nircam_w4_0.fits"),
        # too early for the best row: the next best ones, merged
        ("weights", {"DETECTOR": "NRCA1", "FILTER": "F070W", "DATE-OBS": "2021-07-01"}, "jwst_nircam_w3_0.fits"),
        ("weights", {"DETECTOR": "NRCA1", "FILTER": "F070W", "DATE-OBS": "2021-05-01"}, "jwst_nircam_w2_0.fits"),
        ("weights", {"DETECTOR": "NRCA1", "FILTER": "F070W", "DATE-OBS": "2020-05-01"}, None),
        ("weights", {"DETECTOR": "NRCB3", "FILTER": "F410M"}, "N/A"),
        ("pattern", {"FILTER": "F115W"}, None),  # matches F1*, but no rule mentions it
        ("plain", {"FILTER": " f070w "}, "jwst_nircam_plain_1.fits"),
        ("plain", {}, "N/A"),
        ("numbers", {"SUBSTRT1": 1}, "jwst_nircam_n1_0.fits"),
        ("numbers", {"SUBSTRT1": "5.0", "NOUTPUTS": 4}, "jwst_nircam_n2_0.fits"),
        ("numbers", {"SUBSTRT1": 2001, "NOUTPUTS": 4.0}, "jwst_nircam_n3_0.fits"),
        ("numbers", {"SUBSTRT1": 7, "NOUTPUTS": True}, "jwst_nircam_n5_0.fits"),
        ("literals", {"FILTER": "F150W2"}, "jwst_nircam_l2_0.fits"),
        ("literals", {"FILTER": "F*|A"}, "jwst_nircam_l1_0.fits"),
        ("substituted", {"SUBARRAY": "SUB160", "FILTER": "F070W"}, "jwst_nircam_s1_0.fits"),
        ("substituted", {"SUBARRAY": "FULL", "FILTER": "F090W"}, "jwst_nircam_s2_0.fits"),
        ("generic", {"SUBARRAY": "SUB160"}, None),
        ("relevant", {"EXP_TYPE": "NRC_IMAGE", "TSOVISIT": False}, "jwst_nircam_r1_0.fits"),
        ("relevant", {"EXP_TYPE": "NRC_IMAGE", "TSOVISIT": True}, "N/A"),
        ("relevant", {"EXP_TYPE": "NRC_DARK"}, "N/A"),
        ("unjudged", {"EXP_TYPE": "NRC_DARK"}, "jwst_nircam_u_1.fits"),
        ("parkeys", {"EXP_TYPE": "NRC_DARK", "FILTER": "F999W", "MODULE": "B"}, "jwst_nircam_k2_0.fits"),
        ("optional", {"FILTER": "F070W", "DATE-OBS": "1999-01-01"}, "N/A"),
        ("unmerged", {"DETECTOR": "NRCA1", "FILTER": "F070W"}, None),
        ("several", {"DETECTOR": "NRCA1", "FILTER": "F070W"}, None),
        ("nested", {"FILTER": "F070W", "EXP_TYPE": "NRC_IMAGE", "DATE-OBS": "2021-01-01"}, "jwst_nircam_y2_0.fits"),
        ("version", {"CAL_VER": "1.14.1"}, "jwst_nircam_v_2.fits"),
        ("version", {"CAL_VER": "1.2.1.dev3+g12ab"}, "jwst_nircam_v_3.fits"),
        ("undated", {"DATE-OBS": "2022-01-01", "TIME-OBS": "00:00:00.6"}, "jwst_nircam_d1_0.fits"),
        ("dated", {"TIME-OBS": "UNDEFINED"}, None),
        ("never", {}, "N/A"),
        ("pars-jumpstep", {}, "N/A"),
        ("unheard", {}, None),
    ],
)
def test_corners(corner, reftype, header, expected):
    found = corner(reftype, **header)
    assert found.name == expected, found.reason
    assert (found.reason is None) == (expected is not None)


def test_omitted_types_are_told_apart(corner):
    assert corner("nowhere").omitted
    assert corner("left", EXP_TYPE="NRC_DARK").omitted
    assert not corner("never").omitted


def test_best_references_leaves_omitted_types_out(tmp_path):
    context = write_context(tmp_path, corners())
    best = best_references(context, NIGHT | {"EXP_TYPE": "NRC_DARK"}, ["left", "never", "weights"], tmp_path)
    assert best == {"never": "N/A", "weights": None}


def test_only_the_rules_asked_for_are_read(tmp_path):
    finder = ReferenceFinder(write_context(tmp_path, corners() | {"broken": "header = 1"}), tmp_path)
    assert finder.best(NIGHT | {"FILTER": "F070W"}, ["plain"])["plain"].applicable


@pytest.mark.parametrize("instrument", [None, "NIRCAN", ""])
def test_unknown_instrument(tmp_path, instrument):
    finder = ReferenceFinder(write_context(tmp_path, corners()), tmp_path)
    with pytest.raises(InputError, match="INSTRUME"):
        finder.best({} if instrument is None else {"INSTRUME": instrument})


def test_values_take_the_form_of_rules():
    forms = [(1, "1.0"), ("12", "12.0"), ("1.", "1.0"), ("-.5e3", "-500.0"), (True, "T"), ("false", "F"), ("any", "*")]
    forms += [("N/A (none)", "N/A"), ("not applicable", "N/A"), (" clear ", "CLEAR"), ("4294967295", "-1.0"), ("", "")]
    assert [conditioned(value) for value, _ in forms] == [form for _, form in forms]


def test_header_keywords_become_parameters():
    header = {"SUBSTRT1": 1, "meta.instrument.filter": "f070w", "COMMENT": ["x"], "TSOVISIT": False, "PUPIL": None}
    expected = {"META.SUBARRAY.XSTART": "1.0", "META.INSTRUMENT.FILTER": "F070W", "META.VISIT.TSOVISIT": "F"}
    assert parameters(header) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2022-07-01 01:02:03.1", "2022-07-01 01:02:03.100000"),
        ("2022-07-01T01:02:03", "2022-07-01 01:02:03"),
        ("07/01/2022 01:02", "2022-07-01 01:02:00"),
        ("01/07/22 01:02 PM", "2022-07-01 13:02:00"),
        ("20220701:010203", "2022-07-01 01:02:03"),
        ("JUL 01 2022 01:02:03 UT", "2022-07-01 01:02:03"),
        ("01-Jul-2022", "2022-07-01 00:00:00"),
    ],
)
def test_dates(text, expected):
    assert normalised(text)[:22] == expected[:22]


@pytest.mark.parametrize("text", ["", "soon", "2022-13-01", "2022-07-01T01:02:03Z", "2022-07-01 25:00", "N/A N/A"])
def test_what_is_no_date(text):
    with pytest.raises(ValueError):  # noqa: PT011 - every kind of wrong date
        normalised(text)


def test_parameter_of_no_rule_is_undefined(tmp_path):
    rules = rmap("jwst_nircam_x_1.rmap", (("META.NEW.THING",), DATE), f"Match({{'UNDEFINED' : {after('x')}}})")
    finder = ReferenceFinder(write_context(tmp_path, {"x": rules}), tmp_path)
    assert finder.best(NIGHT)["x"].applicable
