"""Exposures, SIAF files and telemetry for tests of pointing, all of a telescope whose attitude is known."""

import numpy as np
from astropy.io import fits

from jwpipe.pointing.attitude import attitude_at, from_v1, unit_vector, v2ideal
from jwpipe.pointing.siaf import Siaf
from jwpipe.pointing.telemetry import ATTITUDE, MEASURED

V1 = 83.2, -67.1, 212.5  # right ascension, declination and roll of the telescope, degrees
START, END = 59240.1035, 59240.1045
STAR = -22.4, -8.2  # where the guide star stands, arcseconds on the guider

# Apertures as the SIAF has them, rounded.
APERTURES = {
    "FGS1_FULL_OSS": (206.407, -697.765, -1.2412, 1, 1024.5, 1024.5, 0.068392, 0.069931),
    "FGS2_FULL_OSS": (22.835, -699.423, 0.2914, 1, 1024.5, 1024.5, 0.068105, 0.069739),
    "FGS1_FULL": (206.407, -697.765, -1.2412, -1, 1024.5, 1024.5, 0.068392, 0.069931),
    "MIRIM_FULL": (-453.559, -373.814, 4.8354, -1, 693.5, 512.5, 0.110324, 0.111386),
    "MIRIM_TAMRS": (-485.0, -340.0, 4.8354, -1, 48.5, 48.5, 0.11, 0.11),
    "NRCA5_GRISM256_F444W": (50.8, -556.9, -0.1, -1, 858.0, 35.0, 0.0631, 0.0632),
    "NRS_S200A1_SLIT": (332.1, -479.2, 138.5, 1, None, None, None, None),
}
CORNERS = (-56.7, 56.9, 56.3, -56.2), (-56.1, -57.0, 56.6, 56.0)


def write_siaf(folder):
    """Write SIAF files of `APERTURES`, one an instrument."""
    folder.mkdir(parents=True, exist_ok=True)
    for prefix, instrument in {"FGS": "FGS", "MIR": "MIRI", "NRC": "NIRCam", "NRS": "NIRSpec"}.items():
        entries = [_entry(name, values) for name, values in APERTURES.items() if name.startswith(prefix)]
        (folder / f"{instrument}_SIAF.xml").write_text("<SiafEntries>" + "".join(entries) + "</SiafEntries>")
    return folder


def _entry(name, values):
    keys = "V2Ref V3Ref V3IdlYAngle VIdlParity XSciRef YSciRef XSciScale YSciScale".split()
    entry = {"AperName": name, **dict(zip(keys, values, strict=True))}
    if not name.startswith("NRS"):
        entry |= {
            f"{axis}IdlVert{i + 1}": corners[i] for axis, corners in zip("XY", CORNERS, strict=True) for i in range(4)
        }
    entry |= {"XDetRef": 1024.5, "YDetRef": 1000.5, "DetSciYAngle": 180, "DetSciParity": 1, "Sci2IdlDeg": 1}
    entry |= {
        "Idl2SciX00": 0,
        "Idl2SciX10": 14.0,
        "Idl2SciX11": 0.5,
        "Idl2SciY00": 0,
        "Idl2SciY10": -0.25,
        "Idl2SciY11": 15,
    }
    return "<SiafEntry>" + "".join(f"<{k}>{'' if v is None else v}</{k}>" for k, v in entry.items()) + "</SiafEntry>"


def quaternion_of(matrix):
    """The quaternion of a rotation, with the scalar last."""
    scalar = np.sqrt(1 + np.trace(matrix)) / 2
    vector = [matrix[1, 2] - matrix[2, 1], matrix[2, 0] - matrix[0, 2], matrix[0, 1] - matrix[1, 0]]
    return np.array([*(np.array(vector) / (4 * scalar)), scalar])


