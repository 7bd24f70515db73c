from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from workbench.errors import SourceError, SourceNotFound
from workbench.sources.listing import resolve

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
    with pytest.raises(SourceNotFound, match=r"no file at .*nothing\*"):
        declare(path="data/nothing*").snapshot()
    with pytest.raises(SourceNotFound, match=r"matches folders"):
        declare(path="data/day=*").snapshot()


def test_an_empty_folder_and_a_missing_file_say_so(declare: Declare, root: Path) -> None:
    with pytest.raises(SourceNotFound, match="no file"):
        declare(path="data").snapshot()
    with pytest.raises(SourceNotFound, match=r"not there: .*gone\.parquet"):
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
