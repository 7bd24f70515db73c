from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from workbench.errors import SourceError, SourceNotFound
from workbench.sources.glob import resolve

from .conftest import Declare


def test_a_folder_is_read_to_the_bottom_without_hidden_files(declare: Declare, root: Path, rows: pl.DataFrame) -> None:
    for name in ("a.parquet", "deep/b.parquet", "_temporary/c.parquet", ".hidden.parquet"):
        rows.write_parquet(root / "data" / name, mkdir=True)
    assert declare(path="data").snapshot().detail["paths"] == ["data/a.parquet", "data/deep/b.parquet"]


def test_a_glob_takes_what_it_matches(declare: Declare, root: Path, rows: pl.DataFrame) -> None:
    for name in ("2023.parquet", "2024.parquet", "notes.md"):
        rows.write_parquet(root / "data" / name)
    source = declare(path="data/202?.parquet")
    assert source.frame(source.snapshot()).collect().height == 2 * rows.height


def test_a_file_whose_name_looks_like_a_glob_is_that_file(declare: Declare, root: Path, rows: pl.DataFrame) -> None:
    for name in ("a[b].parquet", "ab.parquet"):
        rows.write_parquet(root / "data" / name)
    assert declare(path="data/a[b].parquet").snapshot().detail["path"] == "data/a[b].parquet"


def test_a_glob_without_files_says_so(declare: Declare, root: Path) -> None:
    (root / "data" / "day=1").mkdir()
    with pytest.raises(SourceNotFound, match=r"not match a file: .*nothing\*"):
        declare(path="data/nothing*").snapshot()
    with pytest.raises(SourceNotFound, match=r"matches folders"):
        declare(path="data/day=*").snapshot()


def test_an_empty_folder_and_a_missing_file_say_so(declare: Declare, root: Path) -> None:
    with pytest.raises(SourceNotFound, match="not match a file"):
        declare(path="data").snapshot()
    with pytest.raises(SourceNotFound, match=r"not exist: .*gone\.parquet"):
        declare(path="gone.parquet").snapshot()


def test_mixed_formats_are_named_with_an_example_each(declare: Declare, root: Path, rows: pl.DataFrame) -> None:
    rows.write_parquet(root / "data" / "a.parquet")
    rows.write_csv(root / "data" / "b.csv")
    (root / "data" / "README.md").write_text("hello")
    with pytest.raises(SourceError) as caught:
        declare(path="data").snapshot()
    assert [line.strip() for line in caught.value.lines] == [
        "csv: b.csv",
        "parquet: a.parquet",
        "unknown (.md): README.md",
    ]


def test_format_reads_files_of_any_name(declare: Declare, root: Path, rows: pl.DataFrame) -> None:
    rows.write_parquet(root / "data" / "part-0000")
    with pytest.raises(SourceError, match="format of part-0000 is not known"):
        declare(path="data").snapshot()
    assert declare(path="data", format="parquet").frame().collect().equals(rows)


def test_a_delta_table_is_not_read_as_files(declare: Declare, root: Path, rows: pl.DataFrame) -> None:
    rows.write_delta(str(root / "data" / "table"))
    with pytest.raises(SourceError, match="is a Delta table"):
        declare(path="data/table").snapshot()


@pytest.mark.parametrize("path", ["data", "data/table/*.parquet", "data/**/*.parquet", "data/*/*/*.parquet", "data/*"])
def test_a_delta_table_is_found_wherever_its_files_are(
    declare: Declare, root: Path, rows: pl.DataFrame, path: str
) -> None:
    partitioned = {"partition_by": ["id"]} if path.count("*") == 3 else {}
    for _ in range(2):
        rows.write_delta(str(root / "data" / "table"), mode="overwrite", delta_write_options=partitioned)
    if path == "data/*":
        (root / "data" / "old.parquet").symlink_to(next((root / "data" / "table").rglob("*.parquet")))
    with pytest.raises(SourceError, match="is a Delta table") as caught:
        declare(path=path).snapshot()
    assert f'delta = "{root / "data" / "table"}"' in caught.value.remedy


@pytest.mark.parametrize(("log", "kind"), [(".hoodie/x", "Hudi"), ("metadata/v1.metadata.json", "Iceberg")])
def test_other_tables_are_not_read_as_files(
    declare: Declare, root: Path, rows: pl.DataFrame, log: str, kind: str
) -> None:
    rows.write_parquet(root / "data" / "table" / "data" / "a.parquet", mkdir=True)
    (root / "data" / "table" / log).parent.mkdir()
    (root / "data" / "table" / log).touch()
    with pytest.raises(SourceError, match=f"{kind} table"):
        declare(path="data/table/data/*.parquet").snapshot()


