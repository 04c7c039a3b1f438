"""Keywords of pointing beside `jwst` 1.14.1: the exposures and the telemetry that its tests carry, and their like.

The peer's environment needs pysiaf; both read the apertures of the version that it has there.
"""

import contextlib
import json
import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from telemetry_server import TelemetryServer, read_folder

from jwpipe.pointing.aberration import set_aberration
from jwpipe.pointing.exposure import ExposureFile
from jwpipe.pointing.matrices import read_matrices
from jwpipe.pointing.setting import Options, set_pointing
from jwpipe.pointing.siaf import Siaf
from jwpipe.pointing.source import open_telemetry
from jwpipe.pointing.summary import summary_table
from jwpipe.pointing.v1 import v1_table

PEER = os.environ.get("JWPIPE_PEER")
pytestmark = [pytest.mark.peer, pytest.mark.skipif(not PEER, reason="JWPIPE_PEER names no interpreter")]

TOLERANCE = 1e-9  # degrees, as arcseconds, pixels and ratios
CARDS = """
V2_REF V3_REF VPARITY V3I_YANG RA_V1 DEC_V1 PA_V3 PA_APER RA_REF DEC_REF ROLL_REF S_REGION ENGQLPTG CTYPE1 CTYPE2 CUNIT1
CUNIT2 WCSAXES CRPIX1 CRPIX2 CDELT1 CDELT2 CRVAL1 CRVAL2 PC1_1 PC1_2 PC2_1 PC2_2 RADESYS XREF_SCI YREF_SCI TARG_RA
TARG_DEC MT_RA MT_DEC VA_SCALE VA_RA VA_DEC
""".split()

WHERE = """
import json, os, pysiaf, jwst.lib
data = os.path.join(os.path.dirname(jwst.lib.__file__), "tests", "data")
print(json.dumps({"data": data, "siaf": str(pysiaf.JWST_PRD_DATA_ROOT)}))
"""

PROGRAM = """
import functools, json, logging, os, sys, warnings
import pysiaf
warnings.simplefilter("ignore")
from jwst.lib import set_telescope_pointing as stp
from jwst.lib import pointing_summary, siafdb, v1_calculate
from jwst.lib.set_velocity_aberration import add_dva
logging.disable(logging.CRITICAL)
pysiaf.Siaf = functools.lru_cache(pysiaf.Siaf)  # it reads its files again for each aperture
tasks = json.load(sys.stdin)
outcome = {}
for name, task in tasks["set"].items():
    os.environ.update(task["environment"])
    arguments = task["arguments"]
    if "override_transforms" in arguments:
        arguments["override_transforms"] = stp.Transforms.from_asdf(arguments["override_transforms"])
    try:
        stp.add_wcs(task["path"], siaf_path=tasks["siaf"], engdb_url=task["url"], **arguments)
        outcome[name] = "done"
    except (TypeError, ValueError) as problem:
        outcome[name] = repr(problem)
    for variable in task["environment"]:
        del os.environ[variable]
for path in tasks["aberration"]:
    add_dva(path)
for path, task in tasks["v1"].items():
    sources, reduce, method = task["sources"], task["reduce"], stp.Methods(task["method"])
    options = dict(engdb_url=tasks["url"], siaf_path=tasks["siaf"], method=method, reduce_func=getattr(stp, reduce))
    if task["times"]:
        table = v1_calculate.v1_calculate_over_time(*sources, **options)
    else:
        table = v1_calculate.v1_calculate_from_models(sources, **options)
    v1_calculate.simplify_table(table).write(path, format="ascii.ecsv")
database, apertures = siafdb.SiafDb(tasks["siaf"]), {}
for instrument in siafdb.INSTRUMENT_MAP.values():
    for name in pysiaf.Siaf(instrument, basepath=database.xml_path).apertures:
        if name[:3].lower() in siafdb.INSTRUMENT_MAP and "OTE" not in name:
            apertures[name] = database.get_wcs(name)
pointing_summary.calc_deltas(tasks["summary"]).write(tasks["summary_out"], format="ascii.ecsv")
json.dump({"set": outcome, "apertures": apertures}, sys.stdout)
"""

