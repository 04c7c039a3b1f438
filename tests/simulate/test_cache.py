"""The rules that a simulation writes lead to its references."""

import ast

import pytest
from astropy.io import fits

from jwpipe.refs import parkeys, rules
from jwpipe.simulate import simulate
from jwpipe.simulate.crds import PARAMETERS, TYPES

MADE = {"mask", "saturation", "superbias", "linearity", "dark", "gain", "readnoise", "ipc"}
PARS = {"pars-detector1pipeline", "pars-jumpstep"}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("two")
    options = {"subarray": "SUB64P", "groups": 2}
    simulate("nircam-image", folder, **options, detector="NRCBLONG")
    return simulate("nircam-image", folder, **options, detector="NRCB1", exposure=2)


def read(made, name):
    return (made.crds_path / "mappings/jwst" / name).read_text()


def test_every_type_is_listed(made):
    pmap = rules.parse_index(read(made, made.context), made.context)
    imap = rules.parse_index(read(made, pmap.files["nircam"]), pmap.files["nircam"])
    assert set(imap.files) == set(TYPES) | set(PARAMETERS)
    assert {reftype for reftype, file in imap.files.items() if file != rules.NOT_APPLICABLE} == MADE | PARS


@pytest.mark.parametrize("detector", ["NRCBLONG", "NRCB1"])
def test_rules_choose_the_references(made, detector):
    uncal = next(made.uncal.parent.glob(f"*_{detector.lower()}_uncal.fits"))
    values = parkeys.parameters(fits.getheader(uncal))
    chosen = {}
    for reftype in MADE | PARS:
        name = f"jwst_nircam_{reftype}_0001.rmap"
        chosen[reftype] = rules.parse_reference_rules(read(made, name), name).best(values)
    for reftype, file in chosen.items():
        path = made.crds_path / "references/jwst/nircam" / file
        if reftype in PARS:
            assert b"reftype: " + reftype.encode() in path.read_bytes()
        else:
            header = fits.getheader(path)
            assert (header["DETECTOR"], header["REFTYPE"], header["FILENAME"]) == (detector, reftype.upper(), file)


def test_no_rule_for_what_was_not_simulated(made):
    name = "jwst_nircam_gain_0001.rmap"
    gain = rules.parse_reference_rules(read(made, name), name)
    values = parkeys.parameters(fits.getheader(made.uncal)) | {"META.INSTRUMENT.DETECTOR": "NRCA1"}
    with pytest.raises(LookupError):
        gain.best(values)


def test_configuration(made):
    config = made.crds_path / "config/jwst"
    assert ast.literal_eval((config / "server_config").read_text())["operational_context"] == made.context
    assert (config / "ref_cache_subdir_mode").read_text() == "instrument"
