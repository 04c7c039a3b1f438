"""Bad calibrated exposures and associations through `image3`: the right exit status, one line, and nothing written."""

import json
import logging
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from mosaics import make_exposures

from jwpipe.cli import main
from jwpipe.errors import JwpipeError
from jwpipe.jobs import api

SKIPPED = "tweakreg", "source_catalog"  # they ask for references
BARE = [*(f"--skip={step}" for step in SKIPPED), "--override=drizpars=N/A"]


@pytest.fixture(scope="module")
def exposures(tmp_path_factory):
    """Bytes of calibrated exposures, by name."""
    folder = tmp_path_factory.mktemp("exposures")
    for image in make_exposures(folder, 2):
        image.write(image.path)
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


@pytest.fixture
def field(exposures, tmp_path, monkeypatch):
    """A folder with the exposures, and an association of them."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CRDS_PATH", str(tmp_path))
    monkeypatch.setenv("CRDS_CONTEXT", "jwst_0001.pmap")
    monkeypatch.setenv("CRDS_SERVER_URL", "https://crds-serverless-mode.stsci.edu")
    monkeypatch.setenv("STPIPE_DISABLE_CRDS_STEPPARS", "true")
    for name, content in exposures.items():
        (tmp_path / name).write_bytes(content)
    associate(list(exposures))
    return tmp_path


def associate(names, *products, path="asn.json"):
    members = [{"expname": str(name), "exptype": "science"} for name in names]
    products = [{"name": name, "members": members} for name in products or ["mosaic"]]
    Path(path).write_text(json.dumps({"asn_id": "a3001", "asn_type": "image3", "products": products}))


def refused(capsys, folder="out"):
    """Run a command that is to fail: exit status and message."""
    status = main(["image3", "asn.json", "-q", "-o", folder, *BARE])
    told = capsys.readouterr().err
    assert told.startswith("jwpipe: ")
    assert told.count("\n") == 1
    assert "unexpected" not in told
    return status, told


@pytest.mark.parametrize("content", [b"", b"text\n" * 1000, None], ids=["empty", "text", "cut"])
def test_a_damaged_file_ends_with_3(content, field, exposures, capsys):
    path = field / list(exposures)[1]
    path.write_bytes(path.read_bytes()[:20000] if content is None else content)
    status, told = refused(capsys)
    assert path.name in told
    assert status == 3


ASSOCIATIONS = {
    "one name twice": (["mosaic", "mosaic"], "more than one product named mosaic"),
    "a folder for a name": (["../mosaic"], "no name of a file"),
}


@pytest.mark.parametrize("case", ASSOCIATIONS)
def test_a_bad_association_ends_with_3(case, field, exposures, capsys):
    products, message = ASSOCIATIONS[case]
    associate(exposures, *products)
    status, told = refused(capsys)
    assert message in told
    assert status == 3
    assert not (field / "out").exists()


def test_an_exposure_without_a_good_pixel_is_told_and_left_out(field, exposures, capsys):
    first, second = exposures
    spoil(field / second, "DQ", 1)
    assert main(["image3", "asn.json", "-o", "out", *BARE]) == 0
    assert "is not to be told" in capsys.readouterr().err
    with fits.open(field / "out" / "mosaic_i2d.fits") as hdus:
        assert set(np.unique(hdus["CON"].data)) == {0, 1}  # bits of exposures
        assert np.isfinite(hdus["SCI"].data).sum() > 2000
    spoil(field / first, "SCI", np.nan, (slice(5), slice(5)))
    spoil(field / first, "SCI", np.inf, (slice(30, 32), slice(30, 32)))
    assert main(["image3", "asn.json", "-q", "-o", "again", *BARE]) == 0
    spoil(field / first, "DQ", 1)
    status, told = refused(capsys, "none")
    assert status == 3
    assert "no good pixel" in told
    assert not list((field / "none").glob("*"))


@pytest.mark.parametrize(
    ("option", "status", "message"),
    [
        ("resample.output_wcs=text.csv", 2, "text.csv has no wcs that can be read"),
        ("tweakreg.abs_refcat=text.csv", 3, "text.csv has no columns RA and DEC"),
        ("source_catalog.aperture_ee1=60", 2, "60, 50, 70 do not increase"),
    ],
)
def test_what_parameters_name_is_looked_at_before_any_work(option, status, message, field, capsys):
    (field / "text.csv").write_text("a,b\n1,2\n")
    assert main(["image3", "asn.json", "-v", "-o", "out", "--set", option]) == status
    told = capsys.readouterr().err
    assert message in told
    assert "stars in" not in told  # what tweakreg says first


def spoil(path, name, value, where=...):
    """Fill an array of a product, or part of it."""
    with fits.open(path, mode="update") as hdus:
        hdus[name].data[where] = value


def test_names_beyond_ascii_are_escaped_in_headers_alone(field, exposures):
    associate(exposures, "champ étoilé", path="ü.json")
    assert main(["image3", "ü.json", "-q", "-o", "out", *BARE]) == 0
    with fits.open(field / "out" / "champ étoilé_i2d.fits") as hdus:
        assert hdus[0].header["FILENAME"] == r"champ \xe9toil\xe9_i2d.fits"
        assert hdus[0].header["ASNTABLE"] == r"\xfc.json"


def damage(content, rng):
    """Spoil some bytes of a header, or of the ASDF tree."""
    content = bytearray(content)
    cards = [i for i in range(0, len(content), 80) if content[i : i + 8].strip().isalnum() and content[i + 8] == 61]
    tree = range(content.find(b"#ASDF"), content.find(b"\n..."))
    for _ in range(rng.integers(1, 5)):
        place = int(rng.choice(cards)) + rng.integers(80) if rng.random() < 0.5 else int(rng.choice(tree))
        content[place] = rng.choice(list(b"\n:[}9 *&!-XT'0"))
    return bytes(content)


def test_damage_anywhere_is_told_or_harmless(field, exposures, caplog):
    caplog.set_level(logging.CRITICAL)
    (bad, content), _ = exposures.items()
    rng = np.random.default_rng(5)
    told, harmless = [], 0
    for number in range(60):
        (field / bad).write_bytes(damage(content, rng))
        out = field / f"out{number}"
        options = api.Options(output_dir=out, skip=SKIPPED, overrides={"drizpars": "N/A"})
        try:
            api.process(api.load("image3"), field / "asn.json", options)
            harmless += 1
        except JwpipeError as problem:
            told.append(str(problem))
            left = list(out.iterdir()) if out.exists() else []
            told += [f"{path} is left\n" for path in left]
    assert not [message for message in told if "\n" in message]
    assert len(told) > 5
    assert harmless > 5


def test_words_that_a_pipeline_does_not_know_are_told_with_the_nearest(field, exposures, capsys):
    name = next(iter(exposures))
    for option, advice in (("--member=backgroud=x.fits", "did you mean background?"), ("--skip=background", "bkg_sub")):
        assert main(["image2", name, "-q", "-o", "out", option]) == 2
        assert advice in capsys.readouterr().err


def test_another_product_is_told_by_its_name(field, exposures, capsys):
    name = next(iter(exposures))
    fits.setval(field / name, "DATAMODL", value="SegmentationMapModel")
    status, told = refused(capsys)
    assert status == 3
    assert f"{name} is a SegmentationMapModel, image3 takes ImageModel" in told
    assert main(["source_catalog", name, "-q", "-o", "out"]) == 3


def test_saved_choices_are_text_as_jwst_reads_them(tmp_path):
    assert main(["image3", "--save-pars", str(tmp_path / "p.asdf")]) == 0
    assert "connectivity: '8'" in (tmp_path / "p.asdf").read_text()


@pytest.mark.parametrize(
    ("place", "card"),
    [
        ("TELESCOP", "= *?"),
        ("XTENSION", "= 1"),
        ("XTENSION", "="),
        ("PCOUNT", "= 1E400"),
        ("NAXIS1", "= T"),
        ("ROLL_REF", "= 1E400"),
        ("BZERO", "= 'x'"),
    ],
)
def test_cards_beyond_reading_end_with_3(place, card, field, exposures, capsys):
    (name, content), *_ = exposures.items()
    at = content.index(place.encode().ljust(8) + b"=")
    (field / name).write_bytes(content[: at + 8] + card.encode().ljust(72) + content[at + 80 :])
    for command in ("image3", "assign_wcs"):
        status = main([command, name, "-q", "-o", "out", *(BARE if command == "image3" else ())])
        assert "unexpected" not in capsys.readouterr().err
        assert status in (3, 4)
