"""calwebb_image2 on simulated count rates, with simulated references."""

import json
from io import BytesIO

import asdf
import numpy as np
import pytest
from astropy.io import fits

import jwpipe
from jwpipe.cli import main
from jwpipe.drizzle.resampling import intensity_scale
from jwpipe.products.images import Image
from jwpipe.simulate import simulate

PLANES = ("SCI", "ERR", "DQ", "VAR_POISSON", "VAR_RNOISE", "VAR_FLAT")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("image2")
    return simulate(
        "nircam-dithers", folder, detector="NRCBLONG", filter="F444W", subarray="SUB160", dithers=3, level="rate"
    )


@pytest.fixture(autouse=True)
def references(made, crds):
    crds(made)


def associate(made, name="combined", **kinds):
    """An association of the science exposure and others."""
    members = [{"expname": str(made.exposures[i]), "exptype": kind} for kind, places in kinds.items() for i in places]
    path = made.exposures[0].parent / f"{name}_asn.json"
    asn = {"asn_id": "a3001", "asn_type": "image2", "products": [{"name": name, "members": members}]}
    path.write_text(json.dumps(asn))
    return path


def test_count_rates_become_surface_brightness_and_a_plane(made, tmp_path):
    outcome = jwpipe.run("image2", made.exposures[0], output_dir=tmp_path)
    stem = "jw00042001001_02101_00001_nrcblong"
    assert sorted(path.name for path in outcome.files) == [f"{stem}_cal.fits", f"{stem}_i2d.fits"]
    assert [record.name for record in outcome.records] == ["assign_wcs", "flat_field", "photom", "resample", "write"]
    with fits.open(tmp_path / f"{stem}_cal.fits") as cal, fits.open(made.exposures[0]) as rate:
        head = cal[0].header
        assert [head.get(key) for key in ("S_WCS", "S_FLAT", "S_PHOTOM")] == ["COMPLETE"] * 3
        assert head.get("S_RESAMP") is None
        assert head["ASNTABLE"] == head["ASNPOOL"] == "singleton"
        assert cal["SCI"].header["BUNIT"] == "MJy/sr"
        used = cal["DQ"].data == 0
        response = cal["SCI"].data[used] / rate["SCI"].data[used]
        assert np.median(response) == pytest.approx(cal["SCI"].header["PHOTMJSR"], rel=0.01)
        assert "CD1_1" in cal["SCI"].header
    with fits.open(tmp_path / f"{stem}_i2d.fits") as i2d:
        assert i2d[0].header["S_RESAMP"] == "COMPLETE"
        assert i2d["SCI"].header["CTYPE1"] == "RA---TAN"
        assert "CD1_1" not in i2d["SCI"].header
        assert "HDRTAB" in i2d


def test_flux_is_conserved_on_distorted_pixels(made, tmp_path):
    files = jwpipe.run("image2", made.exposures[0], output_dir=tmp_path).files
    cal = Image.read(next(path for path in files if path.stem.endswith("cal")))
    ny, nx = cal.shape
    middle = (slice(40, ny - 40), slice(40, nx - 40))
    data = np.zeros_like(cal.data)
    data[middle] = np.nan_to_num(cal.data[middle])
    cal.data, cal.dq = data, np.zeros(cal.shape, "u4")
    cal.write(tmp_path / "middle_cal.fits")
    path = tmp_path / "middle_cal.fits"
    i2d = jwpipe.run("resample", path, output_dir=tmp_path, assignments=["weight_type=exptime"]).products[0]
    y, x = np.indices(cal.shape)
    (ra, dec), (ra_x, dec_x), (ra_y, dec_y) = (cal.wcs(x + dx, y + dy) for dx, dy in ((0, 0), (1, 0), (0, 1)))
    areas = (
        abs((ra_x - ra) * (dec_y - dec) - (ra_y - ra) * (dec_x - dec)) * np.cos(np.deg2rad(dec)) * np.deg2rad(1) ** 2
    )
    expected = (data * areas).sum(dtype="f8") * intensity_scale(cal) ** 2
    assert np.nansum(i2d.data, dtype="f8") * i2d["PIXAR_SR"] == pytest.approx(expected, rel=1e-4)


