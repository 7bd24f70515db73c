"""How much memory steps may use: amounts as users write them, limits of containers, and what does not fit."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import pytest

from workbench.config import Config
from workbench.errors import ConfigError, MemoryLimit
from workbench.memory import (
    SCRATCH,
    _Process,
    duckdb_settings,
    how_many_fit,
    installed,
    limit_memory,
    memory_limit,
    memory_share,
    parse_memory,
    require_memory,
    scratch_folder,
)

if TYPE_CHECKING:
    from workbench.project import Project

TOLD = ("POLARS_OOC_MEMORY_BUDGET_MB", "POLARS_OOC_SPILL_DIR", "WORKBENCH_TOLD_POLARS")
MACHINE = installed(own=Path("absent")).bytes


@pytest.fixture(autouse=True)
def as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test sets for the process ends with it."""
    monkeypatch.setattr("workbench.memory._process", _Process())
    for name in TOLD:
        monkeypatch.setenv(name, os.environ.get(name, ""))


@pytest.mark.parametrize(
    ("text", "count"),
    [("4GB", 4 * 10**9), ("512MiB", 2**29), (" 1.5 GB ", 1_500_000_000), ("50%", 5_000), ("100%", 10_000)],
)
def test_amounts_are_read_as_people_write_them(text: str, count: int) -> None:
    assert parse_memory(text, total=10_000) == count


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("4gb", "did you mean 'GB'"),
        ("4GBB", "did you mean 'GB'"),
        ("4", "write it as 4GB, 512MiB or 50%"),
        ("much", "write it as 4GB"),
        ("-1GB", "write it as 4GB"),
        ("0%", "above 0% and up to 100%"),
        ("120%", "above 0% and up to 100%"),
        ("64MB", "give at least 512MB"),
    ],
)
def test_other_amounts_are_mistakes_of_the_settings(text: str, hint: str) -> None:
    with pytest.raises(ConfigError, match=r"compute\.memory") as raised:
        Config.parse(f'[project]\nname = "x"\n[compute]\nmemory = "{text}"\n')
    assert hint in str(raised.value)


def test_a_misspelt_key_names_the_setting() -> None:
    with pytest.raises(ConfigError, match="did you mean 'memory'"):
        Config.parse('[project]\nname = "x"\n[compute]\nmemori = "4GB"\n')


def cgroups(folder: Path, lines: str, limits: dict[str, str]) -> tuple[int, str]:
    """Return what is found where a process is in the groups `lines`, and the files of limits say so much."""
    own = folder / "own"
    own.write_text(lines)
    for name, text in limits.items():
        path = folder / "fs" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    found = installed(own=own, cgroups=folder / "fs")
    return found.bytes, found.of


def test_the_container_s_limit_counts_by_either_version_and_by_the_groups_around_it(tmp_path: Path) -> None:
    first = {"jobs/one/memory.max": "300000000\n", "jobs/memory.max": "200000000\n", "memory.max": "max\n"}
    assert cgroups(tmp_path, "0::/jobs/one\n", first) == (200_000_000, "the container")
    second = {"memory/a/b/memory.limit_in_bytes": f"{2**63 - 4096}\n", "memory/memory.limit_in_bytes": "77777\n"}
    lines = "5:cpu,cpuacct:/a\n4:memory:/a/b\n0::/\n"
    assert cgroups(tmp_path, lines, second) == (77_777, "the container")


def test_without_limits_it_is_the_machine_s(tmp_path: Path) -> None:
    assert cgroups(tmp_path, "0::/\n", {"memory.max": "max\n"}) == (MACHINE, "the machine")
    assert cgroups(tmp_path, "", {}) == (MACHINE, "the machine")
    assert installed(own=tmp_path / "absent").of == "the machine"


def test_the_limit_is_the_setting_or_most_of_what_there_is() -> None:
    limit_memory(None)
    assert memory_limit() == int(installed().bytes * 0.8)
    limit_memory("1GB")
    assert memory_limit() == 10**9
    assert memory_share(0.5) < 5 * 10**8
    assert memory_share(0.5, least=7 * 10**8) == 7 * 10**8
    assert memory_share(0.5, most=5) == 5
    assert how_many_fit(1, most=3) == 3
    assert how_many_fit(10**12, most=3) == 1


def test_what_does_not_fit_is_refused_with_how_much_it_takes_and_the_remedy() -> None:
    limit_memory("1GB")
    require_memory(10_000, "This", remedy="Do less")
    with pytest.raises(MemoryLimit, match=r"^This takes about 5\.0 GB of memory, and \d+ MB are left") as raised:
        require_memory(5 * 10**9, "This", remedy="Do less")
    assert '[compute] memory = "1GB"' in raised.value.message
    assert raised.value.remedy.startswith("Do less, or raise [compute] memory")


def test_engines_are_told_and_what_a_user_set_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in TOLD:
        monkeypatch.delenv(name)
    limit_memory("2GB", tmp_path)
    assert os.environ["POLARS_OOC_MEMORY_BUDGET_MB"] == "1000"
    assert os.environ["POLARS_OOC_SPILL_DIR"] == str(tmp_path / SCRATCH / "polars")
    limit_memory("4GB", tmp_path)
    assert os.environ["POLARS_OOC_MEMORY_BUDGET_MB"] == "2000"
    monkeypatch.setattr("workbench.memory._process", _Process())  # as in a kernel of another project's server
    limit_memory("6GB", tmp_path / "other")
    assert os.environ["POLARS_OOC_MEMORY_BUDGET_MB"] == "3000"
    assert os.environ["POLARS_OOC_SPILL_DIR"] == str(tmp_path / "other" / SCRATCH / "polars")
    monkeypatch.setenv("POLARS_OOC_MEMORY_BUDGET_MB", "77")
    limit_memory("3GB", tmp_path)
    assert os.environ["POLARS_OOC_MEMORY_BUDGET_MB"] == "77"
    with scratch_folder("sql") as folder, duckdb.connect(config=duckdb_settings(folder)) as connection:
        assert folder.parent == tmp_path / SCRATCH
        said = connection.execute("select current_setting('memory_limit'), current_setting('temp_directory')")
        amount, place = said.fetchall()[0]
        assert place == str(folder)
        assert "GiB" in amount or "MiB" in amount
    assert list((tmp_path / SCRATCH).iterdir()) == []


def test_a_project_s_setting_holds_while_its_verbs_run(project: Project) -> None:
    project.status()
    assert memory_limit() == int(installed().bytes * 0.8)
    settings = project.root / "workbench.toml"
    settings.write_text(settings.read_text() + '[compute]\nmemory = "600MB"\n')
    project.status()
    assert memory_limit() == 600_000_000
    found = project.sql("select count(*) as n from range(10)")
    assert found["n"].item() == 10
    assert list((project.root / ".workbench" / SCRATCH).glob("workbench-sql-*")) == []
