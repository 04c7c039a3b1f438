"""Associations of whole pools, against what jwst 1.14.1 makes of them."""

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jwpipe.asn import engine
from jwpipe.asn.generate import generate
from jwpipe.asn.pool import Pool, read_pool
from jwpipe.errors import InputError

DATA = Path(__file__).parent / "data"
EXPECTED = json.loads((DATA / "expected.json").read_text())


def table(associations):
    """Associations in the form of expected.json."""
    return {
        asn.name.removesuffix("_asn"): [
            f"{asn.ruleset}_{asn.rule.name}",
            asn.target,
            *([name, *map(member_text, members)] for name, members in asn.products),
        ]
        for asn in associations
    }


def member_text(member):
    return member.expname if member.exptype == "science" else f"{member.exptype} {member.expname}"


def content(associations):
    """Associations without their numbers and the order of their members."""
    return {
        (asn.asn_type, asn.ruleset, asn.rule.name, asn.acid, name, frozenset(map(member_text, members)))
        for asn in associations
        for name, members in asn.products
    }


def pool_of(rows, **common):
    """Make a pool of exposures of one observation; file names are made up in order."""
    defaults = {
        "program": "9910",
        "asn_candidate": "[('o001', 'observation')]",
        "obs_num": "001",
        "pntgtype": "science",
        "targetid": "1",
        "subarray": "full",
        "exposerr": "null",
    }
    return Pool(
        [
            {"filename": f"jw09910001001_02101_{n:05d}_x_uncal.fits", **defaults, **common, **row}
            for n, row in enumerate(rows, 1)
        ]
    )


def members_by_product(outcome, level):
    return {
        name: [member_text(m) for m in members]
        for asn in outcome.associations
        if asn.rule.level == level
        for name, members in asn.products
    }


@pytest.mark.parametrize("name", EXPECTED)
def test_a_pool_gives_the_associations_of_the_release(name):
    made = table(generate(read_pool(DATA / f"{name}.csv")).associations)
    assert list(made) == list(EXPECTED[name])
    assert made == EXPECTED[name]


@pytest.mark.parametrize("name", EXPECTED)
def test_the_index_leaves_nothing_out(name, monkeypatch):
    """The twin of the engine offers every exposure to every association of every rule."""
    pool = DATA / f"{name}.csv"
    fast = generate(read_pool(pool)).associations
    monkeypatch.setattr(engine._Shelf, "choose", lambda shelf, item: shelf.drafts)
    monkeypatch.setattr(engine._Shelf, "may_begin", lambda shelf, item: True)
    slow = generate(read_pool(pool)).associations
    assert [asn.as_dict() for asn in fast] == [asn.as_dict() for asn in slow]
    assert [asn.name for asn in fast] == [asn.name for asn in slow]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_the_order_of_rows_does_not_matter(data):
    rows = [
        exposure.values for exposure in read_pool(DATA / f"{data.draw(st.sampled_from(list(EXPECTED)))}.csv").exposures
    ]
    size = data.draw(st.integers(1, len(rows)))
    chosen = data.draw(st.permutations(rows))[:size]
    shuffled = data.draw(st.permutations(chosen))
    assert content(generate(Pool(chosen)).associations) == content(generate(Pool(shuffled)).associations)


def test_what_candidates_ask_for_and_what_is_discovered():
    pool = DATA / "pool_013_coron_nircam_short.csv"
    candidates = content(generate(read_pool(pool), all_candidates=True).associations)
    discovered = content(generate(read_pool(pool), discover=True).associations)
    assert {ruleset for _, ruleset, *_ in candidates} == {"candidate"}
    assert {(ruleset, acid) for _, ruleset, _, acid, *_ in discovered} == {("discover", ("a3001", "DISCOVERED"))}
    assert content(generate(read_pool(pool)).associations) <= candidates | discovered


def test_one_candidate_alone():
    outcome = generate(read_pool(DATA / "pool_014_ami_niriss.csv"), ids=["O003", "o999"])
    assert {asn.acid[0] for asn in outcome.associations} == {"o003"}
    assert outcome.warnings == ["candidate o999 is not in the pool"]
    used = {m.item.base for asn in outcome.associations for _, members in asn.products for m in members}
    left = {exposure.base for exposure in outcome.orphans}
    assert used
    assert not used & left
    assert used | left == {exposure.base for exposure in read_pool(DATA / "pool_014_ami_niriss.csv").exposures}


def test_a_version_goes_into_names_and_documents():
    outcome = generate(read_pool(DATA / "pool_008_exposerr.csv"), version_id="v042")
    for asn in outcome.associations:
        assert "_v042_" in asn.name
        assert asn.as_dict()["version_id"] == "v042"


def test_exposure_errors_are_told():
    documents = [asn.as_dict() for asn in generate(read_pool(DATA / "pool_008_exposerr.csv")).associations]
    for document in documents:
        errors = {member["exposerr"] for product in document["products"] for member in product["members"]}
        assert document["degraded_status"].startswith("One or more" if errors != {"null"} else "No known")
    assert any(document["degraded_status"].startswith("One or more") for document in documents)


