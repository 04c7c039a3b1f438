"""`jwpipe simulate`, as typed."""

import pytest

from jwpipe.cli import main
from jwpipe.errors import ExitStatus


def test_simulates(tmp_path, capsys):
    words = "--detector NRCB1 --subarray SUB64P --groups 2 --cosmic-ray-charge 100,2000 --pars no".split()
    assert main(["simulate", "nircam-image", "-o", str(tmp_path), *words]) == ExitStatus.DONE
    said = capsys.readouterr().out
    for path in tmp_path.glob("*.fits"):
        assert str(path) in said
    assert f"CRDS_PATH={tmp_path}/crds CRDS_CONTEXT=jwst_0001.pmap" in said
    assert not list(tmp_path.rglob("*.asdf"))


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["nircam-imge"], "did you mean nircam-image"),
        (["nircam-image", "--groups", "many"], "not an integer"),
        (["nircam-image", "--detector", "NRCA9"], "not one of NRCA1"),
    ],
)
def test_wrong_use_is_one_line(tmp_path, capsys, monkeypatch, words, problem):
    monkeypatch.chdir(tmp_path)
    assert main(["simulate", *words]) == ExitStatus.USAGE
    said = capsys.readouterr().err
    assert problem in said
    assert said.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_lists_modes_and_options(capsys):
    assert main(["simulate", "--help"]) == ExitStatus.DONE
    assert "nircam-image" in capsys.readouterr().out
    assert main(["simulate", "nircam-image", "--help"]) == ExitStatus.DONE
    said = capsys.readouterr().out
    assert "--readpatt" in said
    assert "--snowballs" in said
