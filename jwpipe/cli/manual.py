"""Manual pages, generated from the command's own declarations.

``python -m jwpipe.cli.manual FOLDER`` writes ``jwpipe.1`` and one page a command; ``--check`` says which are stale.
"""

import sys
from pathlib import Path

import typer

from jwpipe import pipelines, steps
from jwpipe.cli.app import GROUPS, app, commands

__all__ = ["pages", "write_pages"]

EXIT_STATUS = """
0  done
1  a step failed, or products compared differ
2  wrong usage
3  bad input
4  a reference is not to be had
64  no data on the detector
130  interrupted
"""

ENVIRONMENT = """
CRDS_PATH  the reference cache, in the layout of the CRDS client, which may share it
CRDS_CONTEXT  the context, such as jwst_1241.pmap; by default the operational one
CRDS_SERVER_URL  where references are fetched from; a serverless address means that none are
STPIPE_DISABLE_CRDS_STEPPARS  true: leave the parameters of the context aside
SOURCE_DATE_EPOCH  what DATE of products says, in seconds since 1970: the same work then gives the same bytes
OMP_NUM_THREADS  threads, where --threads does not say
ENG_BASE_URL  the service of engineering telemetry; with MAST_API_TOKEN MAST's; ENG_TIMEOUT, seconds; ENG_RETRIES
XML_DATA  folder with SIAFXML, the apertures' files, where pysiaf's are not to be used
"""


def _escape(text):
    text = str(text).replace("\\", "\\e").replace("-", "\\-")
    return "\n".join("\\&" + line if line[:1] in (".", "'") else line for line in text.splitlines())


def _head(name, line):
    title = name.upper().replace(" ", "-")
    return [
        f'.TH {title} 1 "" "jwpipe" "jwpipe manual"',
        ".SH NAME",
        f"{_escape(name.replace(' ', '-'))} \\- {_escape(line)}",
    ]


def _pairs(heading, text):
    lines = [f".SH {heading}"]
    for row in text.strip().splitlines():
        key, _, meaning = row.partition("  ")
        lines += [".TP", f".B {_escape(key)}", _escape(meaning)]
    return lines


def _record(parameter):
    """Flags and meaning of an option or argument, from what was declared: typer's own wording changes by release."""
    words = ", ".join([*parameter.opts, *parameter.secondary_opts])
    if parameter.param_type_name == "argument":
        words = parameter.metavar or parameter.name.upper()
    elif not parameter.is_flag:
        words += f" {parameter.metavar or parameter.name.upper()}"
    text = getattr(parameter, "help", None) or ""
    if parameter.default not in (None, False, (), []) and not parameter.required:
        text += f" Default: {parameter.default}."
    return words, text


def _usage(command):
    """Synopsis behind the command's name."""
    arguments = [_record(p)[0] for p in command.params if p.param_type_name == "argument"]
    return " ".join([*(["COMMAND"] if hasattr(command, "list_commands") else []), "[OPTIONS]", *arguments])


def _children(command):
    """Commands of a group, those that are made when asked for included."""
    if not hasattr(command, "list_commands"):
        return []
    return [command.get_command(None, name) for name in command.list_commands(None)]


def _option_lines(command):
    for parameter in command.params:
        words, text = _record(parameter)
        yield from (".TP", f".B {_escape(words)}", _escape(text))


def _command_lines(name, command):
    """Synopsis, description and options of one command, sub-commands included."""
    lines = [".SH SYNOPSIS", f".B {_escape(name)}", _escape(_usage(command))]
    lines += [".SH DESCRIPTION", *_paragraphs(command.help or ""), ".SH OPTIONS", *_option_lines(command)]
    for child in _children(command):
        full = f"{name} {child.name}"
        lines += [f".SH {_escape(full.upper())}", *_paragraphs(child.help or "")]
        lines += [".PP", f".B {_escape(full)}", _escape(_usage(child)), *_option_lines(child)]
    return lines


def _paragraphs(text):
    lines = []
    for paragraph in text.replace("\b\n", "").split("\n\n"):
        if paragraph.strip():
            lines += [".PP", *(_escape(line.strip()) for line in paragraph.strip().splitlines())]
    return lines


