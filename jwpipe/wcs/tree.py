"""Coordinates in ASDF trees: gwcs objects from YAML nodes, and back.

Frames are kept as they are, nodes with a name; transforms are read into `jwpipe.wcs.transforms`. What is written has
the tags of the ASDF standard 1.5.0, with arrays written out: they are small, and a tree that holds them needs no binary
blocks.
"""

from dataclasses import dataclass

import numpy as np
import yaml

from jwpipe.products import asdftree
from jwpipe.products.tree import LOADER, TEXT
from jwpipe.wcs import transforms
from jwpipe.wcs.foreign import Foreign

__all__ = ["FRAMES", "Frame", "Reader", "read_steps", "write_steps"]

HOME, GWCS = "tag:stsci.edu:asdf/", "tag:stsci.edu:gwcs/"
BOX = "transform/property/bounding_box-1.0.0"
PREAMBLE = f"%YAML 1.1\n%TAG ! {HOME}\n%TAG !g! {GWCS}\n%TAG !a! tag:astropy.org:astropy/\n---\n"

# How frames look, without their names.
FRAMES = {
    "pixels": """!g!frame2d-1.0.0
axes_names: [x, y]
axes_order: [0, 1]
axis_physical_types: ['custom:x', 'custom:y']
unit: [!unit/unit-1.0.0 pixel, !unit/unit-1.0.0 pixel]
""",
    "telescope": """!g!frame2d-1.0.0
axes_names: [v2, v3]
axes_order: [0, 1]
axis_physical_types: ['custom:v2', 'custom:v3']
unit: [!unit/unit-1.0.0 arcsec, !unit/unit-1.0.0 arcsec]
""",
    "sky": """!g!celestial_frame-1.0.0
axes_names: [lon, lat]
axes_order: [0, 1]
axis_physical_types: [pos.eq.ra, pos.eq.dec]
reference_frame: !a!coordinates/frames/icrs-1.1.0
  frame_attributes: {}
unit: [!unit/unit-1.0.0 deg, !unit/unit-1.0.0 deg]
""",
}


@dataclass(frozen=True, eq=False)
class Frame:
    """A coordinate frame: its name, and the node that describes it."""

    name: str
    node: yaml.Node

    @classmethod
    def make(cls, kind, name):
        """Make one of `FRAMES`."""
        node = yaml.compose(PREAMBLE + FRAMES[kind], LOADER)
        return cls("", node).named(name)

    def named(self, name):
        """The same with another name."""
        if not isinstance(self.node, yaml.MappingNode):
            return Frame(name, yaml.ScalarNode(TEXT, name))
        pairs = [pair for pair in self.node.value if pair[0].value != "name"]
        return Frame(name, yaml.MappingNode(self.node.tag, [*pairs, (yaml.ScalarNode(TEXT, "name"), _node(name))]))


class Reader:
    """Reads transforms out of a tree.

    Parameters
    ----------
    blocks : sequence of bytes
        Binary blocks of the tree.
    """

    plain = staticmethod(asdftree.plain)

    def __init__(self, blocks=()):
        self.blocks = blocks

    def number(self, node):
        """A number, of a quantity its value."""
        value = asdftree.plain(node)
        return float(value["value"] if isinstance(value, dict) else value)

    def array(self, node):
        """An array, or a list of numbers."""
        return asdftree.array(node, self.blocks)

    def transform(self, node):
        """The transform that a node describes.

        Raises
        ------
        KeyError, TypeError, ValueError and others of `jwpipe.products.asdftree.PROBLEMS`
            It describes none.
        """
        entries = {key.value: value for key, value in node.value}
        kind = transforms.KINDS.get(node.tag.removeprefix("tag:stsci.edu:").removeprefix("asdf/").rpartition("-")[0])
        common = self._common(entries)
        try:
            if kind is None:
                raise transforms.UnknownError
            parameters = kind.read(entries, self)
            made, natural = kind(**parameters, **common), kind(**parameters)
            if (len(made.inputs), len(made.outputs)) != (len(natural.inputs), len(natural.outputs)):
                raise ValueError("a transform of other coordinates than it names")
        except transforms.UnknownError:
            return Foreign(_without_blocks(node, self.blocks), **common)
        if "bounding_box" not in entries:
            return made
        return made.boxed(self._box(entries["bounding_box"], made.inputs))

    def _common(self, entries):
        found = {}
        for key in ("inputs", "outputs"):
            if key in entries:
                found[key] = tuple(asdftree.plain(entries[key]))
        if "name" in entries:
            found["name"] = str(entries["name"].value)
        if "inverse" in entries:
            found["own_inverse"] = self.transform(entries["inverse"])
        return found

    def _box(self, node, inputs):
        value = asdftree.plain(node)
        if isinstance(value, dict) and "intervals" in value and not value.get("ignore"):
            return tuple(tuple(map(float, value["intervals"][name])) for name in inputs)
        if isinstance(value, list) and np.shape(value) == (len(inputs), 2):
            return tuple(tuple(map(float, pair)) for pair in value[::-1])  # of the last axis first
        if isinstance(value, list) and np.shape(value) == (2,) and len(inputs) == 1:
            return (tuple(map(float, value)),)
        return node  # one for each of several orders or slices: kept as it is


