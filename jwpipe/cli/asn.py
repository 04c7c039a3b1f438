"""`jwpipe asn`: which exposures belong together."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    rich_markup_mode=None,
    add_completion=False,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
    help="Associations: make them of a pool or a list of files, show them, change them, bring their members together.",
    context_settings={"help_option_names": ["-h", "--help"]},
)

Association = Annotated[Path, typer.Argument(metavar="ASN", help="Association file.", show_default=False)]
Format = Annotated[str, typer.Option("--format", help="json or yaml.")]


def _words(values):
    """Values of an option that may be repeated, or hold several parted by commas or blanks."""
    return [word for value in values or () for word in value.replace(",", " ").split()]


def _warn(lines):
    for line in lines:
        typer.echo(f"jwpipe: {line}", err=True)


@app.command("generate")
def generate(
    pool_file: Annotated[Path, typer.Argument(metavar="POOL", help="Table of exposures.", show_default=False)],
    ids: Annotated[
        list[str] | None,
        typer.Option("-i", "--ids", metavar="ID...", help="Candidates to work on, parted by commas; repeatable."),
    ] = None,
    discover: Annotated[bool, typer.Option("--discover", help="Only what no candidate asks for.")] = False,
    all_candidates: Annotated[bool, typer.Option("--all-candidates", help="Only what candidates ask for.")] = False,
    path: Annotated[Path, typer.Option("-p", "--path", help="Folder for the associations.")] = Path(),
    merge: Annotated[
        bool, typer.Option("--merge", help="Join level 2 associations of one type and candidate.")
    ] = False,
    version_id: Annotated[
        str | None, typer.Option("--version-id", metavar="TAG", help="Tag in the names; `now` for the time.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Write nothing, list the names.")] = False,
    save_orphans: Annotated[
        Path | None, typer.Option("--save-orphans", metavar="FILE", help="Write exposures left over to a pool.")
    ] = None,
    file_format: Format = "json",
    delimiter: Annotated[str, typer.Option("-d", "--delimiter", help="What parts the pool's columns.")] = "|",
    pool_format: Annotated[str, typer.Option("--pool-format", help="Or any format of astropy's tables.")] = "ascii",
    no_finalize: Annotated[
        bool, typer.Option("--no-finalize", help="Neither split nods nor remove duplicates.")
    ] = False,
    per_pool: Annotated[
        bool, typer.Option("--per-pool-algorithm", help="Match all candidates at once, as before build 10.2.")
    ] = False,
    dms: Annotated[bool, typer.Option("--DMS", help="Accepted; changes nothing.")] = False,
    verbose: Annotated[bool, typer.Option("-v", "--verbose", help="Describe each association.")] = False,
    debug: Annotated[bool, typer.Option("-D", "--debug", help="Keep duplicates, named dupNNNNN_NAME.")] = False,
    rules: Annotated[list[str] | None, typer.Option("-r", "--rules", hidden=True)] = None,
    ignore_default: Annotated[bool, typer.Option("--ignore-default", hidden=True)] = False,
    no_merge: Annotated[bool, typer.Option("--no-merge", hidden=True)] = False,
):
    """Make all associations of a pool.

    By default those that its candidates ask for and those that no candidate asks for.
    """
    from jwpipe.asn.document import FORMATS, dump, summary, write_text
    from jwpipe.asn.generate import generate as generate_associations
    from jwpipe.asn.generate import timestamp
    from jwpipe.asn.pool import read_pool, write_pool
    from jwpipe.errors import OutputError, UsageError, nearest

    if rules or ignore_default:
        raise UsageError(
            "rule files are programs, and jwpipe runs no programs of others",
            "its own rules are declared in jwpipe/asn/level2.py and level3.py",
        )
    if (ids is not None) + discover + all_candidates > 1:
        raise UsageError("--ids, --discover and --all-candidates exclude each other")
    if file_format not in FORMATS:
        raise UsageError(
            f"there is no association format {file_format!r}", nearest(file_format, FORMATS) or "json or yaml"
        )
    if not dry_run and not path.is_dir():
        raise OutputError(f"there is no folder {path}", "make it first")
    if no_merge:
        _warn(["--no-merge is what happens anyway; --merge is the choice"])
    pool = read_pool(pool_file, delimiter, pool_format)
    outcome = generate_associations(
        pool,
        ids=_words(ids) if ids is not None else None,
        discover=discover,
        all_candidates=all_candidates,
        merge=merge,
        version_id=timestamp() if version_id == "now" else version_id,
        finalize=not no_finalize,
        keep_duplicates=debug,
        per_pool=per_pool,
    )
    _warn(outcome.warnings)
    for asn in outcome.associations:
        name = f"{asn.name}.{file_format}"
        document = asn.as_dict()
        if not dry_run:
            write_text(path / name, dump(document, file_format))
        if verbose:
            typer.echo("\n    ".join([name, *summary(document)]))
        elif dry_run:
            typer.echo(name)
    if save_orphans is not None and not dry_run:
        write_pool(path / save_orphans, [item.values for item in outcome.orphans], pool.columns)
    if not dry_run:
        levels = [asn.rule.level for asn in outcome.associations]
        typer.echo(
            f"wrote {len(levels)} associations ({levels.count(2)} level 2, {levels.count(3)} level 3);"
            f" {len(outcome.orphans)} exposures are in none"
        )


@app.command("from-list")
def from_list(
    files: Annotated[list[str], typer.Argument(metavar="FILE...", help="Members.", show_default=False)],
    output: Annotated[Path, typer.Option("-o", "--output-file", help="Association to write.", show_default=False)],
    product_name: Annotated[str | None, typer.Option("--product-name", help="Name of the level 3 product.")] = None,
    rule: Annotated[
        str, typer.Option("-r", "--rule", help="DMS_Level3_Base, DMSLevel2bBase, or a rule's name.")
    ] = "DMS_Level3_Base",
    acid: Annotated[str, typer.Option("-i", "--id", help="Candidate of a level 2 association.")] = "o999",
    file_format: Annotated[
        str | None, typer.Option("-f", "--format", help="json or yaml.", show_default="by the name")
    ] = None,
    ruledefs: Annotated[list[str] | None, typer.Option("--ruledefs", hidden=True)] = None,
):
    """Make an association of a list of files, all science."""
    from jwpipe.asn.document import write_association
    from jwpipe.asn.tools import from_list as association_from_list
    from jwpipe.errors import UsageError

    if ruledefs:
        raise UsageError("rule files are programs, and jwpipe runs no programs of others", "name a rule of its own")
    write_association(output, association_from_list(files, rule, product_name, acid), file_format)
    typer.echo(f"wrote {output}")


@app.command("gather")
def gather(
    association: Association,
    destination: Annotated[Path, typer.Argument(metavar="DEST", help="Folder.", show_default=False)] = Path(),
    source: Annotated[
        Path | None,
        typer.Option("-s", "--source", help="Where the members are.", show_default="beside the association"),
    ] = None,
    types: Annotated[list[str] | None, typer.Option("-t", "--exp-types", help="Only members of this type.")] = None,
    exclude: Annotated[list[str] | None, typer.Option("-x", "--exclude-types", help="No members of this type.")] = None,
    command: Annotated[
        str | None, typer.Option("-c", "--cmd", help="Command that copies a file.", show_default="copy by itself")
    ] = None,
):
    """Copy an association and its members into one folder."""
    from jwpipe.asn.tools import gather as gather_members

    target = gather_members(association, destination, source, _words(types), _words(exclude), command)
    typer.echo(f"wrote {target}")


@app.command("show")
def show(
    files: Annotated[list[Path], typer.Argument(metavar="ASN...", help="Association files.", show_default=False)],
    members: Annotated[bool, typer.Option("--members/--no-members", help="List the members.")] = True,
):
    """Describe associations: type, products, members."""
    from jwpipe.asn.document import read_association, summary

    for file in files:
        typer.echo("\n    ".join([str(file), *summary(read_association(file), members)]))


@app.command("make-pool")
def make_pool(
    pool_file: Annotated[Path, typer.Argument(metavar="POOL", help="Pool to write.", show_default=False)],
    data: Annotated[
        list[Path], typer.Argument(metavar="DATA...", help="Exposures, or folders of them.", show_default=False)
    ],
    asn_candidate: Annotated[
        str | None,
        typer.Option("--asn-candidate", metavar="LIST", help="Further candidates, as \"[('c1000', 'background')]\"."),
    ] = None,
    dms_note: Annotated[str, typer.Option("--dms-note", help="Note on the quality of the data.")] = "",
    is_imprt: Annotated[str, typer.Option("--is-imprt", help="t: the exposures are imprints.")] = "f",
    pntgtype: Annotated[str, typer.Option("--pntgtype", help="What the pointing is for.")] = "science",
):
    """Make a pool of the headers of exposures."""
    from jwpipe.asn.makepool import exposures_in
    from jwpipe.asn.makepool import make_pool as pool_of
    from jwpipe.asn.pool import write_pool

    rows = pool_of(exposures_in(data), asn_candidate, dms_note, is_imprt, pntgtype)
    write_pool(pool_file, rows)
    typer.echo(f"wrote {pool_file}: {len(rows)} exposures")


@app.command("edit")
def edit(
    association: Association,
    files: Annotated[list[str], typer.Argument(metavar="FILE...", help="Members.", show_default=False)],
    add: Annotated[bool, typer.Option("-a", "--add", help="Add the files to every product.")] = False,
    remove: Annotated[bool, typer.Option("-r", "--remove", help="Remove the files.")] = False,
    exptype: Annotated[str, typer.Option("-t", "--type", help="What added files are there for.")] = "science",
    ignore: Annotated[bool, typer.Option("-i", "--ignore", help="Ignore suffixes when removing.")] = False,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Association to write.", show_default="in place")
    ] = None,
):
    """Add members to an association, or remove them."""
    from jwpipe.asn.document import read_association, write_association
    from jwpipe.asn.tools import add_members, remove_members
    from jwpipe.errors import UsageError

    if add == remove:
        raise UsageError("say either --add or --remove")
    document = read_association(association)
    if add:
        add_members(document, files, exptype)
    else:
        _warn(f"{file} is not in {association}" for file in remove_members(document, files, ignore))
    write_association(output or association, document)
    typer.echo(f"wrote {output or association}")
