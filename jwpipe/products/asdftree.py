"""What an ASDF tree holds, read without `asdf`, whose import takes a second: members, plain values, arrays, tables.

A tree is a graph of YAML nodes, as `jwpipe.products.tree` gives it. What a node cannot give raises one of `PROBLEMS`;
whoever knows which file it is of says so.
"""

import bz2
import struct
import zlib
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import yaml

from jwpipe.products.tree import read_tree, walk_blocks

__all__ = ["PROBLEMS", "array", "member", "plain", "read_file", "split_blocks", "table"]

PROBLEMS = (
    AttributeError,
    IndexError,
    KeyError,
    RecursionError,
    TypeError,
    ValueError,
    UnicodeDecodeError,
    struct.error,
    zlib.error,
    yaml.YAMLError,
)

UNPACK = {b"\0\0\0\0": bytes, b"zlib": zlib.decompress, b"bzp2": bz2.decompress}
WIDTH = {"ucs4": "U", "ascii": "S"}


def read_file(path):
    """Read an ASDF file.

    Parameters
    ----------
    path : path-like
        The file.

    Returns
    -------
    root : yaml.MappingNode
        The tree.
    blocks : list of bytes
        Its binary blocks.

    Raises
    ------
    OSError
        The file cannot be read.
    """
    root, blocks = read_tree(SimpleNamespace(data=Path(path).read_bytes()))
    return root, list(split_blocks(blocks))


def split_blocks(content):
    """Binary blocks behind a tree, in order."""
    for compression, start, stop, _ in walk_blocks(content):
        yield UNPACK[compression](content[start:stop])


def member(node, name):
    """A member of a mapping; KeyError where it has none of the name."""
    for key, value in node.value:
        if key.value == name:
            return value
    raise KeyError(name)


def plain(node):
    """What a node says in the types that YAML itself has."""
    return yaml.SafeLoader("").construct_document(_untagged(node))


def _untagged(node):
    if isinstance(node, yaml.SequenceNode):
        return yaml.SequenceNode("tag:yaml.org,2002:seq", [_untagged(one) for one in node.value])
    if isinstance(node, yaml.MappingNode):
        pairs = [(key, _untagged(value)) for key, value in node.value]
        return yaml.MappingNode("tag:yaml.org,2002:map", pairs)
    return node


def array(node, blocks):
    """An array of a tree: written out, or in a binary block."""
    if isinstance(node, yaml.SequenceNode):
        return np.array(plain(node))
    entries = {key.value: value for key, value in node.value}
    if "source" not in entries:
        return np.array(plain(entries["data"]))
    kind, order = plain(entries["datatype"]), entries["byteorder"].value
    dtype = np.dtype(f"{WIDTH[kind[0]]}{kind[1]}" if isinstance(kind, list) else kind)
    dtype = dtype.newbyteorder("<" if order == "little" else ">")
    shape, start = plain(entries["shape"]), int(entries["offset"].value) if "offset" in entries else 0
    block = blocks[int(entries["source"].value)]
    if "strides" in entries:
        return np.ndarray(shape, dtype, block, start, plain(entries["strides"]))
    return np.frombuffer(block, dtype, int(np.prod(shape)), start).reshape(shape)


def table(node, blocks):
    """Columns of a table, by name in lower case."""
    found = {}
    for column in member(node, "columns").value:
        found[member(column, "name").value.lower()] = array(member(column, "data"), blocks)
    return found
