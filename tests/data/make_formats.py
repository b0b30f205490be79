"""Writes the Parquet files of component/formats/tests/data/parquet, and the text files of
component/formats/tests/data/written.

    python3 -m venv /tmp/venv && /tmp/venv/bin/pip install pyarrow polars duckdb
    /tmp/venv/bin/python tests/data/make_formats.py [DIRECTORY]

With `--large FILE CODEC ROWS` it writes one large file for measuring instead.
The files are kept in the repository; tests do not run this script.
"""

import datetime as dt
import decimal
import pathlib
import sys

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.parquet as pq

HERE = pathlib.Path(__file__).resolve().parent
DEFAULT = HERE.parents[1] / "component" / "formats" / "tests" / "data"
UTC = dt.timezone.utc


def mixed(rows=40):
    """One column of each type that people have, with NULLs; row i can be computed in a test."""
    def some(make):
        return [None if i % 7 == 3 else make(i) for i in range(rows)]

    day = dt.date(2024, 1, 1)
    noon = dt.datetime(2024, 1, 1, 12)
    return pa.table({
        "id": pa.array(range(rows), pa.int64()),
        "small": pa.array(some(lambda i: i - 20), pa.int8()),
        "price": pa.array(some(lambda i: i / 4), pa.float64()),
        "ok": pa.array(some(lambda i: i % 2 == 0), pa.bool_()),
        "name": pa.array(some(lambda i: f"name {i}"), pa.string()),
        "kind": pa.array(some(lambda i: ["a", "b", "c"][i % 3]), pa.string()).dictionary_encode(),
        "raw": pa.array(some(lambda i: bytes([i, 255])), pa.binary()),
        "day": pa.array(some(lambda i: day + dt.timedelta(days=i)), pa.date32()),
        "at": pa.array(some(lambda i: noon + dt.timedelta(seconds=i)), pa.timestamp("us")),
        "zoned": pa.array(some(lambda i: noon.replace(tzinfo=UTC) + dt.timedelta(seconds=i)),
                          pa.timestamp("ms", "Europe/Oslo")),
        "amount": pa.array(some(lambda i: decimal.Decimal(i * 100 + 5).scaleb(-2)), pa.decimal128(9, 2)),
    })


def nested(rows=20):
    return pa.table({
        "tags": pa.array([None if i % 5 == 4 else [f"t{j}" for j in range(i % 3)] for i in range(rows)],
                         pa.list_(pa.string())),
        "place": pa.array([{"city": f"c{i}", "at": {"x": i, "y": None if i % 2 else -i}} for i in range(rows)]),
        "points": pa.array([[{"x": j, "y": [j] * j} for j in range(i % 4)] for i in range(rows)]),
        "map": pa.array([[(f"k{j}", j) for j in range(i % 3)] for i in range(rows)],
                        pa.map_(pa.string(), pa.int32())),
    })


def from_pyarrow(to):
    table = mixed()
    for codec in ["none", "snappy", "gzip", "brotli", "lz4", "zstd"]:
        pq.write_table(table, to / f"pyarrow_{codec}.parquet", compression=codec)
    pq.write_table(table, to / "pyarrow_v2_pages.parquet", data_page_version="2.0", version="2.6",
                   compression="zstd", data_page_size=64, write_batch_size=8)
    pq.write_table(table, to / "pyarrow_page_index.parquet", write_page_index=True,
                   write_page_checksum=True, data_page_size=64, write_batch_size=8)
    pq.write_table(table, to / "pyarrow_plain.parquet", use_dictionary=False, write_statistics=False,
                   store_schema=False)
    deltas = {"id": "DELTA_BINARY_PACKED", "price": "BYTE_STREAM_SPLIT", "name": "DELTA_BYTE_ARRAY",
              "raw": "DELTA_LENGTH_BYTE_ARRAY"}
    pq.write_table(table.select(list(deltas)), to / "pyarrow_deltas.parquet", use_dictionary=False,
                   column_encoding=deltas)
    pq.write_table(table.select(["id", "at"]), to / "pyarrow_int96.parquet",
                   use_deprecated_int96_timestamps=True)
    pq.write_table(nested(), to / "pyarrow_nested.parquet")
    pq.write_table(nested(), to / "pyarrow_nested_v2.parquet", data_page_version="2.0",
                   compression="zstd", data_page_size=32, write_batch_size=4)
    pq.write_table(table.slice(0, 0), to / "pyarrow_empty.parquet")
    pq.write_table(table.select(["id", "name", "kind"]), to / "pyarrow_groups.parquet", row_group_size=15)
    big = decimal.Decimal(10) ** 30
    pq.write_table(pa.table({
        "large": pa.array([big, -big, None], pa.decimal256(50, 3)),
        "text": pa.array(["a", None, "ccc"], pa.large_string()),
        "view": pa.array(["a", None, "a text longer than a view"], pa.string_view()),
        "took": pa.array([1, None, 3], pa.duration("ms")),
        "half": pa.array([1, None, 3], pa.float32()).cast(pa.float16()),
        "nothing": pa.nulls(3),
        "clock": pa.array([1, None, 3], pa.time64("us")),
        "fixed": pa.array([b"abc", None, b"def"], pa.binary(3)),
        "lists": pa.array([[1], None, [2, 3]], pa.large_list(pa.int32())),
        "pair": pa.array([[1, 2], None, [3, 4]], pa.list_(pa.int32(), 2)),
        "unsigned": pa.array([2**64 - 1, None, 0], pa.uint64()),
    }), to / "pyarrow_rare.parquet")
    # Far apart: incompressible columns, so that two of sixteen are ranges of their own.
    rng = [((i * 2654435761) ^ (i << 7)) & 0xFFFFFFFF for i in range(400)]
    wide = {f"c{c:02}": pa.array([(v * (c + 3)) % 2**31 for v in rng], pa.int32()) for c in range(16)}
    pq.write_table(pa.table(wide), to / "pyarrow_wide.parquet", use_dictionary=False, compression="none",
                   write_statistics=False, store_schema=False)


