"""Parameter files: the ASDF form that `jwst` reads and writes, and TOML.

Source: stpipe's parameter files (schema step_config, versions 0.1.0 and 1.0.0).
"""

import datetime
from pathlib import Path

import jwpipe
from jwpipe.engine.params import OneOf
from jwpipe.engine.settings import Layer
from jwpipe.errors import InputError, OutputError, UsageError
from jwpipe.products.fitsfile import write_fits

__all__ = ["read_parameters", "write_parameters"]

# What `jwst` gives every step besides its own parameters, with the values that mean nothing in particular. jwpipe has
# options of its own for these (--output-dir, --suffix and so on); another value is refused rather than ignored.
GENERIC = {
    "input_dir": (None, "", "."),
    "output_dir": (None, "", "."),
    "output_ext": (".fits", "fits"),
    "output_file": (None, ""),
    "output_use_index": (True,),
    "output_use_model": (False,),
    "post_hooks": ([], None),
    "pre_hooks": ([], None),
    "search_output_file": (True,),
}


def read_parameters(path, pipeline, origin=None):
    """Read a parameter file.

    Parameters
    ----------
    path : path-like
        ``.asdf``, or TOML with a table a step.
    pipeline : Pipeline
        What the parameters are for.
    origin : str, optional
        How the file is called in messages.

    Returns
    -------
    Layer

    Raises
    ------
    InputError
        The file cannot be read as either form.
    UsageError
        It has a step that the pipeline has not, or is for another one.
    """
    path = Path(path)
    origin = origin or path.name
    try:
        content = path.read_bytes()
    except OSError as problem:
        raise InputError(f"cannot read the parameter file {path}: {problem.strerror}") from None
    return (
        _from_asdf(content, pipeline, origin) if content.startswith(b"#ASDF") else _from_toml(content, pipeline, origin)
    )


