from __future__ import annotations

import os
import signal
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from workbench.errors import BranchError, RepositoryUnreadable
from workbench.git.command import Git
from workbench.git.objects import Objects

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.git.plain import Plain


@pytest.fixture
def objects(plain: Plain) -> Iterator[Objects]:
    opened = Objects(Git(plain.root))
    yield opened
    opened.close()


def reader(objects: Objects) -> int:
    """The process that reads, found as the operating system tells it."""
    children = Path(f"/proc/self/task/{threading.get_native_id()}/children")
    assert objects._process is not None
    assert not children.exists() or str(objects._process.pid) in children.read_text().split()
    return objects._process.pid


@pytest.mark.parametrize("data", [b"", b"a\n", b"\0\xff" * 100_000])
def test_what_is_stored_is_read(objects: Objects, data: bytes) -> None:
    assert objects.read(objects.write("blob", data)) == ("blob", data)


def test_ids_are_gits_own(objects: Objects, plain: Plain) -> None:
    assert objects.write("blob", b"x = 1\n") == plain("hash-object", "--stdin", given="x = 1\n")
    assert objects.read(plain("rev-parse", "HEAD"))[0] == "commit"
    assert objects.read(plain("rev-parse", "HEAD^{tree}"))[0] == "tree"


def test_many_files_are_written_as_they_are(objects: Objects, plain: Plain) -> None:
    plain("config", "core.autocrlf", "true")
    contents = [b"x = 1\r\n", b"", b"\0\xff\n", b"x = 1\r\n"]
    assert objects.write_blobs(contents) == [objects.write("blob", content) for content in contents]
    assert [objects.read(blob) for blob in objects.write_blobs(contents)] == [("blob", each) for each in contents]


@pytest.mark.parametrize("object_id", ["0" * 40, "f" * 64, "main", "", "a\nb", "--help"])
def test_what_is_not_there_is_an_error_with_a_remedy(objects: Objects, object_id: str) -> None:
    kind = RepositoryUnreadable if len(object_id) >= 40 else BranchError
    with pytest.raises(kind) as caught:
        objects.read(object_id)
    assert caught.value.remedy


def test_a_malformed_tree_is_refused(objects: Objects) -> None:
    with pytest.raises(BranchError, match="writing a tree"):
        objects.write("tree", b"not a tree")


def test_a_killed_reader_is_replaced(objects: Objects) -> None:
    blob = objects.write("blob", b"a\n")
    objects.read(blob)
    os.kill(reader(objects), signal.SIGKILL)
    assert objects.read(blob) == ("blob", b"a\n")


def test_an_interrupted_answer_is_not_taken_for_the_next_one(objects: Objects) -> None:
    first, second = objects.write("blob", b"first\n"), objects.write("blob", b"second\n")
    objects.read(first)
    assert objects._process is not None
    assert objects._process.stdin is not None
    objects._process.stdin.write(f"{first}\n".encode())  # as if Ctrl-C came between question and answer
    objects._process.stdin.flush()
    assert objects.read(second) == ("blob", b"second\n")


def test_a_forked_child_reads_through_a_process_of_its_own(objects: Objects) -> None:
    blob = objects.write("blob", b"a\n")
    objects.read(blob)
    mine = reader(objects)
    child = os.fork()
    if child == 0:
        try:
            same = (
                objects.read(blob) == ("blob", b"a\n") and objects._process is not None and objects._process.pid != mine
            )
            objects.close()
            os._exit(0 if same else 1)
        finally:
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert objects.read(blob) == ("blob", b"a\n")
    assert reader(objects) == mine


def test_threads_get_their_own_answers(objects: Objects) -> None:
    blobs = {objects.write("blob", text): text for text in (b"a" * 50_000, b"b" * 50_000, b"c")}
    wrong: list[str] = []

    def look(blob: str) -> None:
        wrong.extend(blob for _ in range(50) if objects.read(blob)[1] != blobs[blob])

    threads = [threading.Thread(target=look, args=(blob,)) for blob in blobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_closing_ends_the_process_and_reading_starts_another(objects: Objects) -> None:
    blob = objects.write("blob", b"a\n")
    objects.read(blob)
    process = objects._process
    assert process is not None
    objects.close()
    objects.close()
    assert process.returncode is not None
    assert process.stdout is not None
    assert process.stdout.closed
    assert objects.read(blob) == ("blob", b"a\n")


def test_a_repository_that_nobody_closed_leaves_no_process(plain: Plain) -> None:
    forgotten = Objects(Git(plain.root))
    forgotten.read(plain("rev-parse", "HEAD"))
    process = forgotten._process
    assert process is not None
    del forgotten
    assert process.returncode is not None
