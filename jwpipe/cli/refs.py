"""`jwpipe refs`: which reference files an exposure takes, and the cache that they are in."""

from pathlib import Path
from typing import Annotated

import typer

from jwpipe.errors import ExitStatus, InputError, UsageError, nearest

app = typer.Typer(
    rich_markup_mode=None,
    add_completion=False,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Reference files: which ones an exposure takes, and the cache that they are in.",
)

Files = Annotated[list[str], typer.Argument(metavar="FILE...", help="FITS files.", show_default=False)]
Context = Annotated[
    str | None,
    typer.Option(
        "--context", metavar="NAME", help="Rules to follow: jwst_NNNN.pmap, jwst-operational, jwst-2024-06-01."
    ),
]
Types = Annotated[list[str] | None, typer.Option("--type", metavar="TYPE", help="Only this type (repeatable).")]


@app.command()
def which(
    files: Files,
    context: Context = None,
    types: Types = None,
    as_json: Annotated[bool, typer.Option("--json", help="As {file: {type: name, N/A or null}}.")] = False,
):
    """Say which files exposures take. Nothing is fetched but rules."""
    from jwpipe.refs import ReferenceFinder

    finder = ReferenceFinder(context)
    chosen = {file: _chosen(finder, file, types) for file in files}
    if as_json:
        import json

        names = {f: {r.reftype: r.name for r in found if not r.omitted} for f, found in chosen.items()}
        typer.echo(json.dumps(names, indent=1))
        return
    for file, found in chosen.items():
        typer.echo(f"{file}  ({finder.context})")
        width = max(len(r.reftype) for r in found) + 2
        for r in found:
            typer.echo(f"  {r.reftype:<{width}}{r.name or f'no match: {r.reason}'}{_place(finder, r)}")


@app.command()
def fetch(
    files: Annotated[
        list[str] | None,
        typer.Argument(metavar="[FILE...]", help="FITS files, or names of reference or rules files."),
    ] = None,
    context: Context = None,
    types: Types = None,
):
    """Fetch files into the cache. With --context alone, all rules of a context."""
    from jwpipe.refs import ReferenceFinder

    if not files and context is None:
        raise UsageError("nothing to fetch", "give FITS files, names of reference files, or --context NAME")
    with _Progress() as progress:
        finder = ReferenceFinder(context, progress=progress)
        present = set(finder.cache.rules() + finder.cache.files())
        wanted = set()
        if not files:
            wanted.update(finder.rules_files(refresh=True))
        for file in files or ():
            wanted.update(_fetched(finder, file, types))
    paths = {finder.cache.path(name) for name in wanted}
    typer.echo(f"files in {finder.cache.root}: {len(paths)}, of them new: {len(paths - present)}")


@app.command("list")
def list_cache():
    """List what the cache holds. Contexts with their rules, and reference files."""
    from jwpipe.cli.console import size_text
    from jwpipe.errors import JwpipeError
    from jwpipe.refs import ReferenceFinder

    finder = ReferenceFinder()
    cache, server = finder.cache, finder.server
    typer.echo(f"cache     {cache.root}{'' if cache.root.is_dir() else ' (not there)'}")
    typer.echo(f"server    {'none' if server.offline else server.url}")
    try:
        typer.echo(f"context   {finder.context}")
    except JwpipeError as problem:
        typer.echo(f"context   unknown: {problem.args[0]}")
    held = {path.name for path in cache.rules()}
    typer.echo(f"rules     {len(held)} files")
    for name in sorted(name for name in held if name.endswith(".pmap")):
        typer.echo(f"  {name}  {_completeness(name, held)}")
    references = cache.files()
    typer.echo(f"files     {len(references)}, {size_text(sum(path.stat().st_size for path in references))}")
    for path in references:
        typer.echo(f"  {path.name}  {size_text(path.stat().st_size)}")