def _pipeline_lines(name):
    """Steps of a pipeline with their parameters, from the declarations."""
    pipeline = pipelines.load(name)
    lines = [".SH STEPS", "In this order:"]
    for item in pipeline.order:
        if hasattr(item, "step"):
            note = f" ({item.why})" if item.why else ""
            note += " (skipped unless asked for)" if item.default_skip else ""
            lines += [".TP", f".B {_escape(item.step.name)}", _escape(item.step.summary + note)]
    lines += [".SH PARAMETERS", "Set with \\-\\-set, or in a parameter file. Name, default, meaning."]
    lines += _parameter_lines("", pipeline.params)
    for step in pipeline.steps.values():
        lines += _parameter_lines(step.name + ".", step.params)
    return lines


def _parameter_lines(prefix, params):
    lines = []
    for parameter in params.parameters().values():
        rules = "".join(f"; {rule}" for rule in parameter.rules)
        text = f"{parameter.type_name}{rules}. {parameter.help}".rstrip(". ")
        lines += [".TP", f".B {_escape(prefix + parameter.name)} = {_escape(parameter.default)}", _escape(text)]
    return lines


def _step_lines(name):
    step = steps.load(name)
    lines = [".SH STATUS KEYWORD", _escape(step.status)]
    if step.references:
        lines += [".SH REFERENCES", _escape(", ".join(step.references))]
    return [*lines, ".SH PARAMETERS", *_parameter_lines("", step.params)]


def pages():
    """Make all pages.

    Returns
    -------
    dict of str to str
        Text of each page, by file name.
    """
    root = typer.main.get_command(app)
    made = {}
    for name in commands():
        full = f"jwpipe {name}"
        command = root.get_command(None, name)
        summary = GROUPS[name][1] if name in GROUPS else pipelines.CATALOGUE.get(name) or steps.load(name).summary
        lines = _head(full, summary.rstrip(".")) + _command_lines(full, command)
        if name in pipelines.CATALOGUE:
            lines += _pipeline_lines(name)
        elif name in steps.CATALOGUE:
            lines += _step_lines(name)
        lines += [".SH SEE ALSO", ".BR jwpipe (1)"]
        made[f"jwpipe-{name}.1"] = "\n".join(lines) + "\n"
    lines = _head("jwpipe", "the JWST calibration pipeline as one fast command")
    lines += [".SH SYNOPSIS", ".B jwpipe", "COMMAND [OPTIONS] [INPUT...]", ".SH COMMANDS"]
    for name in commands():
        summary = GROUPS[name][1] if name in GROUPS else pipelines.CATALOGUE.get(name) or steps.load(name).summary
        lines += [".TP", f".BR jwpipe\\-{_escape(name)} (1)", _escape(summary)]
    lines += _pairs("EXIT STATUS", EXIT_STATUS) + _pairs("ENVIRONMENT", ENVIRONMENT)
    made["jwpipe.1"] = "\n".join(lines) + "\n"
    return made


def write_pages(folder, check=False):
    """Write the pages, or compare them with those that are there.

    Parameters
    ----------
    folder : path-like
        Where the pages stand.
    check : bool, optional
        Write nothing.

    Returns
    -------
    list of str
        Names of pages that were stale.
    """
    folder = Path(folder)
    made = pages()
    present = {path.name: path.read_text() for path in folder.glob("*.1")}
    stale = sorted(name for name in made.keys() | present.keys() if made.get(name) != present.get(name))
    if not check:
        folder.mkdir(parents=True, exist_ok=True)
        for name in stale:
            if name in made:
                (folder / name).write_text(made[name])
            else:
                (folder / name).unlink()
    return stale


if __name__ == "__main__":
    arguments = [argument for argument in sys.argv[1:] if argument != "--check"]
    changed = write_pages(arguments[0], check="--check" in sys.argv)
    print("\n".join(changed) or "all pages are fresh")
    raise SystemExit(bool(changed) and "--check" in sys.argv)