MAST_TOKEN = "a-token"
ENGDB = {"EXPSTART": 59240.1035, "EXPEND": 59240.1036, "EXPMID": 59240.10355}  # telemetry in engdb: guiding in guider 1
JW703 = {"EXPSTART": 58637.70, "EXPEND": 58637.701}  # and in engdb_jw00703
SUN = {"JWST_DX": -25.021, "JWST_DY": -16.507, "JWST_DZ": -7.187}
STAR = {"GS_RA": 241.24294932221, "GS_DEC": 70.66165389073196}
GUIDER2 = {"APERNAME": "FGS2_FULL", "EXP_TYPE": "FGS_IMAGE", "DETECTOR": "GUIDER2"}
# Columns of the table of a moving target's positions, all of which the peer wants.
COLUMNS = """
time mt_sci_x mt_sci_y ref_pixel_RA ref_pixel_Dec mt_apparent_RA mt_apparent_Dec mt_apparent_x_helio mt_apparent_y_helio
mt_apparent_z_helio jwst_x_helio jwst_y_helio jwst_z_helio mt_apparent_x_jwst mt_apparent_y_jwst mt_apparent_z_jwst
mt_apparent_jwst_distance mt_apparent_sun_distance apparent_phase_angle apparent_light_travel_time mt_true_x_helio
mt_true_y_helio mt_true_z_helio mt_true_x_jwst mt_true_y_jwst mt_true_z_jwst
""".split()
POSITIONS = np.zeros(9, [(name, {"time": "S23"}.get(name, "f4" if "sci" in name else "f8")) for name in COLUMNS])
POSITIONS["time"] = [f"2021-01-26T{hour:02d}:{minute:02d}:07.123" for hour in (1, 2, 3) for minute in (0, 28, 31)]
POSITIONS["mt_apparent_RA"] = 80 + np.arange(9) ** 1.5
POSITIONS["mt_apparent_Dec"] = np.sqrt(np.arange(9)) - 2
NOTHING = {"EXPSTART": 59000.0, "EXPEND": 59000.1}
NOWHERE = {"TARG_RA": 0.0, "TARG_DEC": 0.0}

