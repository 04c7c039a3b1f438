"""Makefiles as make reads them: names of any characters, grouped targets, by-products, what is left out."""

import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from jwpipe.program.graph import LeftOut, Program, Task
from jwpipe.program.makefile import makefile

# A stand-in for the command: writes what it was given, and the products that its source's name promises.
STUB = r"""#!/bin/sh
printf '%s\n' "$2" >> log
base=${2##*/}
base=${base%_uncal.fits}
base=${base%_asn.json}
case $1 in
    detector1) touch "products/${base}_rate.fits" "products/${base}_rateints.fits" ;;
    *) touch "products/${base}_i2d.fits" "products/${base}_crf.fits" ;;
esac
"""
HARD = " $#:=&()'\"`!@+-~^,<>{}é漢"
names = st.text(st.sampled_from(HARD + "aB3_."), min_size=1, max_size=12).filter(
    lambda name: not name.startswith(".") and name == name.strip()
)


def task(name, pipeline, source, makes, inputs=(), also=()):
    makes = tuple(f"products/{file}" for file in makes)
    return Task(name, pipeline, source, (source, *inputs), makes, tuple(also), f"products/.plan/{name}.json")


def program_of(folder, bases):
    """A rate a name, and a mosaic of all of them."""
    tasks = [
        task(f"{b}_rate", "detector1", f"raw/{b}_uncal.fits", [f"{b}_rate.fits", f"{b}_rateints.fits"]) for b in bases
    ]
    rates = [one.main for one in tasks]
    also = ["products/all_crf.fits"]
    tasks.append(task("all_i2d", "image3", "products/all_asn.json", ["all_i2d.fits"], rates, also))
    program = Program(folder, "products", tasks, options={"detector1": {}, "image3": {}})
    for one in tasks:
        for file in (one.source, one.key):
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            (folder / file).touch()
    (folder / "stub").write_text(STUB)
    (folder / "stub").chmod(0o755)
    (folder / "program.mk").write_bytes(os.fsencode(makefile(program, "program.mk")))
    return program


def make(folder, *arguments):
    command = ["make", "-f", "program.mk", "-s", "JWPIPE=./stub", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    log = folder / "log"
    did = log.read_text().splitlines() if log.exists() else []
    log.unlink(missing_ok=True)
    return done.returncode, did, done.stderr


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(names, min_size=1, max_size=4, unique_by=str.casefold))
@example([HARD.strip()])
@example(["a b", "a=b", "a:b", "$(x)", "#a", "lib(member)", "-n", "~root", "a&", "export x", "&"])
def test_any_name_is_made_once_and_is_then_up_to_date(tmp_path_factory, bases):
    folder = tmp_path_factory.mktemp("made")
    program_of(folder, bases)
    wanted = sorted(f"raw/{base}_uncal.fits" for base in bases)
    status, did, told = make(folder)
    assert (status, sorted(did[:-1]), did[-1], told) == (0, wanted, "products/all_asn.json", "")
    assert make(folder) == (0, [], "")
    (folder / "products" / f"{bases[0]}_rateints.fits").unlink()
    status, did, told = make(folder)
    assert (status, did, told) == (0, [f"raw/{bases[0]}_uncal.fits", "products/all_asn.json"], "")
    assert make(folder) == (0, [], "")


def test_a_changed_key_remakes_what_it_concerns_and_what_follows(tmp_path):
    program = program_of(tmp_path, ["a", "b"])
    make(tmp_path)
    os.utime(tmp_path / program.tasks[1].key)
    assert program.out_of_date(program.tasks[1]) == "its parameters or references have changed"
    assert program.out_of_date(program.tasks[0]) is None
    assert make(tmp_path)[:2] == (0, ["raw/b_uncal.fits", "products/all_asn.json"])


def test_a_by_product_is_made_with_its_product(tmp_path):
    program_of(tmp_path, ["a"])
    assert make(tmp_path, "products/all_crf.fits")[:2] == (0, ["raw/a_uncal.fits", "products/all_asn.json"])
    assert make(tmp_path, "products/all_crf.fits")[:2] == (0, [])


def test_make_says_where_it_is_to_be_run(tmp_path):
    program_of(tmp_path, ["a"])
    done = subprocess.run(
        ["make", "-f", str(tmp_path / "program.mk")], cwd="/", capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "make is to be run in the folder of this file" in done.stderr


def test_what_is_left_out_stands_in_the_makefile(tmp_path):
    program = Program(tmp_path, "products", [], [LeftOut("x_cal", "spec2", "no pipeline for\nx_asn.json")])
    assert "#   spec2: x_cal: no pipeline for x_asn.json\n" in makefile(program, "program.mk")


@pytest.mark.parametrize("broken", ["[]", "{}", '{"format": 1, "tasks": 3}', "\x00", '{"format": 9}'])
def test_a_damaged_plan_is_told_in_one_line(tmp_path, broken, capsys):
    from jwpipe.cli import main

    Path(tmp_path, "p.plan.json").write_text(broken)
    assert main(["status", str(tmp_path / "p.mk")]) == 3
    assert capsys.readouterr().err.count("\n") == 1
