"""Draw headers that exercise the rules of a context: values of the rules themselves, and others."""

import ast
import json
import random
import re
import subprocess
from pathlib import Path

from jwpipe.refs.parkeys import KEYWORD_PATHS

KEYWORDS = {path: keyword for keyword, path in KEYWORD_PATHS.items()}
VERSIONS = ["0.6", "0.5.9", "1.2.0", "1.2", "1.10", "1.13.4.dev3+gabc", "1.14.1", "2.0.0rc1", "10.0", "new", "*"]
STRANGE = ["N/A", "ANY", "*", "UNDEFINED", "GENERIC", "", "XYZZY", "NOT FULL", "N/A or so", "full", 0, 1, 1.0, -1, True]
DATES = ["2022-07-01", "1999-12-31", "01/02/2023", "20230102:101112", "FEB 03 2024", "2024-13-01", "soon", "N/A", 20.5]
TIMES = ["00:00:00", "10:11:12.345", "23:59", "1:2:3 PM", "24:00:00", "12:00:00 UT", "late", "N/A"]


def rules_of(path):
    """Give (parameter names, keys, dates) of a rules file, read with no code of jwpipe."""
    tree = ast.parse(path.read_text())
    header = next(ast.literal_eval(s.value) for s in tree.body if s.targets[0].id == "header")
    names, keys, dates = header["parkey"][0], [], []
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
        for key in map(ast.literal_eval, call.args[0].keys):
            if call.func.id == "Match":
                keys.append(key if isinstance(key, tuple) else (key,))
            elif call.func.id == "UseAfter":
                dates.append(key)
    return names, keys, dates


class Drawer:
    """Draws headers of the instruments of a context."""

    def __init__(self, mappings, context, seed):
        self.random = random.Random(seed)
        self.rules = {}  # instrument -> [(names, keys, dates)]
        self.types = {}
        folder = Path(mappings)
        for instrument, imap in _table(folder / context).items():
            files = _table(folder / imap)
            self.types[instrument] = sorted(t.lower() for t in files)
            self.rules[instrument] = [rules_of(folder / f) for f in files.values() if f.endswith(".rmap")]

    def header(self, instrument):
        """Draw a header: the key of one rule or of several, then some values replaced, dropped or respelled."""
        choice, chance = self.random.choice, self.random.random
        rules = self.rules[instrument]
        values = {}
        for names, keys, _ in self.random.sample(rules, k=min(len(rules), choice([1, 2, 5, 20]))):
            if keys:
                values.update(zip(names, (self._value(e) for e in choice(keys)), strict=True))
        for name in list(values):
            if chance() < 0.04:
                values[name] = choice(STRANGE)
            elif chance() < 0.03:
                del values[name]
            elif chance() < 0.05:
                values[name] = self._respelled(values[name])
        values |= self._date(choice(rules)[2] or ["2022-01-01 00:00:00"])
        if chance() < 0.8:
            values["META.CALIBRATION_SOFTWARE_VERSION"] = choice(VERSIONS)
        if chance() < 0.5:
            values["META.VISIT.TSOVISIT"] = choice([True, False, "T", "false"])
        values["META.INSTRUMENT.NAME"] = instrument if chance() < 0.9 else instrument.lower()
        as_path = chance() < 0.2
        return {(n.lower() if as_path else KEYWORDS.get(n, n)): v for n, v in values.items()}

    def _value(self, element):
        text = self.random.choice(str(element).removeprefix("NOT ").split("|")).strip()
        if text.startswith(("between", "#", ">", "<")):
            return int(self.random.choice(re.findall(r"\d+", text))) + self.random.choice([-1, 0, 1])
        if set("*?[") & set(text):
            return re.sub(r"\*|\?|\[\w+\]", lambda _: self.random.choice("0123W"), text)
        if text in ("N/A", "ANY") and self.random.random() < 0.8:
            return self.random.choice(["FULL", "F115W", "CLEAR", "NRC_IMAGE", "SUB64", "1", "FAST"])
        return text

    def _respelled(self, value):
        text = str(value)
        numeric = text.replace(".", "", 1).isdigit()
        return self.random.choice([int(float(text)), float(text)] if numeric else [text.lower(), f" {text} "])

    def _date(self, dates):
        draw = self.random.random()
        if draw < 0.05:
            date, time = self.random.choice(DATES), self.random.choice(TIMES)
            return {"META.OBSERVATION.DATE": date, "META.OBSERVATION.TIME": time}
        if draw < 0.08:
            return {"META.OBSERVATION.DATE": "2023-01-01"}
        date, _, time = self.random.choice(dates).partition(" ")
        if draw < 0.3 or not time or date.count("-") != 2:
            year = self.random.randint(1998, 2026)
            date, time = f"{year}-{self.random.randint(1, 12):02}-{self.random.randint(1, 28):02}", "12:34:56.789"
        elif draw < 0.5:
            time = f"{time[:6]}{self.random.randint(0, 59):02}.{self.random.randint(0, 999):03}"
        return {"META.OBSERVATION.DATE": date, "META.OBSERVATION.TIME": time}

    def headers(self, each):
        """Draw as many headers an instrument as asked: a list of (instrument, header)."""
        return [(i, self.header(i)) for i in self.rules for _ in range(each)]


def _table(path):
    tree = ast.parse(path.read_text())
    return next(ast.literal_eval(s.value) for s in tree.body if s.targets[0].id == "selector")


# Runs in the peer's environment: names by type as the CRDS client's own selection gives them, null for no match.
CLIENT = """
import json, sys
from crds.core import heavy_client, log
log.set_verbose(-1) if hasattr(log, "set_verbose") else None
context, types, headers = json.load(sys.stdin)
answers = []
for instrument, header in headers:
    found = heavy_client.hv_best_references(context, header, include=types[instrument])
    answer = {}
    for reftype, name in found.items():
        if isinstance(name, (tuple, list)):
            name = name[0] if len(set(name)) == 1 else "NOT FOUND several"
        answer[reftype] = "N/A" if name == "NOT FOUND n/a" else None if name.startswith("NOT FOUND") else name
    answers.append(answer)
sys.__stdout__.write("\\n@" + json.dumps(answers))
"""


def client_answers(python, crds_path, context, types, headers):
    """Ask the CRDS client, in its own environment, for the references of each header."""
    env = {
        "PATH": "/usr/bin:/bin",
        "HOME": "/nonexistent",
        "CRDS_PATH": str(crds_path),
        "CRDS_CONTEXT": context,
        "CRDS_SERVER_URL": "https://crds-serverless-mode.stsci.edu",
    }
    done = subprocess.run(
        [python, "-c", CLIENT], input=json.dumps([context, types, headers]), capture_output=True, text=True, env=env
    )
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    return json.loads(done.stdout.rpartition("\n@")[2])