# name: (file that the peer carries, its telemetry, keywords changed, arguments of both). None takes a keyword away.
CASES = {
    "coarse": ("", "engdb", ENGDB | SUN | {"PCS_MODE": "COARSE"}, {}),
    "no mode": ("", "engdb", ENGDB | SUN, {}),
    "mode none": ("", "engdb", ENGDB | SUN | {"PCS_MODE": "NONE"}, {}),
    "unknown mode": ("", "engdb", ENGDB | SUN | STAR | {"PCS_MODE": "DRIFT"}, {}),
    "at rest": ("", "engdb", ENGDB | {"PCS_MODE": "COARSE"}, {}),
    "coarse, guider 2": ("", "engdb", ENGDB | SUN | {"PCS_MODE": "COARSE"}, {"fgsid": 2}),
    "track": ("", "engdb", ENGDB | SUN | STAR | {"PCS_MODE": "TRACK"}, {}),
    "fineguide": ("", "engdb", ENGDB | SUN | STAR | {"PCS_MODE": "FINEGUIDE"}, {"fgsid": 2}),
    "moving": ("", "engdb", ENGDB | SUN | STAR | {"PCS_MODE": "MOVING", "TARGTYPE": "MOVING"}, {}),
    "moving, later": ("", "engdb", ENGDB | {"EXPMID": 59240.5, "TARGTYPE": "MOVING"}, {}),
    "track, jw00703": ("", "engdb_jw00703", JW703 | SUN | STAR | {"PCS_MODE": "TRACK"}, {}),
    "coarse, jw00703": ("", "engdb_jw00703", JW703 | SUN | {"PCS_MODE": "COARSE"}, {}),
    "by MAST": ("", "engdb MAST", ENGDB | SUN | STAR | {"PCS_MODE": "FINEGUIDE"}, {}),
    "by MAST, few": ("", "engdb MAST", SUN | {"EXPSTART": 59240.105, "EXPEND": 59240.105001}, {"tolerance": 120}),
    "long": ("", "engdb", SUN | STAR | {"EXPSTART": 59240.1035, "EXPEND": 59240.1055, "PCS_MODE": "TRACK"}, {}),
    "few samples": ("", "engdb", SUN | {"EXPSTART": 59240.105, "EXPEND": 59240.105001}, {}),
    "too few samples": ("", "engdb", SUN | {"EXPSTART": 59240.2, "EXPEND": 59240.3}, {}),
    "not transposed": ("", "engdb", ENGDB | SUN, {"j2fgs_transpose": False}),
    "override": ("", "engdb", ENGDB | SUN | STAR | {"PCS_MODE": "TRACK"}, {"override_transforms": "m_eci2j"}),
    "override, coarse": ("", "engdb", ENGDB | SUN, {"override_transforms": "m_eci2gs"}),
    "NIRSpec IFU, track": (
        "", "engdb",
        ENGDB | SUN | STAR | {"PCS_MODE": "FINEGUIDE", "APERNAME": "NRS_FULL_IFU", "EXP_TYPE": "NRS_IFU"}, {},
    ),
    "NIRSpec slit": ("", "engdb", ENGDB | SUN | {"APERNAME": "NRS_S200A1_SLIT", "EXP_TYPE": "NRS_FIXEDSLIT"}, {}),
    "NIRSpec acquisition": ("", "engdb", ENGDB | SUN | {"APERNAME": "NRS_FULL_MSA", "EXP_TYPE": "NRS_MSATA"}, {}),
    "NIRCam": (
        "", "engdb",
        ENGDB | SUN | STAR | {"PCS_MODE": "FINEGUIDE", "APERNAME": "NRCB3_FULL", "EXP_TYPE": "NRC_IMAGE"}, {},
    ),
    "NIRCam grism series": (
        "", "engdb",
        ENGDB | SUN | {"APERNAME": "NRCA5_GRISM256_F444W", "EXP_TYPE": "NRC_TSGRISM", "TSOVISIT": True, "NINTS": 1}, {},
    ),
    "NIRCam image series": ("", "engdb", ENGDB | SUN | {"APERNAME": "NRCB1_SUB64P", "EXP_TYPE": "NRC_TSIMAGE"}, {}),
    "NIRISS SOSS": (
        "", "engdb",
        ENGDB | SUN | {"APERNAME": "NIS_SUBSTRIP256", "EXP_TYPE": "NIS_SOSS", "TSOVISIT": True, "NINTS": 5}, {},
    ),
    "lone integration": (
        "", "engdb",
        ENGDB | SUN | {"APERNAME": "NIS_SUBSTRIP96", "EXP_TYPE": "NIS_SOSS", "TSOVISIT": True, "NINTS": 1}, {},
    ),
    "NIRISS AMI": ("", "engdb", ENGDB | SUN | {"APERNAME": "NIS_AMI1", "EXP_TYPE": "NIS_AMI"}, {}),
    "MIRI MRS acquisition": ("", "engdb", ENGDB | SUN | {"APERNAME": "MIRIM_TAMRS", "EXP_TYPE": "MIR_TACQ"}, {}),
    "MIRI LRS": ("", "engdb", ENGDB | SUN | {"APERNAME": "MIRIM_SLIT", "EXP_TYPE": "MIR_LRS-FIXEDSLIT"}, {}),
    "image of guider 1": (
        "", "engdb", ENGDB | SUN | {"APERNAME": "FGS1_FULL", "EXP_TYPE": "FGS_IMAGE", "DETECTOR": "GUIDER1"}, {},
    ),
    "image of guider 2": (
        "", "engdb",
        ENGDB | SUN | STAR | GUIDER2 | {"PCS_MODE": "TRACK"}, {"fgsid": 2},
    ),
    "pure parallel": ("", "engdb", ENGDB | SUN | NOWHERE | {"VISITYPE": "PARALLEL_PURE"}, {}),
    "parallel dark": ("", "engdb", ENGDB | SUN | NOWHERE | {"VISITYPE": "PARALLEL_DARK_CALIBRATION"}, {}),
    "prime at 0, 0": ("", "engdb", ENGDB | SUN | NOWHERE | {"VISITYPE": "PRIME_TARGETED_FIXED"}, {}),
    "planned": ("", "engdb_ngas", SUN | NOTHING, {"allow_default": True}),
    "planned, turned": ("", "engdb_ngas", SUN | NOTHING, {"allow_default": True, "default_pa_v3": 33.0}),
    "planned, parallel": (
        "", "engdb_ngas", NOWHERE | NOTHING | {"VISITYPE": "PARALLEL_PURE"}, {"allow_default": True},
    ),
    "allowed, not needed": ("", "engdb", ENGDB | SUN, {"allow_default": True}),
    "zeros": ("", "engdb_ngas", {"EXPSTART": 56658.0, "EXPEND": 56659.0}, {}),
    "unknown aperture": ("", "engdb", ENGDB | {"APERNAME": "UNKNOWN"}, {}),
    "wrong product": ("", "engdb", ENGDB | {"DATAMODL": "IFUCubeModel"}, {}),
    "track without star": ("", "engdb", ENGDB | SUN | {"PCS_MODE": "TRACK", "GS_RA": None}, {}),
}  # fmt: skip
FAILING = {
    "too few samples", "zeros", "unknown aperture", "wrong product", "track without star",
    "add_wcs_with_mast_fgs1", "add_wcs_with_mast_fgs2",
}  # fmt: skip
DEFAULT = "add_wcs_default.fits"


