"""Parameters: declared, resolved in order, read and written."""

from typing import Annotated

import pytest

from jwpipe.engine.params import (
    AtLeast,
    File,
    Flags,
    Help,
    Length,
    NumberOr,
    Numbers,
    OneOf,
    PipelineParams,
    StepParams,
)
from jwpipe.engine.parsfile import read_parameters, write_parameters
from jwpipe.engine.pipeline import Pipeline, Use
from jwpipe.engine.settings import Layer, Settings
from jwpipe.engine.step import step
from jwpipe.errors import InputError, UsageError
from jwpipe.products.ramp import Ramp


class Params(StepParams):
    count: Annotated[int, Help("how many"), AtLeast(0)] = 1
    kind: Annotated[str, Help("which"), OneOf("a", "b")] = "a"
    limit: Annotated[float | None, Help("at most")] = None
    sizes: Annotated[list[float] | None, Help("sizes"), Length(2)] = None
    pair: Annotated[str, Help("two numbers"), Numbers(2)] = "1 2"
    value: Annotated[str, Help("a number, or none"), NumberOr("INDEF")] = "INDEF"
    bits: Annotated[str | None, Help("flags"), Flags()] = "~DO_NOT_USE"
    table: Annotated[str, Help("a table, or that of the service"), File("SERVED")] = ""
    on: Annotated[bool, Help("whether")] = False


class Own(PipelineParams):
    save_calibrated_ramp: Annotated[bool, Help("save it")] = False


@step("counting", status="S_COUNT", peer="jwst.counting.CountingStep", params=Params)
def counting(ramp: Ramp, refs, par, run):
    """Count."""
    return ramp


@step("resting", status="S_REST", peer="jwst.resting.RestingStep")
def resting(ramp: Ramp, refs, par, run):
    """Rest."""
    return ramp


PIPELINE = Pipeline(
    "tiny", "Do little.", (Ramp,), (Use(counting), Use(resting, default_skip=True)), "jwst.TinyPipeline", ("tiny",), Own
)


def test_later_layers_win_and_say_where_values_come_from():
    layers = [
        Layer("context", steps={"counting": {"count": 3, "limit": 2}}),
        Layer("file", steps={"counting": {"count": 4}}, pipeline={"save_calibrated_ramp": True}),
        Layer.from_assignments(PIPELINE, ["counting.count=5", "steps.counting.sizes=1,2.5", "resting.skip=no"]),
    ]
    settings = Settings(PIPELINE, layers)
    par = settings.steps["counting"]
    assert (par.count, par.limit, par.sizes, par.kind, par.on) == (5, 2.0, [1.0, 2.5], "a", False)
    assert settings.own.save_calibrated_ramp
    assert not settings.steps["resting"].skip
    origins = {(step, name): origin for step, name, _, origin in settings.rows()}
    assert origins["counting", "count"] == "--set"
    assert origins["counting", "limit"] == "context"
    assert origins[None, "save_calibrated_ramp"] == "file"
    assert origins["counting", "kind"] == "default"
    assert Settings(PIPELINE).steps["resting"].skip


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("counting.cuont=3", r"counting has no parameter 'cuont' .did you mean count\?"),
        ("countng.count=3", r"tiny has no step 'countng' .did you mean counting\?"),
        ("count=3", r"tiny has no parameter 'count' .did you mean counting.count\?"),
        ("counting=3", "counting of --set is a step"),
        ("counting.count=-1", "count = -1 of --set is not at least 0"),
        ("counting.count=1.5", "count = '1.5' of --set is not an integer"),
        ("counting.kind=c", "kind = c of --set is not one of a, b"),
        ("counting.on=maybe", "on = 'maybe' of --set is not true or false"),
        ("counting.limit=x", "is not a number"),
        ("counting.sizes=1", "sizes = 1 of --set is not 2 values"),
        ("counting.pair=abc", "pair = abc of --set is not 2 numbers"),
        ("counting.pair=1 nan", "pair = 1 nan of --set is not 2 numbers"),
        ("counting.pair=1", "is not 2 numbers"),
        ("counting.value=x", "value = x of --set is not a number, or INDEF"),
        ("counting.bits=~DO_NOT_USE+HOTT", "names no flag 'HOTT' .did you mean HOT"),
        ("counting.table=none.ecsv", "table = none.ecsv of --set is not an existing file, or one of SERVED"),
        ("counting.count", "is not of the form STEP.PARAMETER=VALUE"),
        ("a.b.c=1", "is not of the form STEP.PARAMETER"),
    ],
)
def test_wrong_assignments_are_told_with_what_is_right(text, message):
    with pytest.raises(UsageError, match=message):
        Settings(PIPELINE, [Layer.from_assignments(PIPELINE, [text])])


