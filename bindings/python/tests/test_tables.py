"""Tables from everywhere come out the same."""

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import privity as pv

DATA = {
    "id": ["a", "b", "c"],
    "age": [31, 42, 53],
    "income": [1.5, 2.5, -3.25],
    "job": ["clerk", "baker", "clerk"],
    "owner": [True, False, True],
}
SCHEMA = [
    ("id", "text", 3),
    ("age", "number", None),
    ("income", "number", None),
    ("job", "text", 2),
    ("owner", "bool", None),
]


class Stream:
    """Somebody else's Arrow object."""

    def __init__(self, table):
        self._table = table

    def __arrow_c_stream__(self, requested_schema=None):
        return self._table.__arrow_c_stream__(requested_schema)


FRAMES = {
    "dict of lists": DATA,
    "dict of arrays": {k: np.array(v) for k, v in DATA.items()},
    "dict of small arrays": {
        **DATA,
        "age": np.array(DATA["age"], "u1"),
        "income": np.array(DATA["income"], "f4"),
    },
    "pandas": pd.DataFrame(DATA),
    "pandas with index": pd.DataFrame(DATA, index=[7, 8, 9]),
    "pandas categorical and nullable": pd.DataFrame(DATA).astype(
        {"job": "category", "age": "Int64"}
    ),
    "polars": pl.DataFrame(DATA),
    "polars categorical": pl.DataFrame(DATA).with_columns(pl.col("job").cast(pl.Categorical)),
    "pyarrow": pa.table(DATA),
    "pyarrow in chunks": pa.concat_tables([pa.table(DATA).slice(0, 1), pa.table(DATA).slice(1)]),
    "pyarrow batch": pa.record_batch(DATA),
    "pyarrow dictionary": pa.table(DATA | {"job": pa.array(DATA["job"]).dictionary_encode()}),
    "any stream": Stream(pa.table(DATA)),
}


@pytest.mark.parametrize("kind", FRAMES)
def test_frames_make_the_same_table(kind):
    table = pv.table(FRAMES[kind])
    assert table.schema() == SCHEMA
    assert table.rows == 3


@pytest.mark.parametrize("kind", FRAMES)
def test_own_columns_come_back_in_the_common_order(kind):
    def program(s, data):
        joint = s.align(s.bind(data), on="id")
        if s.name != "alpha":
            return None
        return {name: joint.own_column(name) for name in ("id", "age", "income", "job", "owner")}

    data = {"alpha": FRAMES[kind], "beta": {"id": ["c", "x", "a"], "k": [1, 2, 3]}, "bureau": None}
    columns = pv.run_local(program, data)["alpha"]
    ids = columns["id"].to_list()
    assert sorted(ids) == ["a", "c"]
    for name, column in columns.items():
        expected = [DATA[name][DATA["id"].index(i)] for i in ids]
        assert column.to_list() == expected
        assert len(column) == 2
        assert pa.array(column).to_pylist() == expected
        assert pl.Series(column).to_list() == expected


def test_files(tmp_path):
    frame = pd.DataFrame(DATA)
    frame.to_csv(tmp_path / "t.csv", index=False)
    pq.write_table(pa.table(DATA), tmp_path / "t.parquet")
    # A CSV file has no booleans of its own.
    assert pv.read_csv(tmp_path / "t.csv").schema()[:4] == SCHEMA[:4]
    assert pv.read_parquet(tmp_path / "t.parquet").schema() == SCHEMA
    assert pv.table(tmp_path / "t.csv").rows == 3
    assert pv.table(str(tmp_path / "t.parquet")).rows == 3


def test_missing_text_as_a_level():
    data = {"job": ["clerk", None, "baker"]}
    with pytest.raises(pv.DataError):
        pv.table(data)
    assert pv.table(data, missing="as_level").schema() == [("job", "text", 3)]


BAD = {
    "missing number": ({"age": [31, None]}, 2, "age"),
    "missing text": ({"job": ["clerk", "baker", None]}, 3, "job"),
    "NaN": ({"age": np.array([1.0, np.nan])}, 2, "age"),
    "infinite": ({"age": [1.0, float("inf")]}, 2, "age"),
    "mixed": ({"age": [31, "old"]}, 2, "age"),
    "object": ({"age": [[31]]}, 1, "age"),
    "pandas NaN": (pd.DataFrame({"age": [None, 2.0]}), 1, "age"),
    "pandas NA": (pd.DataFrame({"age": pd.array([1, None], "Int64")}), 2, "age"),
    "polars null": (pl.DataFrame({"age": [1, None]}), 2, "age"),
    "date": (pd.DataFrame({"day": pd.to_datetime(["2020-01-01"])}), 1, "day"),
}


@pytest.mark.parametrize("kind", BAD)
def test_bad_cells_are_located(kind):
    data, row, column = BAD[kind]
    with pytest.raises(pv.DataError) as caught:
        pv.table(data, name="customers")
    e = caught.value
    assert isinstance(e, ValueError)
    assert (e.file, e.row, e.column) == ("customers", row, column)
    assert e.rule
    assert e.fix
    for word in ("customers", f"row {row}", column):
        assert word in str(e)


def test_csv_errors_name_the_line(tmp_path):
    path = tmp_path / "bad.csv"
    path.write_text("id,age\na,31\nb,4x\nc,53\n")
    with pytest.raises(pv.DataError) as caught:
        pv.read_csv(path)
    e = caught.value
    assert (e.row, e.line, e.column) == (2, 3, "age")
    assert e.file.endswith("bad.csv")
    assert "4x" not in str(e)


@pytest.mark.parametrize(
    "data",
    [
        3,
        {"a": [1], "b": [1, 2]},
        {"a": np.zeros((2, 2))},
        "table.txt",
        [1, 2],
        {"a": "abc"},
        {"a": 3},
        {},
        pd.DataFrame(),
    ],
    ids=[
        "number",
        "ragged",
        "two dimensions",
        "file type",
        "list",
        "text as column",
        "number as column",
        "empty",
        "empty frame",
    ],
)
def test_what_is_no_table(data):
    with pytest.raises(pv.ArgumentError) as caught:
        pv.table(data)
    assert caught.value.fix


def test_a_missing_file(tmp_path):
    with pytest.raises(pv.FileError) as caught:
        pv.read_csv(tmp_path / "nowhere.csv")
    assert caught.value.file.endswith("nowhere.csv")
