"""Associations by hand: made of a list of files, changed, or brought together with their members."""

import shlex
import shutil
import subprocess
from pathlib import Path
from types import SimpleNamespace

from jwpipe import __version__
from jwpipe.asn import level2, level3
from jwpipe.asn.association import DEGRADED, DISCOVERED, stem
from jwpipe.asn.document import check_association, dump, format_of, read_association, write_text
from jwpipe.asn.exposures import exposure_root
from jwpipe.errors import InputError, OutputError, UsageError, nearest

__all__ = ["add_members", "from_list", "gather", "remove_members"]

_RULES = {rule.name: rule for rule in (*level2.RULES, *level3.RULES)}
BASE_RULES = {"DMSLevel2bBase": 2, "DMS_Level3_Base": 3}
"""Rules that ask for nothing but science, by name, with their level."""


def from_list(items, rule="DMS_Level3_Base", product_name=None, acid="o999"):
    """Make an association of files.

    Parameters
    ----------
    items : list of str or of tuple
        File names, or pairs of file name and member type; science by default.
    rule : str
        ``DMS_Level3_Base``: one product of all files; ``DMSLevel2bBase``: one product a file, named after it. A rule of
        `generate` is recorded by name and must find the members it cannot do without; no other of its conditions is
        tested.
    product_name : str, optional
        Name of the product; level 3 cannot do without.
    acid : str
        Candidate of a level 2 association: ``oNNN``, an observation, or ``cNNNN``, a background.

    Returns
    -------
    dict
        The association.

    Raises
    ------
    UsageError
        If there is no such rule or candidate, or a product name is missing.
    InputError
        If the rule does not allow an association of these members.
    """
    if rule not in _RULES and rule not in BASE_RULES:
        raise UsageError(f"there is no rule {rule!r}", nearest(rule, [*BASE_RULES, *_RULES]))
    level = BASE_RULES.get(rule) or _RULES[rule].level
    pairs = [item if isinstance(item, tuple) else (item, "science") for item in items]
    if level == 3:
        if not product_name:
            raise UsageError("a level 3 association needs a product name", "give --product-name")
        products, candidate = [(product_name, pairs)], DISCOVERED
    else:
        if acid[:1] not in ("o", "c"):
            raise UsageError(f"{acid!r} is no candidate", "oNNN for an observation, cNNNN for a background")
        products = [(stem(name) if kind == "science" else "undefined", [(name, kind)]) for name, kind in pairs]
        candidate = (acid, "observation" if acid.startswith("o") else "background")
    _test_members(rule, level, products, candidate)
    document = {
        "asn_type": "None",  # the text, as in all associations made this way
        "asn_rule": rule,
        "version_id": None,
        "code_version": __version__,
        "degraded_status": DEGRADED[False],
        "program": "noprogram",
        "constraints": "No constraints",
        "asn_id": DISCOVERED[0],
    }
    if level == 3:
        document["target"] = "none"
    document["asn_pool"] = "none"
    document["products"] = [
        {"name": name, "members": [{"expname": expname, "exptype": exptype} for expname, exptype in members]}
        for name, members in products
    ]
    return document


def _test_members(rule, level, products, acid):
    """Apply the tests of a rule to members that come one by one."""
    tests = _RULES[rule].tests if rule in _RULES else level2.TESTS if level == 2 else level3.TESTS
    passed = set()
    for _, members in products:
        asn = SimpleNamespace(acid=acid, members=[])
        for expname, exptype in members:
            asn.members.append(SimpleNamespace(expname=expname, exptype=exptype))
            asn.has_science = any(m.exptype == "science" for m in asn.members)
            passed |= {test for test in tests if test(asn)}
    lacking = [test.__name__.strip("_").replace("_", " ") for test in tests if test not in passed]
    if lacking:
        raise InputError(f"rule {rule} does not allow an association of these files: {', '.join(lacking)} not met")


def add_members(document, files, exptype="science"):
    """Add files to every product of an association, in place.

    Parameters
    ----------
    document : dict
        The association.
    files : list of str
        Files; their base names are recorded.
    exptype : str
        What they are there for.
    """
    for file in files:
        for product in document["products"]:
            product["members"].append({"expname": Path(file).name, "exptype": exptype})


def remove_members(document, files, ignore_suffix=False):
    """Remove files from an association, in place; a product without members goes too.

    Parameters
    ----------
    document : dict
        The association.
    files : list of str
        Files, known by their base names.
    ignore_suffix : bool
        Whether files that differ in suffix or extension alone are the same.

    Returns
    -------
    list of str
        Files that the association does not have.
    """

    def key(name):
        return exposure_root(name) if ignore_suffix else Path(name).name

    absent = []
    for file in files:
        found = False
        for product in list(document["products"]):
            own = [m for m in product["members"] if key(m["expname"]) == key(file)]
            if own:
                found = True
                product["members"] = [m for m in product["members"] if key(m["expname"]) != key(file)]
                if not product["members"]:
                    document["products"].remove(product)
        if not found:
            absent.append(file)
    return absent


def gather(path, destination, source=None, types=None, exclude=(), command=None):
    """Copy an association and its members into one folder.

    Parameters
    ----------
    path : str or path-like
        The association.
    destination : str or path-like
        The folder, which must exist.
    source : str or path-like, optional
        Where the members are; by default beside the association.
    types : list of str, optional
        Only members of these types.
    exclude : list of str
        No members of these types.
    command : str, optional
        Command that copies one file, given the two names after its own arguments. By default files are copied within
        the program, those alone that are not at the destination already with the same size and time.

    Returns
    -------
    path-like
        The new association, whose members are the copies.

    Raises
    ------
    InputError
        If nothing is left to gather or a member does not exist.
    OutputError
        If a file cannot be copied.
    """
    path, destination = Path(path), Path(destination)
    source = Path(source) if source is not None else path.parent
    document = read_association(path)
    if not destination.is_dir():
        raise OutputError(f"there is no folder {destination}", "make it first")
    products = []
    for product in document["products"]:
        kept = [m for m in product["members"] if m["exptype"] not in exclude and (not types or m["exptype"] in types)]
        if kept:
            products.append({**product, "members": [{**m, "expname": Path(m["expname"]).name} for m in kept]})
            for member in kept:
                _copy(source / member["expname"], destination / Path(member["expname"]).name, command)
    if not products:
        raise InputError(f"{path} has no members of these types")
    document["products"] = products
    target = destination / path.name
    check_association(document, target)
    write_text(target, dump(document, format_of(path)))
    return target


def _copy(source, target, command):
    if not source.is_file():
        raise InputError(f"there is no file {source}", "name the folder of the members with --source")
    if command:
        done = subprocess.run(
            [*shlex.split(command), str(source), str(target)], capture_output=True, text=True, check=False
        )
        if done.returncode:
            told = (done.stderr.strip() or done.stdout.strip()).splitlines()
            raise OutputError(f"cannot copy {source}: {told[-1] if told else command}")
        return
    here = source.stat()
    if target.is_file():
        there = target.stat()
        if there.st_size == here.st_size and there.st_mtime_ns >= here.st_mtime_ns:
            return
    part = target.with_name(f".{target.name}.part")
    try:
        shutil.copy2(source, part)
        part.replace(target)
    except OSError as error:
        raise OutputError(f"cannot copy {source} to {target}: {error.strerror}") from error
    finally:
        part.unlink(missing_ok=True)