def _from_toml(content, pipeline, origin):
    import tomllib

    try:
        tree = tomllib.loads(content.decode("utf-8"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as problem:
        raise InputError(f"{origin} is neither ASDF nor TOML: {problem}") from None
    layer = Layer(origin)
    steps = tree.pop("steps", {})
    if not isinstance(steps, dict):
        raise InputError(f"{origin} is no parameter file: its steps are no table")
    for name, value in [*tree.items(), *steps.items()]:
        if isinstance(value, dict):
            layer.steps.setdefault(pipeline.find(name).name, {}).update(value)
        else:
            layer.pipeline[name] = value
    return layer


def _from_asdf(content, pipeline, origin):
    import yaml

    text = content.split(b"\n...", 1)[0].decode("utf-8", "replace")
    try:
        tree = yaml.load(text, _plain_loader(yaml))
    except yaml.YAMLError as problem:
        raise InputError(f"{origin} is no parameter file: {str(problem).splitlines()[0]}") from None
    wrong = InputError(f"{origin} is no parameter file: see what --save-pars writes")
    if not isinstance(tree, dict) or not isinstance(tree.get("parameters") or {}, dict):
        raise wrong
    layer = Layer(origin)
    own = dict(tree.get("parameters") or {})
    listed = tree.get("steps") or []
    if not isinstance(listed, list) or not all(isinstance(entry, dict) for entry in listed):
        raise wrong
    entries = [(entry.get("name"), entry.get("parameters") or {}) for entry in listed]
    inner = own.pop("steps", None) or {}  # version 0.1.0
    if not isinstance(inner, dict):
        raise wrong
    entries += inner.items()
    for name, values in [("", own), *entries]:
        if not isinstance(name, str) or not isinstance(values, dict) or not all(isinstance(key, str) for key in values):
            raise wrong
    named = str(tree.get("class", "")).rpartition(".")[2]
    steps_by_class = {step.peer.rpartition(".")[2]: step for step in pipeline.steps.values()}
    if named in steps_by_class:
        entries.append((steps_by_class[named].name, own))
    elif named in ("", pipeline.peer.rpartition(".")[2]):
        layer.pipeline = _without_generic(own, origin)
        layer.pipeline.pop("skip", None)
    else:
        raise UsageError(f"{origin} is for {named}, not for {pipeline.name}")
    for name, values in entries:
        layer.steps.setdefault(pipeline.find(name).name, {}).update(_without_generic(values, origin))
    return layer


def _plain_loader(yaml):
    class Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
        """Reads tagged nodes as what they hold."""

    def plain(loader, _, node):
        if isinstance(node, yaml.MappingNode):
            return loader.construct_mapping(node, deep=True)
        if isinstance(node, yaml.SequenceNode):
            return loader.construct_sequence(node, deep=True)
        return loader.construct_scalar(node)

    Loader.add_multi_constructor("", plain)
    Loader.add_multi_constructor("!", plain)
    return Loader


def _without_generic(values, origin):
    kept = {}
    for name, value in values.items():
        if name in GENERIC:
            if value not in GENERIC[name]:
                raise UsageError(f"{name} = {value!r} of {origin} has no counterpart here", "see jwpipe --help")
        else:
            kept[name] = value
    return kept


class _Text:
    """A text file, for the writer that writes whole files or none."""

    def __init__(self, text):
        self.text = text

    def write(self, stream):
        stream.write(self.text.encode("utf-8"))


def write_parameters(path, settings):
    """Write the parameters of a run in the form that `jwst` reads.

    Parameters
    ----------
    path : path-like
        Target, ``.asdf`` or ``.toml``.
    settings : Settings
        The parameters.

    Raises
    ------
    OutputError
        The file cannot be written.
    """
    path = Path(path)
    if path.suffix not in (".asdf", ".toml"):
        raise OutputError(f"cannot write parameters to {path}", "name it .asdf or .toml")
    write_fits(path, [_Text(_as_toml(settings) if path.suffix == ".toml" else _as_asdf(settings))])


def _values(params):
    return {name: getattr(params, name) for name in type(params).parameters()}


def _asdf_values(params):
    """Values as `jwst` reads them: one of a few is text there, a number too."""
    rules = {name: parameter.rules for name, parameter in type(params).parameters().items()}
    texts = {name for name, those in rules.items() if any(isinstance(rule, OneOf) for rule in those)}
    return {
        name: str(value) if name in texts and value is not None else value for name, value in _values(params).items()
    }


def _as_asdf(settings):
    import yaml

    from jwpipe.products.tree import PREAMBLE

    pipeline = settings.pipeline
    tree = {
        "class": pipeline.peer,
        "name": pipeline.peer.rpartition(".")[2],
        "parameters": _asdf_values(settings.own),
        "steps": [
            {"class": step.peer, "name": name, "parameters": _asdf_values(settings.steps[name])}
            for name, step in pipeline.steps.items()
        ],
        "meta": {
            "author": f"jwpipe {jwpipe.__version__}",
            "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")[:-6],
            "description": f"Parameters of {pipeline.name}",
            "instrument": {"name": "<SPECIFY>"},
            "origin": "<SPECIFY>",
            "pedigree": "<SPECIFY>",
            "reftype": pipeline.pars_reftype,
            "telescope": "JWST",
            "useafter": "<SPECIFY>",
        },
    }
    if pipeline.alone:
        del tree["steps"]
    body = yaml.safe_dump(tree, sort_keys=False)
    return PREAMBLE.decode("ascii") + f"!core/asdf-1.1.0\n{body}...\n"


def _as_toml(settings):
    import json

    lines = []

    def table(params):
        for name, value in _values(params).items():
            if value is not None:
                lines.append(f"{name} = {json.dumps(value)}")

    table(settings.own)
    for name, params in settings.steps.items() if not settings.pipeline.alone else ():
        lines.append(f"\n[{name}]")
        table(params)
    return "\n".join(lines) + "\n"
