"""calwebb_detector1 end to end, on simulated exposures whose truth is known."""

import errno

import numpy as np
import pytest
from astropy.io import fits

import jwpipe
from jwpipe.cli import main
from jwpipe.cli.demo import references_of
from jwpipe.errors import UsageError
from jwpipe.products.fitsfile import ImageBlock
from jwpipe.report.compare import Tolerance, compare
from jwpipe.report.recovery import recover

EXACTLY = Tolerance(rtol=0)


def test_the_truth_is_recovered(wide, crds, tmp_path):
    crds(wide)
    outcome = jwpipe.run("detector1", wide.uncal, output_dir=tmp_path, save=["jump"])
    files = {path.stem.rpartition("_")[2]: path for path in outcome.files}
    found = recover(wide.truth, files["rate"], files["jump"], *references_of(wide, "gain", "readnoise"))
    assert abs(found.sky_bias) < 0.005
    assert found.stars > 20
    assert abs(found.star_bias) < 0.005
    assert 0.9 < found.pull_width < 1.1
    assert found.hits > 100
    assert found.hits_found > 0.95 * found.hits
    assert found.clean_flagged < 0.01 * found.clean


def test_any_number_of_threads_gives_the_same_bits(small, crds, tmp_path):
    crds(small)
    made = {}
    for threads in (1, 2, 8):
        target = tmp_path / str(threads)
        outcome = jwpipe.run(
            "detector1",
            small.uncal,
            output_dir=target,
            threads=threads,
            save=["jump"],
            assignments=["jump.expand_large_events=true", "ramp_fit.save_opt=true"],
        )
        made[threads] = {path.name: path for path in outcome.files}
    assert len(made[1]) == 4
    for threads in (2, 8):
        for name, path in made[1].items():
            assert compare(path, made[threads][name], EXACTLY).same, name


def test_products_say_how_they_were_made(small, crds, tmp_path):
    crds(small)
    before = small.uncal.read_bytes()
    outcome = jwpipe.run("detector1", small.uncal, output_dir=tmp_path, assignments=["jump.rejection_threshold=5"])
    assert [path.name.rpartition("_")[2] for path in outcome.files] == ["rate.fits", "rateints.fits"]
    assert small.uncal.read_bytes() == before
    with fits.open(outcome.files[0]) as rate, fits.open(outcome.files[1]) as rateints, fits.open(small.uncal) as raw:
        head = rate[0].header
        for record in outcome.records[:-1]:
            assert record.status in ("COMPLETE", "SKIPPED")
        assert (head["S_JUMP"], head["S_RAMP"], head["S_SATURA"]) == ("COMPLETE",) * 3
        assert head["S_PERSIS"] == "SKIPPED"  # no traps in the simulated context
        assert head["R_GAIN"].startswith("crds://jwst_nircam_gain")
        assert head["CRDS_CTX"] == small.context
        assert head["CAL_VER"] == jwpipe.__version__
        assert (head["DATAMODL"], rateints[0].header["DATAMODL"]) == ("ImageModel", "CubeModel")
        assert any("rejection_threshold=5.0" in card for card in head["HISTORY"])
        assert rate["SCI"].header["BUNIT"] == rate["ERR"].header["BUNIT"] == "DN/s"
        assert [h.name for h in rateints if h.name == "INT_TIMES"] == ["INT_TIMES"]
        kept = set(raw[0].header) - {"DATE", "FILENAME", "DATAMODL", "HISTORY", "COMMENT", ""}
        assert {k: head[k] for k in kept} == {k: raw[0].header[k] for k in kept}
        assert np.isfinite(rate["SCI"].data).mean() > 0.9


def test_products_open_and_validate_elsewhere(small, crds, tmp_path):
    datamodels = pytest.importorskip("stdatamodels.jwst.datamodels")
    crds(small)
    outcome = jwpipe.run(
        "detector1",
        small.uncal,
        output_dir=tmp_path,
        save=["jump", "dark_current"],
        assignments=["save_calibrated_ramp=true", "ramp_fit.save_opt=true"],
    )
    kinds = {}
    for path in outcome.files:
        with datamodels.open(path) as model:
            model.validate()
            kinds[path.stem.rpartition("_")[2]] = type(model).__name__
            assert model.meta.cal_step.dq_init == "COMPLETE"
            assert model.meta.ref_file.crds.context_used == small.context
    expected = {"rate": "ImageModel", "rateints": "CubeModel", "ramp": "RampModel", "jump": "RampModel"}
    assert kinds == expected | {"fitopt": "RampFitOutputModel", "current": "RampModel"}


def test_parameters_come_from_the_context_a_file_and_the_command_in_this_order(small, crds, tmp_path, capsys):
    crds(small)
    pars = tmp_path / "mine.toml"
    pars.write_text("[jump]\nrejection_threshold = 6\nmin_sat_area = 2\n")
    command = ["detector1", str(small.uncal), "--show-pars", "--pars", str(pars), "--set", "jump.min_sat_area=3"]
    assert main(command) == 0
    rows = dict(line.split(None, 1) for line in capsys.readouterr().out.splitlines())
    assert rows["jump.min_sat_area"].split() == ["3.0", "--set"]
    assert rows["jump.rejection_threshold"].split() == ["6.0", "mine.toml"]
    assert rows["jump.expand_large_events"].split()[0] == "True"
    assert "pars-" in rows["jump.expand_large_events"]
    assert rows["jump.flag_4_neighbors"].split()[-1] == "default"