def paths(declare: Declare, path: str) -> list[str]:
    """Return the files that `path` stands for, below ``data``."""
    detail = declare(path=path).snapshot().detail
    found = detail.get("paths", [detail.get("path")])
    assert isinstance(found, list)
    return [str(name).removeprefix("data/") for name in found]


ALL = ["data", "data/**/*.parquet", "data/**/**/*.parquet", "data/**/**/**", "data/**/*"]


@pytest.mark.parametrize("path", ALL)
def test_a_file_counts_once_and_writers_own_files_never(
    declare: Declare, root: Path, rows: pl.DataFrame, path: str
) -> None:
    names = ["a.parquet", "x/b.parquet", "x/y/c.parquet"]
    for name in [*names, "_temporary/0/d.parquet", ".tmp/e.parquet", "x/_f.parquet", "x/.g.parquet"]:
        rows.write_parquet(root / "data" / name, mkdir=True)
    for name in ("_SUCCESS", "x/_SUCCESS", ".a.parquet.crc"):
        (root / "data" / name).touch()
    assert paths(declare, path) == names


@pytest.mark.parametrize("path", ALL)
def test_links_are_followed_once_and_circles_end(declare: Declare, root: Path, rows: pl.DataFrame, path: str) -> None:
    data, away = root / "data", root / "away"
    for name in ("data/a.parquet", "data/z/b.parquet", "away/c.parquet", "away/deep/d.parquet"):
        rows.write_parquet(root / name, mkdir=True)
    (data / "2023").symlink_to(away)  # elsewhere: read
    (data / "again").symlink_to(away / "deep")  # elsewhere, and met below the link before
    for place in (data, data / "z"):
        for name in ("loop", "other"):
            (place / name).symlink_to(data)
    (data / "b_latest.parquet").symlink_to(data / "z" / "b.parquet")
    found = paths(declare, path)
    assert {Path(root / "data" / name).resolve() for name in found} == {
        root / name for name in ("data/a.parquet", "data/z/b.parquet", "away/c.parquet", "away/deep/d.parquet")
    }
    assert len(found) == 4
    assert {"a.parquet", "z/b.parquet"} <= set(found)


def test_a_pattern_that_names_a_hidden_folder_reads_it(declare: Declare, root: Path, rows: pl.DataFrame) -> None:
    rows.write_parquet(root / "data" / "_old" / "a.parquet", mkdir=True)
    for path in ("data/_old/*.parquet", "data/_*/*.parquet", "data/_old"):
        assert paths(declare, path) == ["_old/a.parquet"]
    with pytest.raises(SourceNotFound):
        declare(path="data/*/*.parquet").snapshot()


@pytest.mark.parametrize("path", ["data", "data/**/*.parquet", "data/*.parquet", "data/gone/*.parquet", "data/gone"])
def test_a_link_to_nothing_is_told(declare: Declare, root: Path, rows: pl.DataFrame, path: str) -> None:
    rows.write_parquet(root / "data" / "a.parquet")
    (root / "data" / ("2023.parquet" if path == "data/*.parquet" else "gone")).symlink_to(root / "unmounted")
    with pytest.raises(SourceNotFound, match="unmounted" if "gone" not in path else r"data/gone"):
        declare(path=path).snapshot()


@pytest.mark.parametrize("linked", ["day=2", "day=2/a.parquet"])
def test_linked_hive_folders_do_not_drop_rows(declare: Declare, root: Path, rows: pl.DataFrame, linked: str) -> None:
    rows.write_parquet(root / "data" / "day=1" / "a.parquet", mkdir=True)
    target = root / "data" / linked
    target.parent.mkdir(exist_ok=True)
    target.symlink_to(root / "data" / linked.replace("2", "1"))
    with pytest.raises(SourceError, match="the same data"):
        declare(path="data").snapshot()


def test_a_url_as_path_is_refused_without_its_secret(declare: Declare) -> None:
    with pytest.raises(SourceError, match="from this machine only") as caught:
        declare(path="https://ann:s3cret@host/x.parquet").snapshot()
    assert "s3cret" not in str(caught.value)


def test_home_and_places_outside_the_root_are_found(
    declare: Declare, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch, rows: pl.DataFrame
) -> None:
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HOME", str(home))
    rows.write_parquet(home / "a.parquet")
    assert declare(path="~/a.parquet").frame().collect().equals(rows)
    assert declare(path=str(home / "*.parquet")).snapshot().detail["path"] == str(home / "a.parquet")
    assert resolve(Path("/project"), "../a") == Path("/a")


def test_hive_folders_become_columns(declare: Declare, root: Path, rows: pl.DataFrame) -> None:
    for day in (1, 2):
        rows.write_parquet(root / "data" / f"day={day}" / "a.parquet", mkdir=True)
    source = declare(path="data")
    assert source.frame(source.snapshot()).collect().get_column("day").unique().sort().to_list() == [1, 2]
    assert "day" not in declare(path="data/day=1").frame().collect_schema()


