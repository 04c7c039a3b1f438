"""What is planned: hostile folders, new exposures, new contexts, parameters, and how tasks stand."""

import json
import os
import shutil
import time
from pathlib import Path

import pytest
from astropy.io import fits

from jwpipe.cli import main
from jwpipe.jobs.record import record_path
from jwpipe.program.graph import Program
from jwpipe.program.keys import write_key
from jwpipe.program.running import BLOCKED, UP_TO_DATE, Ending, perform
from jwpipe.program.status import survey

PLAN = ["plan", "raw", "--stages", "1", "-q"]
NIRCAM = [f"jw00042001001_02101_0000{i}_nrcb1_rate" for i in (1, 2)]
MIRI = "jw00042001001_02101_00001_mirimage_rate"


def states():
    return {one.name: one.state for one in survey(Program.read("program.mk"))}


def pretend(program, *names, when=None):
    """Act as if tasks had been done, at this time or now."""
    for name in names:
        for file in program.find(name).makes:
            path = program.path(file)
            path.touch()
            if when is not None:
                os.utime(path, (when, when))


def keys(folder):
    return {path.name: path.stat().st_mtime_ns for path in (folder / "products" / ".plan").glob("*_rate.json")}


def test_a_plan_made_again_changes_nothing_and_a_parameter_what_it_concerns(program):
    assert main(PLAN) == 0
    text, before = Path("program.mk").read_text(), keys(program)
    assert len(before) == 3
    assert main(PLAN) == 0
    assert (Path("program.mk").read_text(), keys(program)) == (text, before)
    assert main([*PLAN, "--set", "detector1.jump.rejection_threshold=5"]) == 0
    assert all(keys(program)[name] > before[name] for name in before)
    assert "--set jump.rejection_threshold=5" in Path("program.mk").read_text()


def test_a_new_context_concerns_only_what_its_references_are_for(program, simulated, monkeypatch):
    crds = shutil.copytree(simulated.crds, program / "crds")
    monkeypatch.setenv("CRDS_PATH", str(crds))
    monkeypatch.setenv("CRDS_IGNORE_MAPPING_CHECKSUM", "1")
    assert main(PLAN) == 0
    pretend(Program.read("program.mk"), *NIRCAM, MIRI)
    assert set(states().values()) == {"done"}
    old = "jwst_nircam_gain_0001"
    mappings, references = crds / "mappings" / "jwst", crds / "references" / "jwst" / "nircam"
    shutil.copy(references / f"{old}.fits", references / "jwst_nircam_gain_0002.fits")
    for name, changed in (
        (f"{old}.rmap", f"{old}.fits"),
        ("jwst_nircam_0001.imap", f"{old}.rmap"),
        ("jwst_0001.pmap", "jwst_nircam_0001.imap"),
    ):
        text = (mappings / name).read_text().replace(changed, changed.replace("0001", "0002"))
        (mappings / name.replace("0001", "0002")).write_text(text)
    assert main([*PLAN, "--context", "jwst_0002.pmap"]) == 0
    assert states() == {NIRCAM[0]: "stale", NIRCAM[1]: "stale", MIRI: "done"}
    # Back again: what was made anew meanwhile is stale, nothing else.
    pretend(Program.read("program.mk"), *NIRCAM)
    assert set(states().values()) == {"done"}
    assert main(PLAN) == 0
    assert states() == {NIRCAM[0]: "stale", NIRCAM[1]: "stale", MIRI: "done"}


def test_a_reference_of_other_content_counts_as_another(program):
    shutil.copy(next(Path(os.environ["CRDS_PATH"]).glob("references/jwst/miri/*gain*")), "gain.fits")
    command = [*PLAN, "--override", "gain=gain.fits"]
    assert main(command) == 0
    before = keys(program)
    os.utime("gain.fits")
    assert main(command) == 0
    assert keys(program) == before
    with Path("gain.fits").open("ab") as file:
        file.write(bytes(2880))
    assert main(command) == 0
    assert all(keys(program)[name] > before[name] for name in before)


def test_a_reference_that_comes_into_the_cache_is_no_change(tmp_path):
    path = tmp_path / "key.json"
    assert write_key(path, {"pipeline": "x", "references": {"dark": {"name": "a.fits", "sha1": None}}})
    before = path.stat().st_mtime_ns
    assert not write_key(path, {"pipeline": "x", "references": {"dark": {"name": "a.fits", "sha1": "12"}}})
    assert path.stat().st_mtime_ns == before
    assert json.loads(path.read_text())["references"]["dark"]["sha1"] == "12"
    assert write_key(path, {"pipeline": "x", "references": {"dark": {"name": "a.fits", "sha1": "13"}}})


def test_new_exposures_leave_the_associations_of_the_others_as_they_are(program):
    first = Path("raw", f"{NIRCAM[0].removesuffix('rate')}uncal.fits").rename("kept_uncal.fits")
    assert main(["plan", "raw", "-q"]) == 0
    before = {path: path.stat().st_mtime_ns for path in Path("products").glob("*image2*_asn.json")}
    assert len(before) == 2
    first.rename(Path("raw", f"{NIRCAM[0].removesuffix('rate')}uncal.fits"))
    assert main(["plan", "raw", "-q"]) == 0
    after = {path: path.stat().st_mtime_ns for path in Path("products").glob("*image2*_asn.json")}
    assert before.items() < after.items()
    assert len(after) == 3


