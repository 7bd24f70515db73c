"""Records of published versions: written, read, asked for a version, and refused where they are not ours."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from typing import Any

import polars as pl
import pytest

from workbench.config import read_toml
from workbench.define import ColumnContract, Contract
from workbench.errors import FeatureNotFound, RegistryError, UsageError
from workbench.registry import InputRecord, Record, Version, VersionNumber, record_path, split_version
from workbench.registry.record import HEAD, Behind, Hold
from workbench.registry.summary import summary_of

CONTRACT = Contract(
    (
        ColumnContract("carrier", pl.String(), "entity"),
        ColumnContract("landed_at", pl.Datetime("us", "UTC"), "event_time"),
        ColumnContract("naive", pl.Datetime("ns"), "feature"),
        ColumnContract("kind", pl.Enum(["a", "b"]), "feature", isin=("a", "b"), description='Says "it"\nin two lines'),
        ColumnContract("mean", pl.Float64(), "feature", unit="minute", tolerance=0.01, ge=-90, nullable=True),
        ColumnContract("many", pl.List(pl.Struct({"x": pl.Datetime("us"), "y": pl.UInt8()})), "feature"),
        ColumnContract("price", pl.Decimal(10, 2), "feature"),
        ColumnContract("pair", pl.Array(pl.Float32, 2), "feature"),
    ),
    rules=("frame rule",),
)


def version(number: str = "1.0", **changes: Any) -> Version:
    facts: dict[str, Any] = {
        "number": number,
        "status": "live",
        "category": "new",
        "view_id": "a" * 64,
        "data_digest": "b" * 64,
        "rows": 12,
        "delta_version": 0,
        "code_hash": "c" * 64,
        "metadata_hash": "d" * 64,
        "features": "e" * 40,
        "branch": "exp/carry",
        "commit": "f" * 40,
        "published_at": datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC),
        "published_by": 'Ann "A" <ann@example.com>',
        "declaration": {
            "name": "spend",
            "entities": ["carrier"],
            "event_time": "landed_at",
            "created": None,
            "ttl": "2d",
            "parameters": {},
            "tags": {"domain": "delay"},
        },
        "contract_facts": CONTRACT.to_dict(),
        "inputs": (InputRecord("flights", "source", "1" * 64), InputRecord("other", "view", "2" * 64, "1.1")),
        "period": (datetime(2013, 1, 1, tzinfo=UTC), datetime(2013, 12, 31, tzinfo=UTC)),
    }
    return Version(**{**facts, **changes})


def record(*versions: Version, current: str | None) -> Record:
    return Record("spend", current, versions)


def test_a_record_reads_back_as_it_was_written() -> None:
    old = version("1.0", status="deprecated", until=date(2026, 3, 1), successor="2.0", accepted=("drift: new fares",))
    new = version("2.0", category="breaking", run="abc", materialized_at=datetime(2026, 2, 1, tzinfo=UTC), period=None)
    text = record(old, new, current="2.0").to_toml()
    back = Record.from_toml(text, path="registry/spend.toml")
    assert back.to_toml() == text
    assert back.version("1").until == date(2026, 3, 1)
    assert back.version("2.0").inputs == new.inputs
    assert back.version().published_at == new.published_at
    assert back.version().contract.schema == CONTRACT.schema
    assert back.version().contract.hash == CONTRACT.hash
    assert back.version().ttl == timedelta(days=2)
    assert back.version("1").accepted == ("drift: new fares",)


def test_the_same_versions_are_the_same_file_for_ever() -> None:
    noon = datetime(2026, 2, 1, 12, tzinfo=UTC)
    old = version(
        "1.0",
        status="deprecated",
        until=date(2026, 3, 1),
        successor="2.0",
        accepted=("drift: new fares",),
        behind=Behind(noon, "it drifted"),
        held=Hold(noon, "Ann <a@b.example>", {"flights": "1" * 64}),
    )
    new = version(
        "2.0",
        category="breaking",
        run="abc",
        materialized_at=noon,
        period=None,
        rows=2**53 + 1,
        follows="1.0",
        parameters='{"days":7}',
        inputs=(InputRecord("flights", "source", "1" * 64, rows=12),),
    )
    text = record(old, new, current="2.0").to_toml()
    assert (
        sha256(text.removeprefix(HEAD).encode()).hexdigest()
        == "4be944df22754f533af3972db70c7001e50c87e81983ec09d7079a0690a11be4"
    )
    assert Record.from_toml(text, path="registry/spend.toml").to_toml() == text


def test_a_parameter_that_is_none_can_be_published() -> None:
    declared = {**version().declaration, "parameters": {"limit": None, "days": 7}}
    text = record(version(declaration=declared), current="1.0").to_toml()
    assert Record.from_toml(text, path="registry/spend.toml").version().declaration["parameters"] == {"days": 7}


def test_a_reference_finds_the_version_it_asks_for() -> None:
    spend = record(version("1.0", status="superseded"), version("1.1"), version("2.0"), current="2.0")
    assert spend.version().number == "2.0"
    assert spend.version("1").number == "1.1"
    assert spend.version("1.0").number == "1.0"
    with pytest.raises(FeatureNotFound, match=r"no version 3 .*\n.*1\.0, 1\.1, 2\.0"):
        spend.version("3")


def test_a_retired_version_is_named_with_what_to_read_instead() -> None:
    spend = record(version("1.0", status="retired", successor="2.0"), version("2.0"), current="2.0")
    with pytest.raises(FeatureNotFound, match=r"1\.0 .*retired.\nRead 2\.0"):
        spend.version("1.0")
    with pytest.raises(FeatureNotFound, match=r"1\.0 .*retired.\nRead 2\.0"):
        spend.version("1")


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: text.replace('view = "spend"', 'view = "../spend"', 1),
        lambda text: text.replace('view = "spend"', 'view = "other"', 1),
        lambda text: text.replace('current = "1.0"', 'current = "7.0"', 1),
        lambda text: text.replace('status = "live"', 'status = "great"', 1),
        lambda text: text.replace("published_at = 2026", 'published_at = "x2026', 1),
        lambda text: text.replace("05.678901+00:00", "05.678901", 1),
        lambda text: text.replace("code_hash = ", "other_hash = ", 1),
        lambda text: text.replace("rows = 12", "rows = -12", 1),
        lambda text: text.replace("rows = 12", "rows = true", 1),
        lambda text: text.replace('kind = "source"', 'kind = "sauce"', 1),
        lambda text: text.replace("format = 1", "format = 2", 1),
        lambda text: text.replace('entities = ["carrier"]', "entities = 3", 1) + "\n[x",
        lambda text: text.replace("format = 1", f"format = {'9' * 5000}", 1),
        lambda text: text.replace("rows = ", f"rows = {'9' * 4000}", 1),
        lambda text: text.replace("format = 1", f"deep = {'[' * 50_000}", 1),
        lambda text: text.replace("format = 1", f"format = 1\ndeep = {'[' * 50_000}{']' * 50_000}", 1),
        lambda text: text.replace('dtype = "', f'dtype = "{"[" * 50_000}', 1),
        lambda text: text.replace("delta_version = ", "delta_version = 99999999999999999999", 1),
        lambda _: "\0" * 200,
        lambda _: "a = 1",
        lambda _: "",
    ],
)
def test_a_record_that_is_not_ours_is_refused(spoil: Any) -> None:
    text = record(version(), current="1.0").to_toml()
    assert spoil(text) != text
    for read in (Record.from_toml, summary_of):
        with pytest.raises(RegistryError, match=r"registry/spend\.toml"):
            read(spoil(text), path="registry/spend.toml")


def test_numbers_go_up() -> None:
    assert VersionNumber.parse("1.10") > VersionNumber.parse("1.9")
    assert str(VersionNumber.parse("1.9").next(breaking=False)) == "1.10"


@pytest.mark.parametrize("text", ["1", "01.2", "1.2.3", "", "-1.0", "1.x", "9" * 30 + ".0"])
def test_what_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        VersionNumber.parse(text)


@pytest.mark.parametrize("ref", ["spend@", "spend@0", "spend@latest", "spend@1.2.3", "spend@-1", "spend@1@2"])
def test_what_asks_for_no_version_is_refused(ref: str) -> None:
    with pytest.raises(UsageError):
        split_version(ref)


def test_no_path_leaves_the_registry() -> None:
    with pytest.raises(Exception, match="not a valid view name"):
        record_path("../../etc/passwd")


def test_what_was_read_is_written_as_it_stood_and_what_changed_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    text = Record("spend", "1.2", tuple(version(f"1.{minor}") for minor in range(3))).to_toml()
    text = text.replace('number = "1.1"', 'of_a_later_format = "x"\nnumber = "1.1"')
    record = Record.from_toml(text, path="registry/spend.toml")
    changed = record.with_version(replace(record.version("1.2"), branch="exp/other"))
    with monkeypatch.context() as patch:
        patch.setattr(Version, "to_dict", None)
        assert record.to_toml() == text
    assert changed.to_toml() == text[: text.rindex("exp/carry")] + "exp/other" + text[text.rindex("exp/carry") + 9 :]


def test_a_record_that_is_read_in_parts_is_the_same_as_one_that_is_read_as_a_whole() -> None:
    odd = version("1.1", accepted=("a\n[[versions]]\nb",), held=Hold(version().published_at, "Bo", {"x": "1"}))
    text = Record("spend", "1.1", (version(), odd)).to_toml()
    record = Record.from_toml(text, path="registry/spend.toml")
    assert record.version("1.1").accepted == odd.accepted
    for edited in (f"{text}\n[extra]\nx = 1\n", text.replace("\n[[versions]]\n", "\n[[ versions ]]  # by hand\n", 1)):
        assert Record.from_toml(edited, path="registry/spend.toml") == record
    with pytest.raises(RegistryError, match=r"registry/spend\.toml"):
        Record.from_toml(text.replace("status", "stat us", 1), path="registry/spend.toml")


def test_a_version_is_parsed_once_however_many_records_have_it(monkeypatch: pytest.MonkeyPatch) -> None:
    first = Record("spend", "1.1", (version(rows=987_654), version("1.1"))).to_toml()
    record = Record.from_toml(first, path="registry/spend.toml")
    parsed: list[str] = []

    def parse(text: str) -> dict[str, Any]:
        parsed.append(text)
        return read_toml(text)

    monkeypatch.setattr("workbench.registry.record.read_toml", parse)
    more = record.with_version(replace(record.version("1.1"), number="1.7", rows=987_655))
    assert Record.from_toml(more.to_toml(), path="registry/spend.toml") == more
    assert sum(text.count("[[versions]]") for text in parsed) == 1
