from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from workbench.errors import SourceError
from workbench.sources.digest import digest_files, hash_file, read_blocks
from workbench.sources.digest_cache import DigestMemo


def test_the_digest_is_sha256_of_the_bytes_whatever_the_size(tmp_path: Path) -> None:
    paths = [tmp_path / str(size) for size in (0, 1, 4 * 1024 * 1024, 4 * 1024 * 1024 + 1, 9_000_001)]
    for path in paths:
        path.write_bytes(b"x" * int(path.name))
    found = digest_files("events", paths, DigestMemo(tmp_path / "memo"), recheck=False)
    assert [file.sha256 for file in found] == [hashlib.sha256(path.read_bytes()).hexdigest() for path in paths]
    assert [file.size for file in found] == [int(path.name) for path in paths]


def test_a_file_that_changes_while_it_is_read_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "growing"
    path.write_bytes(b"half")
    reads = []

    def blocks(file: Path) -> Iterator[memoryview]:
        yield from read_blocks(file)
        reads.append(file)
        if len(reads) == 1:
            file.write_bytes(b"half and half")

    _, digest = hash_file("events", path, blocks=blocks)
    assert digest == hashlib.sha256(b"half and half").hexdigest()
    assert len(reads) == 2


def test_a_file_that_never_rests_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "growing"
    path.write_bytes(b"x")

    def blocks(file: Path) -> Iterator[memoryview]:
        yield from read_blocks(file)
        with file.open("ab") as stream:
            stream.write(b"x")

    with pytest.raises(SourceError, match="changes while it is read") as caught:
        hash_file("events", path, blocks=blocks)
    assert "rename at the end" in caught.value.remedy
