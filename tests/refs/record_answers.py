"""Record what the CRDS client chooses by the real rules in tests/data/crds; run by hand with the client's Python."""

import json
import sys
import tempfile
from pathlib import Path

from contexts import write_context
from drawing import Drawer, client_answers

DATA = Path(__file__).parents[1] / "data" / "crds"


def real_rules():
    """Give the real rules by instrument and type."""
    rules = {}
    for path in sorted(DATA.glob("*.rmap")):
        _, instrument, reftype, _ = path.name.split("_")
        rules.setdefault(instrument.upper(), {})[reftype] = path.read_text()
    return rules


if __name__ == "__main__":
    recorded = []
    for instrument, types in real_rules().items():
        root = Path(tempfile.mkdtemp())
        context = write_context(root, types, instrument=instrument)
        drawer = Drawer(root / "mappings/jwst", context, seed=20240601)
        headers = drawer.headers(120)
        answers = client_answers(sys.argv[1], root, context, drawer.types, headers)
        recorded += [[instrument, header, answer] for (_, header), answer in zip(headers, answers, strict=True)]
    (DATA / "answers.json").write_text("[\n" + ",\n".join(json.dumps(one) for one in recorded) + "\n]\n")
