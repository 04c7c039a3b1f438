"""Association files: reading, checking and writing them."""

import json
import os
from pathlib import Path

from jwpipe.errors import InputError, OutputError, UsageError, nearest

__all__ = ["FORMATS", "check_association", "dump", "read_association", "summary", "write_association", "write_text"]

FORMATS = ("json", "yaml")


def dump(document, file_format="json"):
    """Write an association as text.

    Parameters
    ----------
    document : dict
        The association.
    file_format : str
        ``json`` or ``yaml``.

    Returns
    -------
    str

    Raises
    ------
    UsageError
        If there is no such format.
    """
    if file_format == "json":
        return json.dumps(document, indent=4, separators=(",", ": "))
    if file_format == "yaml":
        import yaml

        return yaml.safe_dump(document, default_flow_style=False)
    raise UsageError(f"there is no association format {file_format!r}", nearest(file_format, FORMATS) or "json or yaml")


def format_of(path):
    """Tell the format of an association file by its name.

    Parameters
    ----------
    path : str or path-like

    Returns
    -------
    str
        ``yaml`` for ``.yaml`` and ``.yml``, otherwise ``json``.
    """
    return "yaml" if Path(path).suffix.lower() in (".yaml", ".yml") else "json"


def read_association(path):
    """Read an association file.

    Parameters
    ----------
    path : str or path-like
        JSON or YAML, whatever its name.

    Returns
    -------
    dict
        The association.

    Raises
    ------
    InputError
        If it cannot be read, or is no association.
    """
    try:
        text = Path(path).read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot read association {path}: {getattr(error, 'strerror', None) or error}") from error
    try:
        document = json.loads(text)
    except ValueError as not_json:
        import yaml

        try:
            document = yaml.safe_load(text)
        except yaml.YAMLError:
            raise InputError(f"{path} is neither JSON nor YAML: {not_json}") from not_json
    check_association(document, path)
    return document


def check_association(document, path="association"):
    """Check that a document has what every association has.

    Parameters
    ----------
    document : object
        What was read.
    path : str or path-like
        What to call it in messages.

    Raises
    ------
    InputError
        If it is no mapping with a list ``products``, each with a list ``members``, each with ``expname`` and
        ``exptype``, or if one of the texts that the format knows is no text.
    """

    def need(condition, problem):
        if not condition:
            raise InputError(f"{path} is no association: {problem}")

    need(isinstance(document, dict), "it is no mapping")
    need(isinstance(document.get("products"), list), "it has no list of products")
    for key in ("asn_type", "asn_rule", "asn_pool", "program"):
        need(isinstance(document.get(key, ""), str), f"{key} is no text")
    for number, product in enumerate(document["products"], 1):
        where = f"product {number}"
        need(isinstance(product, dict) and isinstance(product.get("members"), list), f"{where} has no list of members")
        need(isinstance(product.get("name", ""), str), f"the name of {where} is no text")
        for member in product["members"]:
            need(isinstance(member, dict), f"a member of {where} is no mapping")
            for key in ("expname", "exptype"):
                need(isinstance(member.get(key), str), f"a member of {where} has no {key}")


def write_association(path, document, file_format=None):
    """Write an association file, whole or not at all.

    Parameters
    ----------
    path : str or path-like
        The file.
    document : dict
        The association.
    file_format : str, optional
        ``json`` or ``yaml``; by default told by the file's name.
    """
    write_text(path, dump(document, file_format or format_of(path)))


def write_text(path, text):
    """Write a file under a temporary name beside it, then rename it.

    Parameters
    ----------
    path : str or path-like
        The file.
    text : str
        Its content.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    path = Path(path)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        part.write_text(text)
        part.replace(path)
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror}") from error
    finally:
        part.unlink(missing_ok=True)


def summary(document, members=True):
    """Describe an association in a few lines.

    Parameters
    ----------
    document : dict
        The association.
    members : bool
        Whether to list the members of each product.

    Returns
    -------
    list of str
    """
    facts = [("type", "asn_type"), ("rule", "asn_rule"), ("id", "asn_id"), ("program", "program"), ("pool", "asn_pool")]
    lines = ["  ".join(f"{label} {document[key]}" for label, key in facts if document.get(key))]
    if document.get("degraded_status", "").startswith("One"):
        lines.append("degraded: a member has an exposure error")
    for product in document["products"]:
        kinds = [m["exptype"] for m in product["members"]]
        counts = ", ".join(f"{kinds.count(kind)} {kind}" for kind in dict.fromkeys(kinds))
        lines.append(f"{product.get('name', 'unnamed')}: {counts or 'no members'}")
        if members:
            lines += [f"    {m['exptype']:<20} {m['expname']}" for m in product["members"]]
    return lines