def hive(root: Path, rows: pl.DataFrame, *folders: str, **columns: object) -> None:
    for folder in folders:
        rows.with_columns(**columns).write_parquet(root / "data" / folder / "a.parquet", mkdir=True)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("folders", "dtype", "values", "told"),
    [
        (["zip=02134", "zip=2134"], pl.String, {"02134", "2134"}, "leading zeros"),
        (["zip=1e2", "zip=100"], pl.String, {"1e2", "100"}, "exponent"),
        (["zip=9007199254740993", "zip=1.5"], pl.String, {"9007199254740993", "1.5"}, "more digits"),
        (["zip=1", "zip=1.0"], pl.String, {"1", "1.0"}, "two spellings"),
        (["zip=a%20b", "zip=__HIVE_DEFAULT_PARTITION__"], pl.String, {"a b", None}, ""),
        (["zip=1", "zip=-2"], pl.Int64, {1, -2}, ""),
        (["zip=0.5", "zip=2.5"], pl.Float64, {0.5, 2.5}, ""),
        (["zip=2024-01-01", "zip=2024-02-29"], pl.Date, {date(2024, 1, 1), date(2024, 2, 29)}, ""),
        (["zip=2024-01-01", "zip=2024-02-30"], pl.String, {"2024-01-01", "2024-02-30"}, "not a valid date"),
    ],
)
def test_keys_of_hive_folders_are_not_guessed(
    declare: Declare, root: Path, rows: pl.DataFrame, folders: list[str], dtype: Any, values: set[Any], told: str
) -> None:
    hive(root, rows, *folders)
    source = declare(path="data")
    found = source.frame(source.snapshot()).collect()
    assert found.schema["zip"] == dtype
    assert set(found["zip"]) == values
    notes = [warning.message for warning in source.check()]
    assert [told in note for note in notes] == ([True] if told else [])


def test_a_declared_key_of_hive_folders_is_taken_at_its_word(declare: Declare, root: Path, rows: pl.DataFrame) -> None:
    hive(root, rows, "zip=02134", "zip=2134")
    source = declare(path="data", dtypes={"zip": "Int32"})
    assert source.frame().collect()["zip"].unique().to_list() == [2134]
    assert source.check() == ()
    with pytest.raises(SourceError, match="2 values of 'zip' cannot be Boolean"):
        declare(path="data", dtypes={"zip": "Boolean"}).frame()
    with pytest.raises(SourceError, match="`dtypes` says nothing about parquet"):
        declare(path="data", dtypes={"amount": "Float32"}).frame()


@pytest.mark.parametrize(
    ("folder", "value", "agrees"),
    [
        ("day=1", 1, True),
        ("day=01", 1, True),
        ("day=01", "01", True),
        ("day=2024-01-01", date(2024, 1, 1), True),
        ("day=a%20b", "a b", True),
        ("day=__HIVE_DEFAULT_PARTITION__", pl.lit(None, pl.Int64), True),
        ("day=1", 2, False),
        ("day=1", "01", False),
        ("day=1", None, False),
        ("day=x", 1, False),
        ("day=1", pl.Series([1] * 19 + [2]), False),
        ("day=1", pl.lit([1]), False),
    ],
)
def test_a_column_called_like_its_folder_agrees_or_is_refused(
    declare: Declare, root: Path, rows: pl.DataFrame, folder: str, value: Any, *, agrees: bool
) -> None:
    column = value if isinstance(value, pl.Expr | pl.Series) else pl.lit(value)
    for other in ("hour=1", "hour=02"):
        hive(root, rows, f"{folder}/{other}", day=column)
    source = declare(path="data")
    if agrees:
        found = source.frame(source.snapshot()).collect()
        assert found["day"].unique().to_list() == [None if isinstance(value, pl.Expr) else value]
        assert found.schema["day"] == rows.with_columns(day=column).schema["day"]
        assert set(found["hour"]) == {"1", "02"}
        return
    with pytest.raises(SourceError, match="name of its folders and of a column"):
        source.frame(source.snapshot())


def test_moving_rows_to_another_hive_folder_is_other_data(declare: Declare, root: Path, rows: pl.DataFrame) -> None:
    rows.write_parquet(root / "data" / "day=1" / "a.parquet", mkdir=True)
    before = declare(path="data").snapshot()
    (root / "data" / "day=1").rename(root / "data" / "day=2")
    assert declare(path="data").snapshot() != before


def test_hive_folders_that_disagree_are_refused(declare: Declare, root: Path, rows: pl.DataFrame) -> None:
    rows.write_parquet(root / "data" / "day=1" / "a.parquet", mkdir=True)
    rows.write_parquet(root / "data" / "b.parquet")
    with pytest.raises(SourceError, match="not the same for every file"):
        declare(path="data").snapshot()
