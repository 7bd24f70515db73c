"""Reading the text that a function was compiled from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from workbench.fingerprint.source_code import SourceCodes

if TYPE_CHECKING:
    from pathlib import Path


def loaded(path: Path, text: str) -> dict[str, Any]:
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    module: dict[str, Any] = {"__file__": str(path)}
    exec(compile(text, str(path), "exec"), module)
    return module


def test_files_of_two_trees_are_parsed_once_where_they_say_the_same(tmp_path: Path) -> None:
    text = "def double(value):\n    return value * 2\n"
    one, same = (loaded(tmp_path / tree / "view.py", text) for tree in ("one", "two"))
    changed = loaded(tmp_path / "three" / "view.py", text.replace("2", "3"))
    renamed = loaded(tmp_path / "four" / "other.py", text)
    codes = SourceCodes()
    first, second, third, fourth = (
        codes.of(module["double"].__code__, module) for module in (one, same, changed, renamed)
    )
    assert first is second
    assert SourceCodes().of(one["double"].__code__, one) is first
    assert third.text != first.text
    assert fourth.name == "other.py"
