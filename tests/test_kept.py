"""What is kept may be lost, never wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from workbench.kept import Kept, made_by


def kept(path: Path | None, *, scheme: str = "a", most: int = 3) -> Kept[tuple[int, float]]:
    return Kept(path, tuple[int, float], scheme=scheme, most=most)


def test_what_was_saved_is_there_for_others(tmp_path: Path) -> None:
    one = kept(tmp_path / "known")
    one.put("x", (1, float("inf")))
    assert one.get("x") == (1, float("inf"))
    assert kept(tmp_path / "known").get("x") is None, "not saved yet"
    one.save()
    assert kept(tmp_path / "known").get("x") == (1, float("inf"))
    assert kept(tmp_path / "known", scheme="b").get("x") is None, "other code made it"


def test_two_that_save_lose_nothing(tmp_path: Path) -> None:
    one, two = kept(tmp_path / "known"), kept(tmp_path / "known")
    assert (one.get("x"), two.get("x")) == (None, None)
    one.put("x", (1, 1.0))
    two.put("y", (2, 2.0))
    one.save()
    two.save()
    assert [kept(tmp_path / "known").get(key) for key in "xy"] == [(1, 1.0), (2, 2.0)]


def test_those_go_first_that_nobody_asks_for(tmp_path: Path) -> None:
    one = kept(tmp_path / "known")
    for number, key in enumerate("abc"):
        one.put(key, (number, 0.0))
    one.save()
    two = kept(tmp_path / "known")
    two.get("a")
    two.put("d", (3, 0.0))
    two.save()
    found = kept(tmp_path / "known")
    assert [key for key in "abcd" if found.get(key) is not None] == ["a", "c", "d"]


@pytest.mark.parametrize("place", range(0, 60, 7))
def test_a_damaged_file_is_empty_and_is_written_anew(tmp_path: Path, place: int) -> None:
    one = kept(tmp_path / "known")
    one.put("x", (1, 1.0))
    one.save()
    content = bytearray((tmp_path / "known").read_bytes())
    content[place % len(content)] ^= 1
    (tmp_path / "known").write_bytes(content)
    again = kept(tmp_path / "known")
    assert again.get("x") is None
    again.put("x", (2, 2.0))
    again.save()
    assert kept(tmp_path / "known").get("x") == (2, 2.0)


def test_values_of_another_type_are_none(tmp_path: Path) -> None:
    other: Kept[str] = Kept(tmp_path / "known", str, scheme="a", most=3)
    other.put("x", "text")
    other.save()
    assert kept(tmp_path / "known").get("x") is None


def test_where_nothing_can_be_written_nothing_is_kept(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for path in (None, tmp_path / "file" / "known"):
        one = kept(path)
        one.put("x", (1, 1.0))
        one.save()
        assert one.get("x") == (1, 1.0)
        assert kept(path).get("x") is None


def test_a_text_that_is_not_unicode_is_not_saved(tmp_path: Path) -> None:
    one: Kept[str] = Kept(tmp_path / "known", str, scheme="a", most=3)
    one.put("x", "\ud800")
    one.put("y", "fine")
    one.save()
    found: Kept[str] = Kept(tmp_path / "known", str, scheme="a", most=3)
    assert (found.get("x"), found.get("y")) == (None, "fine")


def test_code_of_other_rooms_is_another_scheme() -> None:
    assert made_by("define") == made_by("define") != made_by("define", "compute")