def read_steps(node, blocks):
    """Read the steps of a gwcs object.

    Parameters
    ----------
    node : yaml.MappingNode
        Its node.
    blocks : sequence of bytes
        Binary blocks of the tree.

    Returns
    -------
    list of (Frame, Transform or None)
    """
    reader, steps = Reader(blocks), []
    for step in asdftree.member(node, "steps").value:
        entries = {key.value: value for key, value in step.value}
        frame, transform = entries["frame"], entries.get("transform")
        name = asdftree.member(frame, "name").value if isinstance(frame, yaml.MappingNode) else frame.value
        nothing = transform is None or transform.tag.endswith(":null")
        steps.append((Frame(str(name), frame), None if nothing else reader.transform(transform)))
    if len(steps) < 2 or any(transform is None for _, transform in steps[:-1]):
        raise ValueError("steps without transforms")
    return steps


def write_steps(steps, shape=None, name=""):
    """Make the node of a gwcs object.

    Parameters
    ----------
    steps : sequence of (Frame, Transform or None)
        As `read_steps` gives them.
    shape : tuple of int, optional
        Rows and columns of its image.
    name : str, optional
        Its name.

    Returns
    -------
    yaml.MappingNode
    """
    nodes = []
    for frame, transform in steps:
        entries = [(_node("frame"), frame.node), (_node("transform"), _node(transform))]
        nodes.append(yaml.MappingNode(GWCS + "step-1.1.0", entries))
    entries = [
        (_node("name"), _node(name)),
        (_node("pixel_shape"), _node(None if shape is None else list(shape[::-1]))),
        (_node("steps"), yaml.SequenceNode("tag:yaml.org,2002:seq", nodes)),
    ]
    return yaml.MappingNode(GWCS + "wcs-1.2.0", entries)


def _node(value):
    """Node of a value: text, number, list, array, transform."""
    if isinstance(value, yaml.Node):
        return value
    if isinstance(value, transforms.Transform):
        return _transform_node(value)
    if isinstance(value, np.ndarray):
        flat = _node(value.tolist())
        return yaml.SequenceNode(HOME + "core/ndarray-1.0.0", flat.value, flow_style=True)
    if isinstance(value, list | tuple):
        return yaml.SequenceNode("tag:yaml.org,2002:seq", [_node(one) for one in value], flow_style=_short(value))
    if isinstance(value, dict):
        pairs = [(_node(key), _node(one)) for key, one in value.items()]
        return yaml.MappingNode("tag:yaml.org,2002:map", pairs, flow_style=True)
    return yaml.representer.SafeRepresenter().represent_data(value)


def _short(values):
    return not any(isinstance(value, transforms.Transform) for value in values)


def _transform_node(transform):
    if isinstance(transform, Foreign):
        return transform.node
    entries = {"inputs": list(transform.inputs), "outputs": list(transform.outputs), **transform.entries()}
    if transform.name is not None:
        entries["name"] = transform.name
    if transform.own_inverse is not None:
        entries["inverse"] = transform.own_inverse
    if isinstance(transform.box, yaml.Node):
        entries["bounding_box"] = transform.box
    elif transform.box is not None:
        intervals = {name: list(pair) for name, pair in zip(transform.inputs, transform.box, strict=True)}
        box = _node({"ignore": [], "intervals": intervals, "order": "C"})
        box.tag = HOME + BOX
        entries["bounding_box"] = box
    prefix = HOME if transform.tag.startswith("transform/") else "tag:stsci.edu:"
    return yaml.MappingNode(prefix + transform.tag, [(_node(key), _node(value)) for key, value in entries.items()])


def _without_blocks(node, blocks):
    """The same node with its arrays written out."""
    if isinstance(node, yaml.SequenceNode):
        return yaml.SequenceNode(node.tag, [_without_blocks(one, blocks) for one in node.value], flow_style=True)
    if not isinstance(node, yaml.MappingNode):
        return node
    if "core/ndarray-" in node.tag and any(key.value == "source" for key, _ in node.value):
        return _node(np.asarray(asdftree.array(node, blocks)))
    return yaml.MappingNode(node.tag, [(key, _without_blocks(value, blocks)) for key, value in node.value])
