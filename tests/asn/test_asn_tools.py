"""Associations made, changed and gathered by hand."""

import json

import pytest

from jwpipe.asn.document import check_association, dump, read_association, write_association
from jwpipe.asn.tools import add_members, from_list, gather, remove_members
from jwpipe.errors import InputError, OutputError, UsageError
from jwpipe.products.suffixes import remove_suffix


def members(document):
    return [[(m["exptype"], m["expname"]) for m in product["members"]] for product in document["products"]]


def test_one_product_of_a_list():
    document = from_list(["a_cal.fits", ("b_cal.fits", "background")], product_name="all")
    assert document["products"][0]["name"] == "all"
    assert members(document) == [[("science", "a_cal.fits"), ("background", "b_cal.fits")]]
    assert (document["asn_rule"], document["asn_type"], document["asn_id"]) == ("DMS_Level3_Base", "None", "a3001")


def test_one_product_a_file():
    document = from_list(["a_rate.fits", "b_c_rateints.fits"], rule="DMSLevel2bBase")
    assert [product["name"] for product in document["products"]] == ["a", "b_c"]
    assert "target" not in document


@pytest.mark.parametrize(
    ("kind", "problem", "options"),
    [
        (UsageError, "needs a product name", {}),
        (UsageError, "did you mean Asn_Lv3Image", {"rule": "Asn_Lv3Imagee", "product_name": "x"}),
        (UsageError, "is no candidate", {"rule": "DMSLevel2bBase", "acid": "x1"}),
        (InputError, "allowed candidate not met", {"rule": "DMSLevel2bBase", "acid": "c1001"}),
        (InputError, "has psf not met", {"rule": "Asn_Lv3AMI", "product_name": "x"}),
        (InputError, "has pair not met", {"rule": "Asn_Lv3WFSCMB", "product_name": "x"}),
    ],
)
def test_lists_that_make_no_association(kind, problem, options):
    with pytest.raises(kind, match=problem):
        from_list(["a_cal.fits"], **options)


def test_a_pair_stays_a_pair_with_a_third():
    assert from_list(["a_cal.fits", "b_cal.fits", "c_cal.fits"], "Asn_Lv3WFSCMB", "x")["asn_rule"] == "Asn_Lv3WFSCMB"


def test_members_come_and_go():
    document = from_list(["a_rate.fits", "b_rate.fits"], rule="DMSLevel2bBase")
    add_members(document, ["sky/c_x1d.fits"], "background")
    assert members(document)[0] == [("science", "a_rate.fits"), ("background", "c_x1d.fits")]
    assert remove_members(document, ["a_cal.fits", "b_rate.fits", "nothing"]) == ["a_cal.fits", "nothing"]
    assert members(document)[1] == [("background", "c_x1d.fits")]
    assert remove_members(document, ["c_uncal.fits"], ignore_suffix=True) == []
    assert members(document) == [[("science", "a_rate.fits")]], "a product without members goes"


def test_gathering(tmp_path):
    source, target = tmp_path / "source", tmp_path / "target"
    (source / "deep").mkdir(parents=True)
    target.mkdir()
    document = from_list([("deep/a_cal.fits", "science"), ("b_x1d.fits", "background")], product_name="p")
    write_association(source / "x_asn.json", document)
    (source / "deep" / "a_cal.fits").write_bytes(b"a")
    with pytest.raises(InputError, match=r"no file .*b_x1d.fits"):
        gather(source / "x_asn.json", target)
    made = gather(source / "x_asn.json", target, types=["science"])
    assert members(read_association(made)) == [[("science", "a_cal.fits")]]
    assert (target / "a_cal.fits").read_bytes() == b"a"
    (source / "b_x1d.fits").write_bytes(b"b")
    gather(source / "x_asn.json", target, exclude=["science"], command="cp -p")
    assert sorted(path.name for path in target.iterdir()) == ["a_cal.fits", "b_x1d.fits", "x_asn.json"]
    with pytest.raises(InputError, match="no members of these types"):
        gather(source / "x_asn.json", target, types=["psf"])
    with pytest.raises(OutputError, match="cannot copy"):
        gather(source / "x_asn.json", target, command="false")
    with pytest.raises(OutputError, match="no folder"):
        gather(source / "x_asn.json", tmp_path / "none")


@pytest.mark.parametrize("name", ["a_asn.json", "a_asn.yaml"])
def test_associations_come_back_as_written(tmp_path, name):
    document = from_list(["a_cal.fits"], product_name="p")
    write_association(tmp_path / name, document)
    assert read_association(tmp_path / name) == document
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        ([], "no mapping"),
        ({}, "no list of products"),
        ({"products": [{}]}, "product 1 has no list of members"),
        ({"products": [{"members": [{"expname": "a"}]}]}, "has no exptype"),
        ({"products": [{"members": [3]}]}, "no mapping"),
        ({"products": [], "program": 3}, "program is no text"),
    ],
)
def test_what_is_no_association_is_refused(tmp_path, document, problem):
    with pytest.raises(InputError, match=problem):
        check_association(document)
    (tmp_path / "a.json").write_text(json.dumps(document))
    with pytest.raises(InputError, match=problem):
        read_association(tmp_path / "a.json")


def test_files_that_cannot_be_read_or_written(tmp_path):
    (tmp_path / "a.json").write_text("{: [")
    with pytest.raises(InputError, match="neither JSON nor YAML"):
        read_association(tmp_path / "a.json")
    with pytest.raises(InputError, match="cannot read"):
        read_association(tmp_path / "none.json")
    with pytest.raises(OutputError, match="cannot write"):
        write_association(tmp_path / "none" / "a.json", {})
    with pytest.raises(UsageError, match="no association format"):
        dump({}, "toml")


@pytest.mark.parametrize(
    ("name", "root"),
    [("a_b_rate", "a_b"), ("a-x1dints", "a"), ("a_residual_fringe", "a"), ("a_rate_x", "a_rate_x"), ("rate", "rate")],
)
def test_suffixes(name, root):
    assert remove_suffix(name) == root