def test_what_the_rules_allow_is_taken_as_it_stands(tmp_path):
    (tmp_path / "t.ecsv").touch()
    for name, value in (
        ("pair", "5.0, 4"),
        ("value", "indef"),
        ("value", "-1e3"),
        ("bits", "HOT+4,WARM"),
        ("bits", ""),
        ("table", "served"),
        ("table", str(tmp_path / "t.ecsv")),
    ):
        settings = Settings(PIPELINE, [Layer.from_assignments(PIPELINE, [f"counting.{name}={value}"])])
        assert getattr(settings.steps["counting"], name) == (value or None if name == "bits" else value)


@pytest.mark.parametrize("ending", ["asdf", "toml"])
def test_parameter_files_come_back_as_they_were(tmp_path, ending):
    given = [
        "counting.count=7",
        "counting.sizes=1,2",
        "counting.on=true",
        "save_calibrated_ramp=true",
        "resting.skip=0",
    ]
    settings = Settings(PIPELINE, [Layer.from_assignments(PIPELINE, given)])
    path = tmp_path / f"p.{ending}"
    write_parameters(path, settings)
    back = Settings(PIPELINE, [read_parameters(path, PIPELINE)])
    assert (back.own, back.steps) == (settings.own, settings.steps)


ASDF = """#ASDF 1.0.0
#ASDF_STANDARD 1.5.0
%YAML 1.1
%TAG ! tag:stsci.edu:asdf/
--- !core/asdf-1.1.0
class: {name}
name: x
parameters: {parameters}
steps: {steps}
...
"""


def test_files_of_the_peer_and_of_old_are_read(tmp_path):
    path = tmp_path / "p.asdf"
    generic = "{input_dir: '', output_dir: null, output_ext: .fits, pre_hooks: [], search_output_file: true, count: 9}"
    path.write_text(
        ASDF.format(name="jwst.TinyPipeline", parameters="{}", steps=f"[{{name: counting, parameters: {generic}}}]")
    )
    assert read_parameters(path, PIPELINE).steps == {"counting": {"count": 9}}
    path.write_text(ASDF.format(name="jwst.CountingStep", parameters="{count: 2}", steps="[]"))
    assert read_parameters(path, PIPELINE).steps == {"counting": {"count": 2}}
    path.write_text(ASDF.format(name="jwst.TinyPipeline", parameters="{steps: {counting: {count: 8}}}", steps="[]"))
    assert read_parameters(path, PIPELINE).steps == {"counting": {"count": 8}}


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("[counting\n", InputError, "is neither ASDF nor TOML"),
        ("#ASDF 1.0.0\n--- [1, 2\n", InputError, "is no parameter file"),
        ("[conting]\ncount = 1\n", UsageError, r"did you mean counting\?"),
        (ASDF.format(name="jwst.Other", parameters="{}", steps="[]"), UsageError, "is for Other, not for tiny"),
        (ASDF.format(name="jwst.TinyPipeline", parameters="{pre_hooks: [x]}", steps="[]"), UsageError, "counterpart"),
        ("#ASDF 1.0.0\n--- !!python/object/apply:os.system ['touch hacked']\n...\n", InputError, "no parameter file"),
    ],
)
def test_bad_parameter_files_are_told(tmp_path, monkeypatch, text, error, message):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "p.asdf"
    path.write_text(text)
    with pytest.raises(error, match=message):
        read_parameters(path, PIPELINE)
    assert [p.name for p in tmp_path.iterdir()] == ["p.asdf"]