def test_merged_level_2_has_one_association_a_type_and_candidate():
    pool = DATA / "pool_019_niriss_wfss.csv"
    apart, merged = generate(read_pool(pool)).associations, generate(read_pool(pool), merge=True).associations
    kinds = [(asn.asn_type, asn.acid) for asn in merged if asn.rule.level == 2]
    assert len(kinds) == len(set(kinds)) < len([asn for asn in apart if asn.rule.level == 2])
    assert sorted(name for asn in merged for name, _ in asn.products) == sorted(
        {name for asn in apart for name, _ in asn.products}
    )


def test_duplicates_can_be_kept():
    kept = generate(read_pool(DATA / "pool_014_ami_niriss.csv"), keep_duplicates=True).associations
    plain = generate(read_pool(DATA / "pool_014_ami_niriss.csv")).associations
    assert content(plain) < content(kept)
    assert {asn.name[:3] for asn in kept} == {"dup", "jw1"}


def test_all_candidates_at_once():
    """The way of working before build 10.2 gives the same associations of these pools."""
    for name in ("pool_014_ami_niriss", "pool_019_niriss_wfss", "pool_030_mir_lrs_nods_bkg"):
        now, then = (
            content(generate(read_pool(DATA / f"{name}.csv"), per_pool=way).associations) for way in (False, True)
        )
        assert now == then


# ---- the rules that build 10.2 changed ------------------------------------------------------------------------------

MOS = {
    "exp_type": "nrs_msaspec",
    "instrume": "nirspec",
    "detector": "nrs1",
    "filter": "f100lp",
    "grating": "g140h",
    "msametfl": "msa.fits",
    "expspcin": "1",
    "numdthpt": "6",
}


def background_of_first(pool):
    products = members_by_product(generate(pool), 2)
    return [m.split()[1][20:25] for m in products["jw09910001001_02101_00001_x"] if m.startswith("background")]


def test_nods_with_subpixel_dithers_take_other_nods_as_background():
    nods = [{"patt_num": str(n), "subpxpts": "2"} for n in range(1, 7)]
    assert background_of_first(pool_of(nods, **MOS)) == ["00003", "00004", "00005", "00006"]
    renamed = [{"patt_num": str(n), "subpxpns": "2", "subpxpts": "null"} for n in range(1, 7)]
    assert background_of_first(pool_of(renamed, **MOS)) == ["00003", "00004", "00005", "00006"]


@pytest.mark.parametrize("points", ["0", "null"])
def test_nods_of_unknown_subpixel_dithers_take_all_as_background(points):
    nods = [{"patt_num": str(n), "subpxpts": points} for n in range(1, 4)]
    assert background_of_first(pool_of(nods, **MOS)) == ["00002", "00003"]


def test_soss_with_one_integration_makes_no_time_series():
    soss = {
        "exp_type": "nis_soss",
        "instrume": "niriss",
        "detector": "nis",
        "filter": "clear",
        "pupil": "gr700xd",
        "tsovisit": "t",
    }
    outcome = generate(pool_of([{"nints": "1"}, {"nints": "10"}, {"nints": "null"}], **soss))
    assert len(members_by_product(outcome, 2)) == 3
    (members,) = members_by_product(outcome, 3).values()
    assert [m[20:25] for m in members] == ["00002", "00003"]
    assert all(m.endswith("_calints.fits") for m in members)


def test_interferometry_keeps_its_integrations_apart():
    ami = {"exp_type": "nis_ami", "instrume": "niriss", "detector": "nis", "filter": "f380m", "pupil": "nrm"}
    outcome = generate(pool_of([{}, {"is_psf": "t", "targetid": "2"}, {"exp_type": "nis_tacq"}], **ami))
    inputs = {m.split("_")[-1] for members in members_by_product(outcome, 2).values() for m in members}
    assert inputs == {"rateints.fits", "rate.fits"}
    ((name, members),) = members_by_product(outcome, 3).items()
    assert name == "jw09910-o001_t001_niriss_f380m-nrm"
    assert [m.rpartition("_")[2] for m in members] == ["calints.fits", "calints.fits", "cal.fits"]
    assert not members_by_product(generate(pool_of([{}, {}], **ami)), 3), "there is no reference star"


# ---- pools that are not as they should be ---------------------------------------------------------------------------


def test_a_nod_alone_has_no_background():
    lrs = {
        "exp_type": "mir_lrs-fixedslit",
        "instrume": "miri",
        "detector": "mirimage",
        "filter": "p750l",
        "patttype": "along-slit-nod",
    }
    ((_, members),) = members_by_product(generate(pool_of([{"patt_num": "1"}], **lrs)), 3).items()
    assert members == ["jw09910001001_02101_00001_x_cal.fits"]


def test_an_exposure_of_unknown_type_is_left_out():
    image = {"exp_type": "nrc_image", "instrume": "nircam", "detector": "nrca1", "filter": "f200w", "pupil": "clear"}
    outcome = generate(pool_of([{}, {"exp_type": "null"}], **image))
    assert [len(members) for members in members_by_product(outcome, 3).values()] == [1]
    assert outcome.warnings == ["jw09910001001_02101_00002_x_uncal.fits left out: EXP_TYPE is not given"]


def test_a_pool_without_candidates_is_refused():
    rows = [
        {k: v for k, v in e.values.items() if k != "asn_candidate"}
        for e in pool_of([{"exp_type": "nis_soss"}]).exposures
    ]
    with pytest.raises(InputError, match="no column ASN_CANDIDATE"):
        generate(Pool(rows))
