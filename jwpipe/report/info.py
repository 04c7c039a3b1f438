"""What a file is and holds, on one screen."""

from jwpipe.products.fitsfile import FitsFile
from jwpipe.report.plain import UNDEFINED, keyword_value

__all__ = ["describe_file"]

ROWS = {
    "exposure": "INSTRUME DETECTOR EXP_TYPE FILTER PUPIL GRATING BAND CHANNEL",
    "target": "TARGNAME PROGRAM OBSERVTN VISIT DATE-OBS TIME-OBS",
    "readout": "READPATT SUBARRAY NINTS NGROUPS NFRAMES GROUPGAP TFRAME TGROUP EFFINTTM",
    "made by": "CAL_VER CRDS_CTX CRDS_VER",
}


def describe_file(path):
    """Describe a FITS file.

    Parameters
    ----------
    path : path-like
        The file.

    Returns
    -------
    dict
        ``product`` (DATAMODL), rows of keywords, ``steps`` and ``references`` by name, and ``extensions``. Plain
        data; a keyword without a value is ``"undefined"``.

    Raises
    ------
    InputError
        The file cannot be read.
    """
    file = FitsFile(path)
    values = {card.keyword: keyword_value(card) for card in file.primary.cards}
    header = {keyword: UNDEFINED if value is None else value for keyword, value in values.items()}
    rows = {
        name: {keyword: header[keyword] for keyword in words.split() if keyword in header}
        for name, words in ROWS.items()
    }
    return {
        "file": str(path),
        "product": header.get("DATAMODL", header.get("REFTYPE", "")),
        **rows,
        "steps": {key: header[key] for key in header if key.startswith("S_")},
        "references": {key: header[key] for key in header if key.startswith("R_")},
        "extensions": [
            {
                "name": e.name,
                "version": e.version,
                "shape": list(e.shape) if e.is_image else None,
                "rows": None if e.is_image or not e.shape else e.shape[0],
                "type": e.stored.name if e.is_image else "table" if e.shape else "header",
                "bytes": e.data_size,
            }
            for e in file.extensions
        ],
    }
