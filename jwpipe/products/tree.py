"""The ASDF extension of a product: what has no home in FITS keywords and arrays.

Products of the JWST pipeline end with a one-row table that holds an ASDF tree. Readers let keywords and extensions
override it, so for a product without coordinates the tree is little more than the type of the product. The tree is
edited here as a graph of tagged YAML nodes: whatever the input's tree holds, known or not, goes through unchanged, and
reading it costs no `asdf` import.
"""

import re
import struct

import yaml

from jwpipe.products.fitsfile import RawBlock

__all__ = [
    "EXTENSION",
    "LOADER",
    "PREAMBLE",
    "empty_tree",
    "get_wcs",
    "put_wcs",
    "read_tree",
    "serialised",
    "tree_block",
    "walk_blocks",
]

EXTENSION = "ASDF"
PREAMBLE = b"#ASDF 1.0.0\n#ASDF_STANDARD 1.5.0\n%YAML 1.1\n%TAG ! tag:stsci.edu:asdf/\n--- "
# Readers know the tags of that version of the standard alone that a file names: a tree keeps the one that it came with,
# if it is newer, and what is put into it is called as there.
STATED = re.compile(rb"#ASDF_STANDARD ([0-9]+)\.([0-9]+)\.([0-9]+)")
NEWER = b"1.6.0"
OLD_TAGS, NEW_TAGS = ("!core/ndarray-1.0.0", "!core/integer-1.0.0"), ("!core/ndarray-1.1.0", "!core/integer-1.1.0")
ROOT_TAG = "tag:stsci.edu:asdf/core/asdf-1.1.0"
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # PyYAML may have been built without libyaml
BLOCK, BLOCK_HEADER = b"\xd3BLK", 54  # what a binary block begins with, and the bytes before its content
TEXT, MAPPING = "tag:yaml.org,2002:str", "tag:yaml.org,2002:map"


def empty_tree():
    """Return the tree of a product that came without one."""
    return yaml.MappingNode(ROOT_TAG, []), b""


def read_tree(block):
    """Read the tree of an ASDF extension.

    Parameters
    ----------
    block : RawBlock
        The extension as read.

    Returns
    -------
    root : yaml.MappingNode
        The tree, without its references to FITS extensions: those are made anew by whoever reads the product. It has
        ``standard``, the version of the ASDF standard, where that is newer than the one that is written here.
    blocks : bytes
        Binary blocks behind the tree, as they were.
    """
    end = block.data.find(b"\n...")
    if end < 0:
        return empty_tree()
    blocks = block.data[end + 5 :].lstrip(b"\r\n")
    root = yaml.compose(block.data[:end].decode("utf-8"), LOADER)
    if not isinstance(root, yaml.MappingNode):
        return empty_tree()
    stated = STATED.search(block.data[:end])
    if stated and tuple(map(int, stated.groups())) >= tuple(map(int, NEWER.split(b"."))):
        root.standard = b".".join(stated.groups())
    root.value = [(key, value) for key, value in root.value if key.value != "_fits_hash" and not _refers_to_fits(value)]
    # An index may follow, of places that are no longer right once the tree has changed.
    return root, blocks[: max((end for *_, end in walk_blocks(blocks)), default=0)]


def walk_blocks(content):
    """Go through the binary blocks behind a tree.

    Parameters
    ----------
    content : bytes
        They begin it.

    Yields
    ------
    compression : bytes
        How the content is compressed.
    start, stop, end : int
        Where it begins and ends, and where the block does.
    """
    end = 0
    while content.startswith(BLOCK, end) and end + BLOCK_HEADER <= len(content):
        (size,) = struct.unpack_from(">H", content, end + 4)
        compression, allocated, used = struct.unpack_from(">4sQQ", content, end + 10)
        start = end + 6 + size
        end = start + allocated
        yield compression, start, start + used, end


