"""`jwpipe pointing`: where the telescope looked."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    rich_markup_mode=None,
    add_completion=False,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
    help="Pointing: set its keywords from engineering telemetry, and tell where the telescope looked.",
    context_settings={"help_option_names": ["-h", "--help"]},
)

Files = Annotated[list[Path], typer.Argument(metavar="FILE...", help="Exposures.", show_default=False)]
Telemetry = Annotated[
    str | None,
    typer.Option(
        "--telemetry",
        "--engdb-url",
        "--engdb_url",
        metavar="FILE|DIR|URL",
        help="Table or folder of mnemonics, or a service's address.",
        show_default="ENG_BASE_URL, or MAST",
    ),
]
Token = Annotated[str | None, typer.Option("--token", help="Token for MAST's service.", show_default="MAST_API_TOKEN")]
SiafFolder = Annotated[
    str | None,
    typer.Option(
        "--siaf", metavar="DIR", help="Folder of SIAF XML files, or one.", show_default="XML_DATA, or pysiaf's"
    ),
]
Override = Annotated[
    Path | None,
    typer.Option("--override-transforms", metavar="FILE", help="ASDF file of matrices to use instead."),
]
Tolerance = Annotated[
    float, typer.Option("--tolerance", metavar="SECONDS", min=0, help="How far outside the time telemetry counts.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Write nothing.")]
OutputDir = Annotated[
    Path | None, typer.Option("-o", "--output-dir", metavar="DIR", help="Write there.", show_default="in place")
]
Output = Annotated[
    Path | None, typer.Option("-o", "--output", metavar="FILE", help="Table to write.", show_default="standard output")
]


def _one_by_one(files, work):
    """Do something with each file; a file that fails is told and the others are done.

    The exit status is the failures' own where they agree, else that of a step that failed.
    """
    from jwpipe.errors import ExitStatus, JwpipeError

    statuses = set()
    for file in files:
        try:
            for line in work(file):
                typer.echo(f"jwpipe: {file}: {line}", err=True)
        except JwpipeError as problem:
            statuses.add(problem.status)
            text = " ".join(str(problem).split())
            typer.echo(f"jwpipe: {text}" if str(file) in text else f"jwpipe: {file}: {text}", err=True)
    if statuses:
        raise typer.Exit(int(statuses.pop() if len(statuses) == 1 else ExitStatus.STEP_FAILED))


def _target(file, folder):
    return file if folder is None else folder / file.name


def _edit(file, change, folder, dry_run=False):
    """Change an exposure's keywords, and write it; `change` gives what to warn of, or what hinders."""
    from jwpipe.pointing.exposure import ExposureFile

    exposure = ExposureFile(file)
    warning = change(exposure)
    if not dry_run:
        exposure.save(None if folder is None else _target(file, folder))
    return [warning] if warning else []


def _source(where, token):
    """Open telemetry once, when it is first needed."""
    from functools import cache

    from jwpipe.pointing.source import open_telemetry

    return cache(lambda: open_telemetry(where, token))


def _matrices(path):
    from jwpipe.pointing.matrices import read_matrices

    return None if path is None else read_matrices(path)


def _write_table(table, output):
    import io

    from jwpipe.report.plain import write_whole

    stream = io.StringIO()
    table.write(stream, format="ascii.ecsv")
    if output is None:
        typer.echo(stream.getvalue(), nl=False)
    else:
        write_whole(output, stream.getvalue().encode())