def from_polars(to):
    frame = pl.from_arrow(mixed())
    frame.write_parquet(to / "polars_default.parquet")
    for codec in ["uncompressed", "snappy", "gzip", "brotli", "lz4", "zstd"]:
        frame.select("id", "name", "kind", "at").write_parquet(to / f"polars_{codec}.parquet", compression=codec)
    pl.from_arrow(nested().select(["tags", "place"])).write_parquet(to / "polars_nested.parquet")


def from_duckdb(to):
    connection = duckdb.connect()
    connection.execute("SET threads = 1")
    connection.register("mixed", mixed())
    plain = "SELECT * REPLACE (kind::VARCHAR AS kind) FROM mixed"
    connection.execute(f"COPY ({plain}) TO '{to}/duckdb_default.parquet'")
    for codec in ["uncompressed", "snappy", "gzip", "brotli", "lz4_raw", "zstd"]:
        connection.execute(f'COPY (SELECT id, name, kind::VARCHAR AS kind, "at" FROM mixed) '
                           f"TO '{to}/duckdb_{codec}.parquet' (CODEC '{codec}')")
    connection.execute(f"COPY ({plain}) TO '{to}/duckdb_v2.parquet' (PARQUET_VERSION v2)")


def text(to):
    """The same rows as CSV, TSV, JSON lines and a JSON array."""
    table = mixed().select(["id", "price", "ok", "name", "day", "at"])
    frame = pl.from_arrow(table)
    pc.write_csv(table, to / "pyarrow.csv")
    pc.write_csv(table, to / "pyarrow.tsv", pc.WriteOptions(delimiter="\t"))
    frame.write_csv(to / "polars.csv")
    frame.write_csv(to / "polars.tsv", separator="\t")
    frame.write_ndjson(to / "polars.jsonl")
    frame.write_json(to / "polars.json")
    connection = duckdb.connect()
    connection.register("mixed", table)
    for name, options in [("csv", "FORMAT csv"), ("tsv", "FORMAT csv, DELIMITER '\t'"),
                          ("jsonl", "FORMAT json"), ("json", "FORMAT json, ARRAY true")]:
        connection.execute(f"COPY mixed TO '{to}/duckdb.{name}' ({options})")


def large(file, codec, rows):
    """Orders, about 60 bytes a row: numbers, prices, days, codes and free text."""
    connection = duckdb.connect()
    connection.execute("SELECT setseed(0.5)")
    query = f"""
        SELECT i AS id, (random() * 1e6)::INTEGER AS part, (random() * 50)::INTEGER AS quantity,
               round(random() * 1e5, 2) AS price, round(random() * 0.1, 2) AS discount,
               DATE '2020-01-01' + (random() * 1500)::INTEGER AS day,
               ['AIR', 'MAIL', 'RAIL', 'SHIP', 'TRUCK'][1 + (random() * 4)::INTEGER] AS mode,
               'note ' || md5((i % 50021)::VARCHAR)[:1 + (random() * 24)::INTEGER] AS note
        FROM range({int(rows)}) AS t(i)"""
    table = connection.execute(query).to_arrow_table()
    pq.write_table(table, file, compression=codec, row_group_size=500_000)


def main(arguments):
    if arguments[:1] == ["--large"]:
        large(*arguments[1:])
        return
    to = pathlib.Path(arguments[0]) if arguments else DEFAULT
    parquet, written = to / "parquet", to / "written"
    for folder in [parquet, written]:
        folder.mkdir(parents=True, exist_ok=True)
    from_pyarrow(parquet)
    from_polars(parquet)
    from_duckdb(parquet)
    text(written)


if __name__ == "__main__":
    main(sys.argv[1:])