def _guider_series():
    """Telemetry of the guiders' own exposures, made up about the times of those that the peer carries."""
    series, stream = {}, np.random.default_rng(5)
    windows = {"DETXCOR": 612, "DETYCOR": 340, "DETXSIZ": 128, "DETYSIZ": 128}
    for start in ("2022-05-22T18:05:30", "2022-05-22T23:42:40"):
        first = int(np.datetime64(start, "ms").astype("i8"))
        for step in range(2600):
            time = first + step * 256
            told = {"IFGS_TFGGS_X": 12.5, "IFGS_TFGGS_Y": -33.1, "IFGS_TFGDET_XCOR": 805, "IFGS_TFGDET_YCOR": 1333}
            told |= {"IFGS_TFGDET_XSIZ": 8, "IFGS_TFGDET_YSIZ": 8}
            for kind, place in (("ID", (-41.0, 18.2)), ("ACQ", (27.3, 44.4))):
                told |= {f"IFGS_{kind}_XPOSG": place[0], f"IFGS_{kind}_YPOSG": place[1]}
                told |= {f"IFGS_{kind}_{name}": value + step % 3 for name, value in windows.items()}
            for name, value in told.items():
                moved = value + stream.normal(0, 0.02) if isinstance(value, float) and step % 7 else value
                series.setdefault(name, []).append((time, 0.0 if isinstance(value, float) and step % 5 == 4 else moved))
    return series