def _refers_to_fits(node):
    """Whether a node is an array or table that stands in an extension of the file."""
    if isinstance(node, yaml.MappingNode):
        return any(
            key.value == "source" and isinstance(value, yaml.ScalarNode) and str(value.value).startswith("fits:")
            for key, value in node.value
        ) or (bool(node.value) and all(_refers_to_fits(value) for _, value in node.value))
    return isinstance(node, yaml.SequenceNode) and bool(node.value) and all(map(_refers_to_fits, node.value))


def tree_block(root, blocks, meta):
    """Make the ASDF extension of a product.

    Parameters
    ----------
    root, blocks : yaml.MappingNode, bytes
        As `read_tree` gives them.
    meta : mapping of str to str
        Entries of ``meta`` to set.

    Returns
    -------
    RawBlock
    """
    node = _child(root, "meta")
    for name, value in meta.items():
        node.value = [pair for pair in node.value if pair[0].value != name]
        node.value.append((_text(name), _text(value)))
    return RawBlock(EXTENSION, *_table_of_one(serialised(root) + blocks))


def serialised(root):
    """A tree as an ASDF file has it, without binary blocks."""
    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    text = yaml.serialize(root, Dumper=dumper, tags={"!": "tag:stsci.edu:asdf/"}, explicit_start=True)
    text = text[text.index("--- ") + 4 :]
    standard = getattr(root, "standard", NEWER if NEW_TAGS[0] in text else None)
    if standard is None:
        return PREAMBLE + text.encode("utf-8") + b"...\n"
    for old, new in zip(OLD_TAGS, NEW_TAGS, strict=True):
        text = text.replace(old, new)
    return STATED.sub(b"#ASDF_STANDARD " + standard, PREAMBLE) + text.encode("utf-8") + b"...\n"


def get_wcs(root):
    """Node of the gwcs object in a tree, or None."""
    for key, value in root.value:
        if key.value == "meta" and isinstance(value, yaml.MappingNode):
            for name, node in value.value:
                if name.value == "wcs" and isinstance(node, yaml.MappingNode):
                    return node
    return None


def put_wcs(root, blocks, wcs):
    """Put a gwcs object in the place of the one that a tree has.

    Parameters
    ----------
    root, blocks : yaml.MappingNode, bytes
        As `read_tree` gives them; the tree is changed.
    wcs : yaml.MappingNode or None
        The object, with its arrays written out; None: the tree is to have none.

    Returns
    -------
    bytes
        The blocks, if the tree still has use for any.
    """
    node = _child(root, "meta")
    node.value = [pair for pair in node.value if pair[0].value not in ("wcs", "wcsinfo")]
    if wcs is not None:
        node.value.append((_text("wcs"), wcs))
    return blocks if _uses_blocks(root) else b""


def _uses_blocks(node):
    """Whether arrays of a tree are in binary blocks."""
    if isinstance(node, yaml.MappingNode):
        if "core/ndarray-" in node.tag and any(key.value == "source" for key, _ in node.value):
            return True
        return any(_uses_blocks(value) for _, value in node.value)
    return isinstance(node, yaml.SequenceNode) and any(map(_uses_blocks, node.value))


def _table_of_one(body):
    """Header, its bytes, and data of a table of one row and one column of bytes."""
    from astropy.io.fits import Header

    header = Header()
    for keyword, value in {
        "XTENSION": "BINTABLE",
        "BITPIX": 8,
        "NAXIS": 2,
        "NAXIS1": len(body),
        "NAXIS2": 1,
        "PCOUNT": 0,
        "GCOUNT": 1,
        "TFIELDS": 1,
        "TTYPE1": "ASDF_METADATA",
        "TFORM1": f"{len(body)}B",
        "EXTNAME": EXTENSION,
    }.items():
        header[keyword] = value
    return header, header.tostring().encode("ascii"), body


def _text(value):
    return yaml.ScalarNode(TEXT, value)


def _child(root, name):
    for key, value in root.value:
        if key.value == name and isinstance(value, yaml.MappingNode):
            return value
    value = yaml.MappingNode(MAPPING, [])
    root.value.append((_text(name), value))
    return value
