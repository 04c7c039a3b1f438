"""Telemetry: files of each kind, the time that counts, many values made one; and files that are none."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pointing_files import attitude_values, write_siaf, write_telemetry

from jwpipe.errors import InputError, ReferenceError, UsageError
from jwpipe.pointing import telemetry
from jwpipe.pointing.source import open_telemetry
from jwpipe.pointing.telemetry import Samples, chronicle, gather, select

SECOND = 1 / telemetry.DAY


def series(*pairs):
    times, values = np.array(pairs, "f8").T
    return Samples(times, values, np.ones(len(times), bool))


class Archive:
    """A source with one series."""

    def __init__(self, *pairs):
        self.times, self.values = np.array(pairs, "f8").reshape(-1, 2).T

    def samples(self, mnemonic, start, end):
        return select(self.times, self.values, start, end)


def test_files_of_every_kind_say_the_same(tmp_path):
    times, values = [58849.0, 58849.5, 58850.25], [1.5, -2.0, 3.25]
    (tmp_path / "table.csv").write_text(
        "# of SA_ZFGDETID\nvalue,Mnemonic,time\n3.25,sa_zfgdetid,2020-01-02T06:00:00Z\n"
        "1.5,SA_ZFGDETID,58849\n-2,SA_ZFGDETID,2020-01-01T13:00:00+01:00\n9,OTHER,58849.0\n"
    )
    for name in ("json", "mast"):
        (tmp_path / name).mkdir()
    records = [
        {"ObsTime": f"/Date({round((t - 40587) * 86400000)}+0000)/", "EUValue": v}
        for t, v in zip(times[::-1], values[::-1], strict=True)
    ]
    (tmp_path / "json" / "sa_zfgdetid_data.json").write_text(json.dumps({"Data": records}))
    rows = [f"x,{t},{v},real" for t, v in zip(times, values, strict=True)]
    (tmp_path / "mast" / "SA_ZFGDETID-20200101T000000-20200103T000000.csv").write_text(
        "\r\n".join(["theTime,MJD,euvalue,sqldataType", *rows])
    )
    for source in (tmp_path / "table.csv", tmp_path / "json", tmp_path / "mast"):
        got = open_telemetry(source).samples("SA_ZFGDETID", 58849.4, 58850.0)
        assert got.values.tolist() == values
        assert got.inside.tolist() == [False, True, False]
        np.testing.assert_allclose(got.times, times, rtol=0, atol=1e-11)
        with pytest.raises(ReferenceError, match="SA_ZATTEST1"):
            open_telemetry(source).samples("SA_ZATTEST1", 58849.4, 58850.0)


@given(st.lists(st.floats(0, 10), max_size=12), st.floats(0, 10), st.floats(0, 10))
def test_a_time_is_cut_with_its_neighbours(times, start, end):
    start, end = sorted([start, end])
    times = np.sort(np.array(times, "f8"))
    got = select(times, times, start, end)
    inside = [t for t in times if start <= t <= end]
    assert got.times[got.inside].tolist() == inside
    assert got.times.tolist() == [*[t for t in times if t < start][-1:], *inside, *[t for t in times if t > end][:1]]


def test_neighbours_count_where_too_little_lies_inside():
    many = Archive((0.9, 1), (1.1, 2), (1.2, 3), (1.31, 4))
    assert gather(many, ["X"], 1.0, 1.3, 0)["X"].values.tolist() == [2, 3]
    one = Archive((1 - 50 * SECOND, 1), (1.1, 2), (1.3 + 70 * SECOND, 3))
    assert gather(one, ["X"], 1.0, 1.3, 60)["X"].values.tolist() == [1, 2]
    assert gather(one, ["X"], 1.0, 1.3, 0)["X"].values.tolist() == [2]
    with pytest.raises(ReferenceError, match=r"no telemetry of X from 1858-11-18T00:00:00.000 to .* within 60 s"):
        gather(Archive((3.0, 1)), ["X"], 1.0, 1.3, 60)


def test_a_chronicle_keeps_the_last_of_each():
    times, rows = chronicle({"A": series((1, 0), (2, 5), (4, 6), (4, 7)), "B": series((1, 0), (3, 8))})
    assert times == [2, 3, 4]  # at 1 all is zero
    assert rows == [{"A": 5, "B": 0}, {"A": 5, "B": 8}, {"A": 7, "B": 8}]


def test_averages_leave_zeros_out_where_they_mean_nothing(tmp_path):
    values, _ = attitude_values(write_siaf(tmp_path / "siaf"))
    told = {name: series((1, value), (2, value)) for name, value in values.items()}
    told |= {"SA_ZATTEST1": series((1, 0), (2, 0.3), (4, 0.5)), "SA_ZFGGSCMDX": series((1, 0), (2, 3))}
    told |= {"SA_ZFGDETID": series((1, 2), (2, 1))}
    (pointing,) = telemetry.average(told)
    assert pointing.quaternion[0] == pytest.approx(0.4)
    assert pointing.commanded[0] == 1.5
    assert pointing.fgsid == 2
    assert len(telemetry.every(told)) == 3
    assert [p.time for p in telemetry.first(told)] == [1]
    with pytest.raises(ReferenceError, match="nothing but zeros in SA_ZRFGS2J22"):
        telemetry.average(told | {"SA_ZRFGS2J22": series((1, 0), (2, 0))})


def test_every_table_is_read_as_it_was_written(tmp_path):
    values, _ = attitude_values(write_siaf(tmp_path / "siaf"))
    source = open_telemetry(write_telemetry(tmp_path / "t.csv", values))
    for name, value in values.items():
        assert source.samples(name, 0, 1e5).values.tolist() == [value] * 3


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "first line is not"),
        ("a,b\n1,2\n", "first line is not mnemonic,time,value"),
        ("mnemonic,time,value\nX,1\n", "line 2: 2 values where 3"),
        ("mnemonic,time,value\n\n# c\nX,yesterday,1\n", "line 4: 'yesterday' is no time"),
        ("mnemonic,time,value\nX,nan,1\n", "'nan'"),
        ("mnemonic,time,value\nX,1,\n", "value '' of telemetry is no number"),
        ("mnemonic,time,value\nX,1,inf\n", "'inf'"),
        (b"\xff\xfe\x00", "is no text"),
    ],
)
def test_hostile_tables_are_told(tmp_path, text, problem):
    path = tmp_path / "t.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(InputError, match=problem):
        open_telemetry(path).samples("X", 0, 1)


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("x_data.json", "{", "is no JSON"),
        ("x_data.json", "[]", "no Data with ObsTime"),
        ("x_data.json", '{"Data": [{"ObsTime": "now", "EUValue": 1}]}', "no Data with ObsTime"),
        ("x_data.json", '{"Data": [{"ObsTime": "/Date(1)/", "EUValue": "off"}]}', "'off'"),
        ("X.csv", "a,b\r\n1,2", "no columns MJD and euvalue"),
        ("X.csv", "MJD,euvalue\r\n1", "None"),
    ],
)
def test_hostile_folders_are_told(tmp_path, name, text, problem):
    (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match=problem):
        open_telemetry(tmp_path).samples("X", 0, 1)


def test_an_empty_answer_is_no_telemetry(tmp_path):
    (tmp_path / "x_data.json").write_text('{"Data": null}')
    (tmp_path / "Y.csv").write_text("MJD,euvalue\r\n")
    for name in "XY":
        with pytest.raises(ReferenceError, match="no telemetry of"):
            gather(open_telemetry(tmp_path), [name], 1, 2)


def test_no_file_is_told(tmp_path):
    with pytest.raises(UsageError, match="no file or folder"):
        open_telemetry(tmp_path / "none")