def test_steps_one_by_one_give_what_the_pipeline_gives(small, crds, tmp_path):
    crds(small)
    jwpipe.run("detector1", small.uncal, output_dir=tmp_path / "whole")
    path = small.uncal
    order = "group_scale dq_init saturation superbias refpix linearity persistence dark_current jump ramp_fit".split()
    for name in order:
        path = jwpipe.run(name, path, output_dir=tmp_path / "steps").files[0]
    assert path.name.endswith("_0_ramp_fit.fits")
    whole = tmp_path / "whole" / path.name.replace("_0_ramp_fit", "_rate")
    result = compare(path, whole, EXACTLY, ignore=["S_GANSCL", "S_CHGMIG", "S_IPC", "R_IPC"])
    assert [a.extension for a in result.arrays if not a.passes(EXACTLY)] == []


def test_all_products_appear_or_none(small, crds, tmp_path, monkeypatch, capsys):
    crds(small)
    old = tmp_path / small.uncal.name.replace("_uncal", "_rateints")
    old.write_text("from before")
    real = ImageBlock.write

    def full_after_a_while(self, stream):
        if any("_rate.fits" in path.name for path in tmp_path.iterdir()):  # the last of all to be written
            raise OSError(errno.ENOSPC, "No space left on device")
        real(self, stream)

    monkeypatch.setattr(ImageBlock, "write", full_after_a_while)
    assert main(["detector1", str(small.uncal), "-o", str(tmp_path), "--save", "jump", "-q"]) == 1
    assert "No space left on device (free some space" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == [old.name]
    assert old.read_text() == "from before"


def test_a_suffix_of_the_users_is_known_where_results_are_looked_for(small, crds, tmp_path, capsys):
    crds(small)
    command = ["detector1", str(small.uncal), "-o", str(tmp_path), "--suffix", "mine"]
    assert main([*command, "-q"]) == 0
    made = sorted(path.name for path in tmp_path.iterdir())
    assert [name.partition("nrca1_")[2] for name in made] == ["0_mine.fits", "1_mine.fits"]
    assert main([*command, "--skip-existing"]) == 0
    assert "exists, skipped" in capsys.readouterr().err
    assert main([*command, "--dry-run"]) == 0
    assert all(name in capsys.readouterr().out for name in made[:1])


def test_overrides_count_wherever_they_are_said(small, crds, tmp_path, capsys):
    crds(small)
    pars = tmp_path / "p.toml"
    for text, said in (
        ("[jump]\noverride_gain = 'nowhere.fits'\n", []),
        ("", ["--set", "jump.override_gain=nowhere.fits"]),
    ):
        pars.write_text(text)
        assert main(["detector1", str(small.uncal), "-o", str(tmp_path / "o"), "--pars", str(pars), *said]) == 4
        assert "there is no gain reference at nowhere.fits" in capsys.readouterr().err
    pars.write_text("[jump]\noverride_dark = 'x'\n")
    assert main(["detector1", str(small.uncal), "-o", str(tmp_path / "o"), "--pars", str(pars)]) == 2
    assert "jump uses no 'dark' reference" in capsys.readouterr().err
    assert not (tmp_path / "o").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"threads": 0}, "threads = 0 is not at least 1"),
        ({"threads": "2"}, "is not a number of threads"),
        ({"overrides": {"gian": "N/A"}}, r"did you mean gain\?"),
        ({"overrides": {"gain": None}}, "is no dict"),
        ({"max_memory": "4G"}, "is not a number of bytes"),
        ({"pars": {}}, "is not a path"),
        ({"skip": [3]}, "is no list of texts"),
        ({"skip": "jmp"}, r"did you mean jump\?"),
        ({"thread": 2}, r"did you mean threads\?"),
        ({"suffix": "../x"}, "is no suffix"),
        ({"assignments": ["jump.rejection_threshold=nan"]}, "is not a number"),
        ({"assignments": ["saturation.n_pix_grow_sat=99999999999999"]}, "is not an integer"),
    ],
)
def test_wrong_options_of_a_call_are_told(small, crds, options, message, tmp_path):
    crds(small)
    with pytest.raises(UsageError, match=message):
        jwpipe.run("detector1", small.uncal, **({"output_dir": tmp_path / "o"} | options))
    assert not (tmp_path / "o").exists()


def test_more_threads_than_sense_are_no_harm(small, crds, tmp_path):
    crds(small)
    outcome = jwpipe.run("saturation", small.uncal, output_dir=tmp_path, threads=10**9)
    assert outcome.files[0].exists()


def test_a_missing_reference_is_named_with_the_command_that_fetches_it(small, crds, tmp_path, monkeypatch, capsys):
    import shutil

    crds(small)
    cache = tmp_path / "cache"
    shutil.copytree(small.crds_path, cache)
    monkeypatch.setenv("CRDS_PATH", str(cache))
    dark = next((cache / "references").rglob("*dark*.fits"))
    dark.unlink()
    assert main(["detector1", str(small.uncal), "-o", str(tmp_path / "out")]) == 4
    error = capsys.readouterr().err
    assert dark.name in error
    assert "jwpipe refs fetch" in error
    assert not (tmp_path / "out").exists()