@app.command("set")
def set_command(
    files: Files,
    source: Telemetry = None,
    token: Token = None,
    siaf: SiafFolder = None,
    prd: Annotated[
        str | None,
        typer.Option("--prd", metavar="VERSION", help="Version of pysiaf's SIAF.", show_default="PRD_VER, or newest"),
    ] = None,
    method: Annotated[str, typer.Option("--method", help="coarse, track, or ops: as PCS_MODE says.")] = "ops",
    fgsid: Annotated[int, typer.Option("--fgsid", min=1, max=2, help="Guider, where telemetry cannot tell.")] = 1,
    tolerance: Tolerance = 60.0,
    allow_default: Annotated[
        bool, typer.Option("--allow-default", help="Without telemetry, take the planned target.")
    ] = False,
    default_pa_v3: Annotated[
        float, typer.Option("--default-pa-v3", metavar="DEGREES", help="Position angle then.")
    ] = 0.0,
    prime: Annotated[
        list[Path] | None,
        typer.Option("--prime", metavar="FILE", help="Take V1 of this exposure of the prime visit; repeatable."),
    ] = None,
    tmeasure: Annotated[
        bool, typer.Option("--tmeasure", help="Compute TMEASURE of the readout where it is missing.")
    ] = False,
    any_file: Annotated[
        bool, typer.Option("--allow-any-file", help="Any product, not only raw ones and rates.")
    ] = False,
    unnamed: Annotated[
        bool, typer.Option("--force-level1bmodel", help="Take a file without DATAMODL as a raw exposure.")
    ] = False,
    save_transforms: Annotated[
        bool, typer.Option("--save-transforms", help="Write the matrices to STEM_transforms.asdf.")
    ] = False,
    override: Override = None,
    no_transpose: Annotated[
        bool,
        typer.Option("--transpose-j2fgs", "--transpose_j2fgs", help="Do not transpose telemetry's matrix of guider 1."),
    ] = False,
    dry_run: DryRun = False,
    output_dir: OutputDir = None,
    verbose: Annotated[bool, typer.Option("-v", "--verbose", help="Tell where each exposure looked.")] = False,
):
    """Set the keywords of pointing from telemetry: V1, reference point, roll, S_REGION, WCS of images.

    Telemetry is a service, a folder with one file a mnemonic as the service or MAST writes it, or a table:
    lines of mnemonic,time,value under a line that says so. Each file is changed whole or not at all.
    """
    from jwpipe.pointing.exposure import ExposureFile
    from jwpipe.pointing.matrices import write_matrices
    from jwpipe.pointing.setting import Options, describe, method_named, set_pointing
    from jwpipe.products.fitsfile import Stage

    options = Options(
        source=_source(source, token),
        siaf=siaf,
        prd=prd,
        method=method_named(method),
        fgsid=fgsid,
        tolerance=tolerance,
        allow_default=allow_default,
        default_pa_v3=default_pa_v3,
        transpose=not no_transpose,
        override=_matrices(override),
        primes=tuple(ExposureFile(path) for path in prime or ()),
        measurement_time=tmeasure,
    )

    def work(file):
        exposure = ExposureFile(file)
        exposure.check_kind(any_file, unnamed)
        outcome = set_pointing(exposure, options)
        if not dry_run:
            target = _target(file, output_dir)
            with Stage() as stage:
                if save_transforms and outcome.matrices:
                    write_matrices(target.with_name(f"{target.stem}_transforms.asdf"), outcome.matrices, stage)
                exposure.save(None if output_dir is None else target, stage)
        if verbose:
            for line in describe(exposure):
                typer.echo(f"{file}: {line}")
        return outcome.warnings

    _one_by_one(files, work)


@app.command("telemetry")
def telemetry(
    files: Files,
    output: Annotated[Path, typer.Option("-o", "--output", metavar="FILE", help="Table to write.", show_default=False)],
    source: Telemetry = None,
    token: Token = None,
    margin: Annotated[
        float, typer.Option("--margin", metavar="SECONDS", min=0, help="How much before and after is kept too.")
    ] = 60.0,
):
    """Keep what telemetry says of exposures in a table, for `--telemetry` where there is no network."""
    from jwpipe.pointing.record import record_telemetry
    from jwpipe.report.plain import write_whole

    text = record_telemetry(files, _source(source, token)(), margin)
    write_whole(output, text.encode())
    typer.echo(f"wrote {output}: {text.count(chr(10)) - 1} values")


@app.command("v1")
def v1(
    sources: Annotated[
        list[str], typer.Argument(metavar="FILE...|START END", help="Exposures, or two times.", show_default=False)
    ],
    source: Telemetry = None,
    token: Token = None,
    siaf: SiafFolder = None,
    pointing: Annotated[str, typer.Option("--pointing", help="average, first, or all.")] = "average",
    method: Annotated[str, typer.Option("--method", help="coarse or track; ops is coarse here.")] = "ops",
    tolerance: Tolerance = 60.0,
    override: Override = None,
    output: Output = None,
):
    """Tell where V1 pointed during exposures or between two times, as a table (ECSV)."""
    from jwpipe.errors import UsageError, nearest
    from jwpipe.pointing.setting import method_named
    from jwpipe.pointing.telemetry import REDUCTIONS
    from jwpipe.pointing.v1 import v1_table

    if pointing not in REDUCTIONS:
        raise UsageError(f"there is no pointing {pointing!r}", nearest(pointing, REDUCTIONS) or ", ".join(REDUCTIONS))
    table = v1_table(
        sources, _source(source, token), method_named(method), pointing, _matrices(override), siaf, tolerance
    )
    _write_table(table, output)


@app.command("aberration")
def aberration(files: Files, dry_run: DryRun = False, output_dir: OutputDir = None):
    """Set VA_SCALE, VA_RA and VA_DEC: velocity aberration at the reference point."""
    from jwpipe.pointing.aberration import set_aberration

    _one_by_one(files, lambda file: _edit(file, set_aberration, output_dir, dry_run))


@app.command("moving-target")
def moving_target(files: Files, dry_run: DryRun = False, output_dir: OutputDir = None):
    """Set MT_RA, MT_DEC, TARG_RA and TARG_DEC by the table of a moving target's positions."""
    from jwpipe.errors import InputError
    from jwpipe.pointing.moving import set_moving_target

    def change(exposure):
        hindrance = set_moving_target(exposure)
        if hindrance:
            raise InputError(f"{exposure.path}: {hindrance}")

    _one_by_one(files, lambda file: _edit(file, change, output_dir, dry_run))


@app.command("summary")
def summary(
    files: Files,
    output: Output = None,
    extra: Annotated[
        list[str] | None,
        typer.Option("--extra-meta", metavar="KEYWORD", help="Tell this keyword too; repeatable."),
    ] = None,
):
    """Tell how far V1 and the reference point are from the target, as a table (ECSV)."""
    from jwpipe.pointing.summary import summary_table

    _write_table(summary_table(files, extra or ()), output)