def attitude_values(siaf, fgsid=1):
    """Values of all mnemonics of a telescope at `V1`, and the guide star's place on the sky.

    The guide star stands at `STAR` on a guider; the spacecraft's matrix is a little off an exchange of axes.
    """
    apertures = Siaf(siaf)
    eci2v = from_v1(*V1)
    j2fgs1 = np.array([[0, 0, 1.0], [1, 0, 0], [0, 1, 0]]) @ from_v1(0.05, -0.1, 0.2)
    eci2j = j2fgs1.T @ v2ideal(apertures.guider(1)) @ eci2v
    x, y = np.deg2rad(np.array(STAR) / 3600)
    star = (v2ideal(apertures.guider(fgsid)) @ eci2v).T @ np.array([x, y, np.sqrt(1 - x * x - y * y)])
    # The commanded place is one on guider 1, whichever guides.
    commanded = np.rad2deg((v2ideal(apertures.guider(1)) @ eci2v @ star)[:2]) * 3600
    values = {f"SA_ZATTEST{i + 1}": value for i, value in enumerate(quaternion_of(eci2j))}
    values |= {f"SA_ZRFGS2J{i + 1}{j + 1}": j2fgs1.T[i, j] for i in range(3) for j in range(3)}
    values |= {"SA_ZADUCMDX": 0.01, "SA_ZADUCMDY": -0.02, "SA_ZFGDETID": fgsid}
    values |= {"SA_ZFGGSCMDX": commanded[0], "SA_ZFGGSCMDY": commanded[1]}
    values |= {"SA_ZFGGSPOSX": STAR[0], "SA_ZFGGSPOSY": STAR[1]}
    assert set(values) == set(MEASURED) > set(ATTITUDE)
    ra, dec = np.rad2deg(np.arctan2(star[1], star[0])) % 360, np.rad2deg(np.arcsin(star[2]))
    return values, (float(ra), float(dec))


def write_telemetry(path, values, times=(START, (START + END) / 2, END)):
    """Write a table of telemetry with the same values at each time."""
    rows = [f"{name},{float(time)!r},{float(value)!r}" for name, value in values.items() for time in times]
    path.write_text("\n".join(["# a comment", "mnemonic,time,value", *rows]) + "\n")
    return path


def where(name, siaf):
    """Where the reference point of an aperture is on the sky, and the roll of V3 there: by spherical trigonometry."""
    aperture = Siaf(siaf).aperture(name)
    v2, v3 = np.deg2rad([aperture.v2_ref / 3600, aperture.v3_ref / 3600])
    to_sky = from_v1(*V1).T
    point = to_sky @ unit_vector(v2, v3)
    north = to_sky @ unit_vector(v2, v3 + 1e-6)  # a little towards V3
    ra, dec = np.arctan2(point[1], point[0]), np.arcsin(point[2])
    step = north - point
    east, up = [-np.sin(ra), np.cos(ra), 0], [-np.sin(dec) * np.cos(ra), -np.sin(dec) * np.sin(ra), np.cos(dec)]
    return np.rad2deg(ra) % 360, np.rad2deg(dec), np.rad2deg(np.arctan2(step @ east, step @ up)) % 360


def write_exposure(path, **keywords):
    """Write a raw exposure of MIRI with an extension that nobody knows; keywords of None are left out."""
    primary = {"DATAMODL": "Level1bModel", "INSTRUME": "MIRI", "DETECTOR": "MIRIMAGE", "EXP_TYPE": "MIR_IMAGE"}
    primary |= {"APERNAME": "MIRIM_FULL", "PCS_MODE": "FINEGUIDE", "EXPSTART": START, "EXPEND": END, "NINTS": 2}
    primary |= {"TARG_RA": 83.0, "TARG_DEC": -67.0, "NGROUPS": 5, "TGROUP": 2.5, "VISITYPE": "PRIME_TARGETED_FIXED"}
    science = {"JWST_DX": 0.0, "JWST_DY": 0.0, "JWST_DZ": 0.0}
    hdus = fits.HDUList(
        [
            fits.PrimaryHDU(),
            fits.ImageHDU(np.arange(2 * 5 * 3 * 4, dtype="u2").reshape(2, 5, 3, 4), name="SCI"),
            fits.BinTableHDU(np.array([(1, 2.5)], [("a", "i4"), ("b", "f8")]), name="UNKNOWN"),
        ]
    )
    for keyword, value in (primary | science | keywords).items():
        if value is not None:
            hdus[1 if keyword in science else 0].header[keyword] = value
    hdus.writeto(path, overwrite=True)
    return path


def turned(ra, dec, pa, name, siaf):
    """V1 of a telescope whose aperture is seen at a place with a roll of V3."""
    aperture = Siaf(siaf).aperture(name)
    return attitude_at(ra, dec, pa, aperture.v2_ref, aperture.v3_ref)