def test_same_bits_for_any_number_of_threads(made, tmp_path):
    runs = []
    for threads in (1, 2, 8):
        files = jwpipe.run("image2", made.exposures[1], output_dir=tmp_path / str(threads), threads=threads).files
        runs.append([fits.open(path) for path in sorted(files)])
    for other in runs[1:]:
        for one, two in zip(runs[0], other, strict=True):
            for name in (*PLANES, "CON", "WHT"):
                if name in one:
                    np.testing.assert_array_equal(one[name].data, two[name].data)
    for hdus in (hdus for run in runs for hdus in run):
        hdus.close()


def add_strangers(path, target):
    """Copy a product, and put an extension, keywords and entries of its ASDF tree there that nobody knows."""
    with fits.open(path) as hdus:
        hdus[0].header["MYKEY"], hdus["SCI"].header["MYSCI"] = "mine", 4.5
        tree = {"meta": {"mine": {"a": [1, 2]}}, "mytree": {"values": np.arange(4)}}
        hdus.insert(3, fits.ImageHDU(np.arange(12.0).reshape(3, 4), name="MYEXT"))
        put_tree(hdus, tree)
        hdus.writeto(target)
    return target


def put_tree(hdus, tree):
    """Put an ASDF tree in the place of a product's, as `asdf` writes it; gives what it has written."""
    with asdf.AsdfFile(tree) as file:
        file.write_to(stored := BytesIO())
    content = np.frombuffer(stored.getvalue(), "u1")
    column = fits.Column("ASDF_METADATA", f"{len(content)}B", array=content[None])
    del hdus["ASDF"]
    hdus.append(fits.BinTableHDU.from_columns([column], name="ASDF"))
    return stored.getvalue()


def open_tree(path):
    """Open the ASDF tree of a product."""
    with fits.open(path) as hdus:
        return asdf.open(BytesIO(hdus["ASDF"].data["ASDF_METADATA"][0].tobytes()))


def strangers(path):
    """Which of them a product has."""
    found = set()
    with fits.open(path) as hdus:
        found |= {"extension"} if "MYEXT" in hdus and (hdus["MYEXT"].data.ravel() == np.arange(12)).all() else set()
        found |= {name for name, hdu in (("MYKEY", 0), ("MYSCI", "SCI")) if name in hdus[hdu].header}
    with open_tree(path) as file:
        found |= {"meta"} if file["meta"].get("mine") == {"a": [1, 2]} else set()
        found |= {"tree"} if "mytree" in file.tree and list(file["mytree"]["values"]) == [0, 1, 2, 3] else set()
    return found


def test_what_nobody_knows_stays_with_exposures_and_out_of_mosaics(made, tmp_path):
    (tmp_path / "given").mkdir()
    rates = [add_strangers(path, tmp_path / "given" / path.name) for path in made.exposures[:2]]
    for rate in rates:
        jwpipe.run("image2", rate, output_dir=tmp_path)
    members = [{"expname": rate.name.replace("rate", "cal"), "exptype": "science"} for rate in rates]
    asn = {"asn_id": "a3001", "asn_type": "image3", "products": [{"name": "mosaic", "members": members}]}
    (tmp_path / "asn.json").write_text(json.dumps(asn))
    jwpipe.run("image3", tmp_path / "asn.json", output_dir=tmp_path)
    everything = {"extension", "MYKEY", "MYSCI", "meta", "tree"}
    for kind, left in (("cal", everything), ("crf", everything), ("i2d", set()), ("segm", set())):
        paths = sorted(tmp_path.glob(f"*_{kind}.fits"))
        assert [strangers(path) for path in paths] == [left] * len(paths), kind
        assert paths


def test_trees_of_newer_libraries_stay_readable(made, tmp_path):
    jwpipe.run("image2", made.exposures[0], output_dir=tmp_path, skip=["resample"])
    path = tmp_path / made.exposures[0].name.replace("rate", "cal")
    with open_tree(path) as file, fits.open(path) as hdus:
        before = file["meta"]["wcs"]
        assert b"core/ndarray-1.1.0" in put_tree(hdus, {"meta": {"wcs": before}})
        hdus.writeto(tmp_path / "newer_cal.fits")
    Image.read(tmp_path / "newer_cal.fits").write(tmp_path / "kept_cal.fits")
    jwpipe.run("assign_wcs", tmp_path / "newer_cal.fits", output_dir=tmp_path)
    for name in ("kept_cal", "newer_assign_wcs"):
        with open_tree(tmp_path / f"{name}.fits") as file:  # warnings are errors
            assert file["meta"]["wcs"](12, 34) == before(12, 34)