@app.command()
def verify():
    """Check all files in the cache. Damaged and half files are named (status 1)."""
    from jwpipe.refs import ReferenceFinder
    from jwpipe.refs.verify import verify as findings

    finder = ReferenceFinder()
    number = unchecked = damaged = 0
    for finding in findings(finder.cache, finder.server):
        number += 1
        unchecked += not finding.checked and not finding.problem
        if finding.problem:
            damaged += 1
            typer.echo(f"{finding.path}: {finding.problem}")
    known = f", {unchecked} with no checksum to hold them against" if unchecked else ""
    typer.echo(f"{number} files in {finder.cache.root}: {damaged} damaged{known}")
    if damaged:
        typer.echo("jwpipe refs fetch NAME gets a damaged file anew")
        raise typer.Exit(ExitStatus.STEP_FAILED)


def _header(file):
    """Read the keywords that rules may select on from a primary header."""
    import warnings

    from astropy.io import fits

    from jwpipe.refs.parkeys import KEYWORD_PATHS

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            header = fits.getheader(file)
            return {keyword: header[keyword] for keyword in KEYWORD_PATHS if keyword in header}
    except (OSError, ValueError, TypeError, IndexError, KeyError, fits.VerifyError) as exc:
        if isinstance(exc, OSError) and exc.strerror:
            raise InputError(f"{file}: {exc.strerror}") from None
        raise InputError(f"{file} is not a readable FITS file") from None


def _chosen(finder, file, types):
    header = _header(file)
    try:
        known = finder.types(str(header.get("INSTRUME", "")).strip()) if types and "INSTRUME" in header else ()
        for reftype in types or ():
            if known and reftype.lower() not in known and not reftype.lower().startswith("pars-"):
                raise UsageError(f"{finder.context} has no type {reftype!r}", nearest(reftype, known))
        return list(finder.best(header, types or None).values())
    except InputError as problem:
        raise InputError(f"{file}: {problem.args[0]}", problem.advice) from None


def _place(finder, resolved):
    if not resolved.applicable:
        return ""
    return "" if finder.cache.path(resolved.name).exists() else "  (not in the cache)"


def _fetched(finder, file, types):
    """Fetch what one argument stands for, and give the names of the files."""
    from jwpipe.refs import ReferenceFinder

    if not Path(file).exists() and file.startswith("jwst_") and "/" not in file:
        if file.endswith(".pmap"):
            return ReferenceFinder(file, progress=finder.progress).rules_files(refresh=True)
        finder.refresh(file)
        return [file]
    found = [r for r in _chosen(finder, file, types) if r.applicable]
    for resolved in found:
        resolved.path  # noqa: B018 - finds the file, or fetches it
    return [resolved.name for resolved in found]


def _completeness(context, held):
    from jwpipe.errors import JwpipeError
    from jwpipe.refs import ReferenceFinder

    try:
        names = ReferenceFinder(context, server="serverless").rules_files()
    except JwpipeError as problem:
        return f"not complete: {problem.args[0]}"
    missing = sum(name not in held for name in names)
    return f"{len(names)} rules, {missing} of them missing" if missing else f"{len(names)} rules, all here"


class _Progress:
    """Shows downloads: bars on a terminal, a line a file elsewhere; nothing where nothing is downloaded."""

    def __init__(self):
        self._bars, self._tasks = None, {}

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        if self._bars:
            self._bars.stop()

    def __call__(self, name, done, total):
        import sys

        if not sys.stderr.isatty():
            if done == total:
                typer.echo(f"fetched {name}")
            return
        if self._bars is None:
            from rich.console import Console
            from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

            columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
            self._bars = Progress(*columns, console=Console(stderr=True), transient=True)
            self._bars.start()
        if name not in self._tasks:
            self._tasks[name] = self._bars.add_task(name, total=total)
        self._bars.update(self._tasks[name], completed=done)
        if done == total:
            self._bars.remove_task(self._tasks.pop(name))