def _prepare(source, target, keywords):
    shutil.copy(source, target)
    with fits.open(target, mode="update") as hdus:
        for keyword, value in keywords.items():
            header = hdus["SCI" if keyword.startswith("JWST_D") else 0].header
            if value is None:
                del header[keyword], hdus["ASDF"]  # where the peer would find it too
            else:
                header[keyword] = value
        if keywords.get("TARGTYPE") == "MOVING":
            hdus.append(fits.BinTableHDU(POSITIONS, name="MOVING_TARGET_POSITION"))
    return target


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """Every case, prepared twice, done by the peer and by jwpipe."""
    done = subprocess.run([PEER, "-c", WHERE], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip("the peer's environment has no pysiaf")
    where = json.loads(done.stdout.splitlines()[-1])
    data, folder = Path(where["data"]), tmp_path_factory.mktemp("pointing")
    series = {name: read_folder(data / name) for name in ("engdb", "engdb_ngas", "engdb_jw00703")}
    series["guider"] = _guider_series()
    cases = dict(CASES)
    for path in sorted(data.glob("add_wcs_*.fits")):
        cases[path.stem] = (path, "engdb_ngas", {}, {})
    for path in sorted((data / "fgs_exposures").glob("*.fits")):
        cases[path.stem] = (path, "guider", {}, {})
    with contextlib.ExitStack() as stack:
        servers = {name: stack.enter_context(TelemetryServer(values)) for name, values in series.items()}
        servers["engdb MAST"] = stack.enter_context(TelemetryServer(series["engdb"], MAST_TOKEN, direct=False))
        tasks, ours = {}, {}
        for name, (source, telemetry, keywords, arguments) in cases.items():
            source, stem = source or data / DEFAULT, name.replace(" ", "_").replace(",", "")
            arguments = dict(arguments)
            if "override_transforms" in arguments:
                arguments["override_transforms"] = str(
                    _override(folder / f"{stem}.asdf", arguments["override_transforms"])
                )
            token = {"MAST_API_TOKEN": MAST_TOKEN} if telemetry.endswith("MAST") else {}
            tasks[name] = {
                "path": str(_prepare(source, folder / f"{stem}_theirs.fits", keywords)),
                "arguments": arguments,
                "url": servers[telemetry].url,
                "environment": token,
            }
            ours[name] = _prepare(source, folder / f"{stem}_ours.fits", keywords)
        aberrated = {name: _prepare(data / DEFAULT, folder / f"aberrated_{name}.fits", SUN | POINT) for name in "ab"}
        v1 = {
            str(folder / f"v1_{i}.ecsv"): {
                "sources": [59240.1035, 59240.1036] if times else [tasks["track"]["path"], tasks["coarse"]["path"]],
                "reduce": reduce,
                "method": f"{method}_tr_202111",
                "times": times,
            }
            for i, (times, reduce, method) in enumerate(V1_CASES)
        }
        request = {
            "set": tasks,
            "siaf": where["siaf"],
            "url": servers["engdb"].url,
            "aberration": [str(aberrated["a"])],
            "v1": v1,
            "summary": [tasks[name]["path"] for name in ("coarse", "NIRCam", "pure parallel")],
            "summary_out": str(folder / "summary.ecsv"),
        }
        done = subprocess.run(
            [PEER, "-c", PROGRAM], input=json.dumps(request), capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr[-2000:]
        outcome = json.loads(done.stdout.splitlines()[-1])
        problems = {}
        for name, path in ours.items():
            problems[name] = _set(path, tasks[name], where["siaf"])
        tables = {
            path: v1_table(
                ["2021-01-26T02:29:02.400", "2021-01-26T02:29:11.040"] if task["times"] else task["sources"],
                lambda: open_telemetry(servers["engdb"].url),
                task["method"].split("_")[0],
                {"pointing_from_average": "average", "first_pointing": "first", "all_pointings": "all"}[task["reduce"]],
                siaf=where["siaf"],
            )
            for path, task in v1.items()
        }
    return {
        "tasks": tasks, "ours": ours, "theirs": outcome["set"], "problems": problems, "apertures": outcome["apertures"],
        "aberrated": aberrated, "v1": tables, "request": request,
    }  # fmt: skip


POINT = {"RA_REF": 359.99999, "DEC_REF": -12.25}
V1_CASES = [
    (times, reduce, method)
    for times in (True, False)
    for reduce in ("pointing_from_average", "first_pointing", "all_pointings")
    for method in (("ops", "coarse") if times else ("ops", "coarse", "track"))
]


def _override(path, name):
    from jwpipe.pointing.attitude import direction_cosines
    from jwpipe.pointing.matrices import matrices_text

    path.write_bytes(matrices_text({name: direction_cosines(2.0, -0.5, 1.2)}))
    return path


def _set(path, task, siaf):
    """Set the pointing as the command does; gives the exception, if any."""
    arguments, token = task["arguments"], task["environment"].get("MAST_API_TOKEN")
    override = arguments.get("override_transforms")
    options = Options(
        source=lambda: open_telemetry(task["url"], token),
        siaf=siaf,
        fgsid=arguments.get("fgsid", 1),
        tolerance=arguments.get("tolerance", 60),
        allow_default=arguments.get("allow_default", False),
        default_pa_v3=arguments.get("default_pa_v3", 0.0),
        transpose=arguments.get("j2fgs_transpose", True),
        override=override and read_matrices(override),
    )
    from jwpipe.errors import JwpipeError

    try:
        exposure = ExposureFile(path)
        exposure.check_kind()
        set_pointing(exposure, options)
        exposure.save()
    except JwpipeError as problem:
        return problem
    return None


def _cards(path):
    with fits.open(path) as hdus:
        headers = hdus[0].header, hdus["SCI"].header
        return {card: next((h[card] for h in headers if card in h), None) for card in CARDS}


def _differences(theirs, ours):
    """Cards that differ, and the largest difference of numbers."""
    wrong, largest = {}, 0.0
    for card in CARDS:
        a, b = theirs[card], ours[card]
        if card == "S_REGION" and a and b:
            words, numbers = ([*text.split()[:2]] for text in (a, b)), ([*text.split()[2:]] for text in (a, b))
            near = np.abs(np.subtract(*(np.array(text, "f8") for text in numbers))) < 1.5e-9  # printed to 1e-9
            if len(set(map(tuple, words))) > 1 or not near.all():
                wrong[card] = (a, b)
        elif isinstance(a, float) and isinstance(b, int | float):
            largest = max(largest, abs(a - b))
            if abs(a - b) > TOLERANCE:
                wrong[card] = (a, b)
        elif a != b:
            wrong[card] = (a, b)
    return wrong, largest


def test_every_keyword_is_the_same(both):
    wrong, largest = {}, 0.0
    for name, path in both["ours"].items():
        assert (both["theirs"][name] == "done") is (name not in FAILING), (name, both["theirs"][name])
        assert (both["problems"][name] is None) is (name not in FAILING), (name, both["problems"][name])
        differ, most = _differences(_cards(both["tasks"][name]["path"]), _cards(path))
        largest = max(largest, most)
        if differ:
            wrong[name] = differ
        if name.startswith("fgs_"):
            assert _cards(path)["CRPIX1"] != 0, name  # or there was no telemetry, and nothing is shown
        if name.startswith("moving"):
            assert (_cards(path)["MT_RA"] is None) is (name == "moving, later")
    assert not wrong
    print(f"{len(both['ours'])} exposures, largest difference {largest:.2g}")


def test_every_aperture_is_the_same(both):
    siaf = Siaf(both["request"]["siaf"])
    for name, theirs in both["apertures"].items():
        a = siaf.aperture(name)
        ours = [a.v2_ref, a.v3_ref, a.v3_ideal_angle, a.parity, a.x_ref, a.y_ref, a.x_scale, a.y_scale]
        assert [*ours, [*a.x_vertices, *a.y_vertices]] == theirs, name
    assert len(both["apertures"]) > 800


def test_velocity_aberration_is_the_same(both):
    exposure = ExposureFile(both["aberrated"]["b"])
    assert set_aberration(exposure) is None
    exposure.save()
    wrong, _ = _differences(_cards(both["aberrated"]["a"]), _cards(both["aberrated"]["b"]))
    assert not wrong


def test_v1_is_the_same(both):
    for path, table in both["v1"].items():
        theirs = Table.read(path)
        assert list(table["obstime"]) == list(theirs["obstime"])
        for column in ("ra", "dec", "pa_v3"):
            np.testing.assert_allclose(table[column], theirs[column], rtol=0, atol=TOLERANCE)


def test_summary_is_the_same(both):
    theirs = Table.read(both["request"]["summary_out"])
    ours = summary_table(both["request"]["summary"])
    assert ours.colnames == theirs.colnames
    assert list(ours["exposure"]) == list(theirs["exposure"])
    for column in ("delta_v1", "delta_refpoint"):
        np.testing.assert_allclose(ours[column], theirs[column], rtol=0, atol=TOLERANCE)
    for column in ("target", "v1", "refpoint"):
        assert ours[column].separation(theirs[column]).degree.max() < TOLERANCE
