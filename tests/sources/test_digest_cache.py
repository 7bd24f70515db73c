from __future__ import annotations

import json
import multiprocessing
import time
from pathlib import Path

import pytest

from workbench.sources.digest_cache import DigestMemo, Stamp, read_json, write_json

STAMP = Stamp(size=3, modified_ns=1, changed_ns=2, inode=7)


def test_a_digest_is_remembered_for_its_stamp_only(tmp_path: Path) -> None:
    file = tmp_path / "a"
    DigestMemo(tmp_path / "memo.json").replace({file: (STAMP, "a" * 64)})
    memo = DigestMemo(tmp_path / "memo.json")
    assert memo.get(file, STAMP) == "a" * 64
    assert memo.get(tmp_path / "b", STAMP) is None
    for other in (Stamp(4, 1, 2, 7), Stamp(3, 9, 2, 7), Stamp(3, 1, 9, 7), Stamp(3, 1, 2, 9)):
        assert memo.get(file, other) is None


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"\xff\xfe", b'{"scheme":1}', b'{"scheme":0,"values":{"/a":[3,1,2,7,"x"]}}', b"[" * 100_000],
)
def test_a_damaged_memo_counts_as_absent(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "memo.json"
    path.write_bytes(content)
    assert read_json(path) == {}
    DigestMemo(path).replace({tmp_path / "a": (STAMP, "b" * 64)})
    assert DigestMemo(path).get(tmp_path / "a", STAMP) == "b" * 64


@pytest.mark.parametrize("entry", [None, [], [3, 1, 2, 7], [3, 1, 2, 7, "short"], ["3", 1, 2, 7, "a" * 64], "text"])
def test_a_damaged_entry_counts_as_absent(tmp_path: Path, entry: object) -> None:
    write_json(tmp_path / "memo.json", {str(tmp_path / "a"): entry})
    assert DigestMemo(tmp_path / "memo.json").get(tmp_path / "a", STAMP) is None


def test_a_place_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    write_json(tmp_path / "file" / "memo.json", {})
    assert read_json(tmp_path / "file" / "memo.json") == {}


def _write_often(path: Path, writer: int) -> None:
    for turn in range(100):
        write_json(path, {"writer": writer, "filling": "x" * (turn * 50)})


@pytest.mark.journey
def test_many_processes_never_leave_half_a_memo(tmp_path: Path) -> None:
    path = tmp_path / "memo.json"
    write_json(path, {"writer": -1})
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_write_often, args=(path, writer)) for writer in range(2)]
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        assert "writer" in json.loads(path.read_bytes())["values"]
    for writer in writers:
        writer.join()
        assert writer.exitcode == 0
    assert [left.name for left in tmp_path.iterdir()] == ["memo.json"]


def test_a_stamp_is_settled_when_its_clock_has_ticked() -> None:
    now = time.time_ns() // 1_000_000_000 * 1_000_000_000
    assert not Stamp(3, 1, time.time_ns(), 7).settled
    assert not Stamp(3, time.time_ns() + 10**9, 1, 7).settled
    assert Stamp(3, 1, now - 30_000_001, 7).settled
    assert not Stamp(3, now, now, 7).settled, "a clock of whole seconds ticks slowly"
    assert Stamp(3, now - 3 * 10**9, 1, 7).settled
