"""Reading, writing and making pools."""

import pytest
from astropy.io import fits

from jwpipe.asn.makepool import exposures_in, make_pool
from jwpipe.asn.pool import read_pool, write_pool
from jwpipe.errors import InputError, UsageError


def test_a_pool_is_read_as_lower_case_text(tmp_path):
    path = tmp_path / "p.csv"
    path.write_text(
        "# a comment\nFILENAME|PROGRAM|FILTER | ASN_CANDIDATE\n\n"
        "A_uncal.fits|  1 ||[('o001', 'OBSERVATION'), ('c1000', 'GROUP')]\n"
        'b_uncal.fits|1|"F200W|x"|NULL\n'
    )
    pool = read_pool(path)
    assert [e.values["filter"] for e in pool.exposures] == ["null", "f200w|x"]
    assert pool.exposures[0].defined == {"filename": "a_uncal.fits", "program": "1"}
    assert pool.candidates() == {"observation": ["o001"], "group": ["c1000"]}
    assert pool.name == "p.csv"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "is empty"),
        ("filename|program\na|1|2\n", "line 2: 3 fields, but 2 columns"),
        ("filename|program|Program\na|1|2\n", "two columns PROGRAM"),
        ("filename,program\na,1\n", "no column FILENAME"),
    ],
)
def test_what_is_no_pool_is_refused(tmp_path, text, problem):
    path = tmp_path / "p.csv"
    path.write_text(text)
    with pytest.raises(InputError, match=problem):
        read_pool(path)


def test_other_formats_and_delimiters(tmp_path):
    (tmp_path / "c.csv").write_text("filename,program,asn_candidate\na,1,NULL\n")
    assert read_pool(tmp_path / "c.csv", ",").exposures[0].values["program"] == "1"
    (tmp_path / "basic").write_text("filename|program\nA|001\n")
    datatypes = ["{name: Filename, datatype: string}", "{name: program, datatype: int64}"]
    header = ["# %ECSV 1.0", "# ---", "# datatype:", *(f"# - {line}" for line in datatypes), "# schema: astropy-2.0"]
    (tmp_path / "e.ecsv").write_text("\n".join([*header, "Filename program", "A 1", '"" 2', ""]))
    assert read_pool(tmp_path / "basic", table_format="ascii.basic").exposures[0].values["program"] == "001"
    values = [e.values for e in read_pool(tmp_path / "e.ecsv", table_format="ascii.ecsv").exposures]
    assert values == [{"filename": "a", "program": "1"}, {"filename": "null", "program": "2"}]
    with pytest.raises(InputError, match="cannot read pool"):
        read_pool(tmp_path / "none.csv")
    with pytest.raises(InputError, match=r"as fits"):
        read_pool(tmp_path / "c.csv", table_format="fits")


def test_a_pool_comes_back_as_written(tmp_path):
    rows = [
        {"filename": "a_uncal.fits", "program": "1", "targname": 'it|s "a" star', "note": "null"},
        {"filename": '"b"', "program": "#2", "targname": "x y", "note": "null"},
    ]
    write_pool(tmp_path / "p.csv", rows)
    assert [e.values for e in read_pool(tmp_path / "p.csv").exposures] == rows


def exposure(path, **keywords):
    header = fits.Header({"OBSERVTN": "003", "TARGNAME": "A", "PROGRAM": "01234", **keywords})
    header["HISTORY"] = "made up"
    fits.PrimaryHDU(header=header).writeto(path)
    return path


def test_a_pool_of_headers(tmp_path):
    files = [
        exposure(tmp_path / "a_uncal.fits", FILTER="F200W"),
        exposure(tmp_path / "b_uncal.fits", TARGNAME="B", TSOVISIT=True),
        exposure(tmp_path / "c_uncal.fits", OBSERVTN="004"),
    ]
    exposure(tmp_path / "a_rate.fits")
    assert exposures_in([tmp_path]) == files
    rows = make_pool(files, "[('c1000', 'background')]", is_imprt="t")
    assert [row["targetid"] for row in rows] == ["1", "2", "1"], "a target that comes back is the same"
    assert [row["filename"] for row in rows] == ["a_uncal.fits", "b_uncal.fits", "c_uncal.fits"]
    assert rows[2]["asn_candidate"] == "[('o004', 'observation'), ('c1000', 'background')]"
    assert make_pool(files[:1], [("c1000", "background")])[0]["asn_candidate"] == rows[0]["asn_candidate"]
    assert (rows[0]["tsovisit"], rows[1]["tsovisit"], rows[0]["is_imprt"]) == ("null", "True", "t")
    assert list(rows[0]) == sorted(rows[0])
    assert "history" not in rows[0]


def test_what_is_no_exposure_is_refused(tmp_path):
    with pytest.raises(UsageError, match="no list of candidates"):
        make_pool([], "c1000")
    fits.PrimaryHDU().writeto(tmp_path / "a.fits")
    with pytest.raises(InputError, match="no keyword OBSERVTN"):
        make_pool([tmp_path / "a.fits"])
    (tmp_path / "b.fits").write_text("text")
    with pytest.raises(InputError, match="cannot read"):
        make_pool([tmp_path / "b.fits"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="no FITS files"):
        exposures_in([tmp_path / "empty"])
    with pytest.raises(InputError, match="there is no file"):
        exposures_in([tmp_path / "none.fits"])