def test_what_was_done_before_is_told_and_done_again(made, tmp_path, caplog, capsys):
    jwpipe.run("image2", made.exposures[0], output_dir=tmp_path)
    cal = tmp_path / made.exposures[0].name.replace("rate", "cal")
    assert "before" not in caplog.text
    jwpipe.run("image2", cal, output_dir=tmp_path / "again", skip=["resample", "photom"])
    assert f"{cal.name} has been through assign_wcs, flat_field before: done once more" in caplog.text
    capsys.readouterr()
    assert main(["detector1", str(cal), "-q", "-o", str(tmp_path / "raw")]) == 3
    assert "is an ImageModel, detector1 takes RampModel" in capsys.readouterr().err


def test_background_is_subtracted_and_saved(made, tmp_path):
    asn = associate(made, "target", science=[0], background=[1, 2])
    outcome = jwpipe.run("image2", asn, output_dir=tmp_path, assignments=["save_bsub=true"])
    assert sorted(path.name for path in outcome.files) == ["target_bsub.fits", "target_cal.fits", "target_i2d.fits"]
    with fits.open(tmp_path / "target_bsub.fits") as bsub, fits.open(tmp_path / "target_cal.fits") as cal:
        assert bsub[0].header["S_BKDSUB"] == cal[0].header["S_BKDSUB"] == "COMPLETE"
        assert abs(np.nanmedian(bsub["SCI"].data)) < 0.2
        assert cal[0].header["ASNTABLE"] == "target_asn.json"


def test_integrations_are_calibrated_and_not_resampled(made, tmp_path):
    stem = "jw00042001001_02101_00009_nrcblong"
    with fits.open(made.exposures[0]) as rate:
        for name in ("SCI", "ERR", "DQ", "VAR_POISSON", "VAR_RNOISE"):
            rate[name].data = np.stack([rate[name].data] * 2)
        rate[0].header["DATAMODL"], rate[0].header["NINTS"] = "CubeModel", 2
        rate.writeto(tmp_path / f"{stem}_rateints.fits")
    outcome = jwpipe.run("image2", tmp_path / f"{stem}_rateints.fits", output_dir=tmp_path / "out")
    assert [path.name for path in outcome.files] == [f"{stem}_calints.fits"]
    whole = jwpipe.run("image2", made.exposures[0], output_dir=tmp_path / "whole").products[0]
    np.testing.assert_array_equal(outcome.products[0].data[1], whole.data)


def test_every_pixel_flagged_leaves_no_plane(made, tmp_path):
    with fits.open(made.exposures[0]) as rate:
        rate["DQ"].data[:] = 1
        rate.writeto(tmp_path / "flagged_rate.fits")
    outcome = jwpipe.run("image2", tmp_path / "flagged_rate.fits", output_dir=tmp_path)
    assert [path.name for path in outcome.files] == ["flagged_cal.fits"]
    record = next(record for record in outcome.records if record.name == "resample")
    assert (record.status, "no good pixel" in record.reason) == ("SKIPPED", True)


def test_bad_input_is_one_line_and_no_file(made, tmp_path, capsys):
    missing = tmp_path / "missing_asn.json"
    missing.write_text(
        json.dumps({"products": [{"name": "x", "members": [{"expname": "no.fits", "exptype": "science"}]}]})
    )
    empty = tmp_path / "empty_asn.json"
    empty.write_text(json.dumps({"products": [{"name": "x", "members": []}]}))
    truncated = tmp_path / "truncated_rate.fits"
    truncated.write_bytes(made.exposures[0].read_bytes()[:100000])
    nowhere = tmp_path / "nowhere_rate.fits"
    with fits.open(made.exposures[0]) as rate:
        del rate["SCI"].header["RA_REF"]
        rate.writeto(nowhere)
    for path, text in (
        (missing, "no.fits, which does not exist"),
        (empty, "no science exposure"),
        (truncated, "truncated"),
        (nowhere, "RA_REF"),
    ):
        status = main(["image2", str(path), "-o", str(tmp_path / "out"), "-q"])
        message = capsys.readouterr().err.strip()
        assert (status, text in message, message.count("\n")) == (3, True, 0), message
    assert not (tmp_path / "out").exists() or not list((tmp_path / "out").iterdir())
