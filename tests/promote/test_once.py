"""What a promotion does once: reading and fingerprinting what it publishes, and writing what git does not have."""

from __future__ import annotations

import json
from collections import Counter
from threading import Barrier
from typing import TYPE_CHECKING, Any

import pytest

from tests.promote.conftest import DESCRIBED, RATE, SPEND, git, record_of
from workbench.compute import ViewCache
from workbench.errors import LakeError
from workbench.git.objects import Objects
from workbench.lake import LakeWriter
from workbench.pipeline import evaluate
from workbench.registry import Record

if TYPE_CHECKING:
    from collections.abc import Callable

    from workbench.project import Project


def counted(
    monkeypatch: pytest.MonkeyPatch, owner: object, name: str, key: Callable[..., object] = lambda *_, **__: None
) -> Counter[object]:
    """Count the calls of a function by what `key` says of one."""
    found: Counter[object] = Counter()
    act = getattr(owner, name)

    def noted(*given: Any, **named: Any) -> Any:
        found[key(*given, **named)] += 1
        return act(*given, **named)

    monkeypatch.setattr(owner, name, noted)
    return found


def test_a_view_that_main_did_not_change_is_fingerprinted_once(shop: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.define(RATE, log=False)
    taken = counted(monkeypatch, evaluate, "code_hash", lambda view, **_: view.name)
    assert shop.promote().passed
    assert taken == {"spend": 1, "rate": 1}


def test_a_view_merged_with_other_code_is_fingerprinted_on_both_sides(
    shop: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.define(RATE, log=False)
    shop.promote("spend")
    taken = counted(monkeypatch, evaluate, "code_hash", lambda view, **_: view.function.__module__)
    git(shop.root, "switch", "-q", "main")
    (shop.root / "features" / "notes.py").write_text("NOTE = 1\n")
    git(shop.root, "add", "features/notes.py")
    git(shop.root, "commit", "-qm", "A note")
    assert shop.promote("rate").passed
    assert sum(str(module).endswith(".rate") for module in taken) == 2


def test_what_is_computed_is_looked_up_once_for_each_side(shop: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    view_id = shop.view("spend").view_id
    looked = counted(monkeypatch, ViewCache, "get", lambda _, view_id, **__: view_id)
    assert shop.promote("spend").passed
    assert looked == {view_id: 1}


def test_records_that_were_just_written_are_not_read(shop: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.define(RATE, log=False)
    read = counted(monkeypatch, Record, "from_toml")
    assert shop.promote().passed
    assert not read


def test_files_that_the_branch_has_are_not_written_to_git_again(shop: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    written = counted(monkeypatch, Objects, "write_blobs", lambda _, contents: tuple(contents))
    shop.promote("spend")
    texts = [content.decode() for contents in written for content in contents]  # type: ignore[attr-defined]  # tuples
    assert [text.splitlines()[2] for text in texts] == ['view = "spend"']
    assert git(shop.root, "show", "main:features/spend.py").endswith(SPEND.strip())


def test_a_saved_plan_is_json_by_lines(shop: Project) -> None:
    saved = shop.promote("spend", dry_run=True).saved
    assert saved is not None
    text = saved.read_text()
    assert text == json.dumps(json.loads(text), indent=2) + "\n"


def test_the_data_of_several_views_is_written_at_the_same_time(shop: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.define(RATE, log=False)
    both = Barrier(2)
    write = LakeWriter.publish

    def meeting(*given: Any, **named: Any) -> int:
        both.wait(timeout=60)
        return write(*given, **named)

    monkeypatch.setattr(LakeWriter, "publish", meeting)
    assert shop.promote().passed
    assert shop.store.snapshot("rate").height == shop.store.snapshot("spend").height > 0


def test_where_the_data_of_one_view_cannot_be_written_none_is_published(
    shop: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.define(RATE, log=False)
    main, write = git(shop.root, "rev-parse", "main"), LakeWriter.publish

    def failing(*given: Any, view: str, **named: Any) -> int:
        if view == "rate":
            raise LakeError.not_written("the lake", "no space left")
        return write(*given, view=view, **named)

    with monkeypatch.context() as patched:
        patched.setattr(LakeWriter, "publish", failing)
        with pytest.raises(LakeError, match="no space left"):
            shop.promote()
    assert git(shop.root, "rev-parse", "main") == main
    assert shop.promote().passed


def test_a_rollback_writes_each_file_once(published: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    published.define(DESCRIBED, log=False)
    published.promote("spend")
    written = counted(monkeypatch, Objects, "write_blobs", lambda _, contents: len(contents))
    published.rollback("spend", "1.0")
    assert written == {1: 2}  # its definition, and its record
    assert git(published.root, "show", "main:features/spend.py").endswith(SPEND.strip())
    assert record_of(published, "spend").current == "1.0"