def test_a_hostile_folder(program, capsys):
    raw = Path("raw")
    (raw / "dangling_uncal.fits").symlink_to("nowhere")
    (raw / "folder_uncal.fits").mkdir()
    (raw / "deep" / "er").mkdir(parents=True)
    (raw / "deep" / "loop").symlink_to("..")
    (raw / ".hidden").mkdir()
    good = raw / f"{MIRI.removesuffix('rate')}uncal.fits"
    shutil.copy(good, raw / ".hidden" / "h_uncal.fits")
    shutil.copy(good, raw / "deep" / "er" / "Odd name $1 #2 a=b_uncal.fits")
    shutil.copy(good, raw / "50%_uncal.fits")
    (raw / "empty_uncal.fits").touch()
    (raw / "garbage_uncal.fits").write_bytes(os.urandom(6000))
    shutil.copy(good, raw / "calibrated_uncal.fits")
    fits.setval(raw / "calibrated_uncal.fits", "DATAMODL", value="ImageModel")
    Path(os.fsdecode(os.fsencode(raw) + b"/no\xfftext_uncal.fits")).write_bytes(good.read_bytes())
    assert main(["plan", "raw"]) == 0
    left = {one.name: one.why for one in Program.read("program.mk").left_out if one.kind == "raw"}
    odd = {"50%_uncal.fits", "empty_uncal.fits", "garbage_uncal.fits", r"no\udcfftext_uncal.fits"}
    assert set(left) == odd | {"calibrated_uncal.fits"}
    assert "is of DATAMODL = ImageModel, no raw exposure" in left["calibrated_uncal.fits"]
    assert "which make cannot take" in left["50%_uncal.fits"]
    assert sorted(states()).count("Odd name $1 #2 a=b_rate") == 1
    told = capsys.readouterr().err
    assert all(f"left out: raw: {name}: " in told for name in left)
    # An association knows the exposure by its real name.
    names = [path.read_text() for path in Path("products").glob("*image2*")]
    assert any('"Odd name $1 #2 a=b_rate.fits"' in text for text in names)


WRONG = {
    "no exposures": (["plan", "empty"], 3, "no raw exposures"),
    "nothing that can be read": (["plan", "damaged"], 3, "a_uncal.fits cannot be planned, nor any of 1 others: "),
    "no folder": (["plan", "nowhere"], 3, "there is no nowhere"),
    "two of one name": (["plan", "raw", "twins"], 3, "have one name"),
    "no Makefile": (["plan", "raw", "-o", "program.txt"], 2, "name it .mk"),
    "unknown engine": (["plan", "raw", "--engine", "daks"], 2, "did you mean dask?"),
    "unknown stage": (["plan", "raw", "--stages", "4"], 2, "names no stages"),
    "unknown pipeline": (["plan", "raw", "--set", "detektor1.jump.skip=true"], 2, "did you mean detector1?"),
    "unknown step": (["plan", "raw", "--skip", "detector1.jmp"], 2, "did you mean jump?"),
    "unknown parameter": (["plan", "raw", "--set", "detector1.jump.skp=true"], 2, "did you mean skip?"),
    "no pipeline named": (["plan", "raw", "--skip", "jump"], 2, "name the pipeline first"),
    "no such reference": (["plan", "raw", "--override", "gain=nowhere.fits"], 4, "nowhere.fits"),
    "no such context": (["plan", "raw", "--context", "jwst_0999.pmap"], 4, "jwst_0999.pmap"),
    "no program": (["status", "other.mk"], 3, "jwpipe plan writes it"),
    "products are a file": (["plan", "raw", "--products", "file"], 1, "no folder for products"),
}


@pytest.mark.parametrize(("command", "status", "told"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_told_in_one_line(program, capsys, command, status, told):
    Path("empty").mkdir()
    Path("file").touch()
    Path("damaged").mkdir()
    for name in ("a", "b"):
        Path("damaged", f"{name}_uncal.fits").write_text("no FITS file")
    shutil.copytree("raw", "twins")
    assert main(command) == status
    error = capsys.readouterr().err
    assert told in error
    assert error.count("\n") == 1
    assert not Path("program.mk").exists()


def test_states_of_tasks(program, capsys):
    assert main(PLAN) == 0
    plan = Program.read("program.mk")
    assert set(states().values()) == {"to do"}
    assert main(["status"]) == 0
    pretend(plan, MIRI)
    pretend(plan, NIRCAM[1], when=1)
    record = record_path(plan.path(plan.find(NIRCAM[0]).main))
    record.write_text(json.dumps({"state": "failed", "reason": "it broke", "seconds": 2.5}))
    assert states() == {NIRCAM[0]: "failed", NIRCAM[1]: "stale", MIRI: "done"}
    capsys.readouterr()
    assert main(["status"]) == 1
    shown = capsys.readouterr().out
    assert f"failed        2.50 s  {NIRCAM[0]}: it broke" in shown
    assert f"stale                 {NIRCAM[1]}: {NIRCAM[1].removesuffix('rate')}uncal.fits is newer" in shown
    later = time.time() + 5
    os.utime(plan.path(plan.find(NIRCAM[0]).source), (later, later))  # the exposure is whole again, perhaps
    assert states()[NIRCAM[0]] == "to do"
    os.utime(plan.path(plan.find(NIRCAM[0]).source), (1, 1))
    record.write_text(json.dumps({"state": "running", "pid": 1}))
    assert states()[NIRCAM[0]] == "killed"


def test_a_task_is_not_done_without_its_inputs_nor_twice(program):
    assert main(PLAN) == 0
    plan = Program.read("program.mk")
    task = plan.find(MIRI)
    failed = Ending("other", "failed")
    assert perform(plan, task, upstream=[failed]).state == BLOCKED
    pretend(plan, MIRI)
    assert perform(plan, task).state == UP_TO_DATE
    plan.path(task.source).unlink()
    assert perform(plan, task).reason == f"raw/{MIRI.removesuffix('rate')}uncal.fits is not there"
    assert main(["task", "program.mk", MIRI, "-q"]) == 3
    assert main(["task", "program.mk", "--number", "99"]) == 2
