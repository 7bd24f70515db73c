"""The exception tree: every error names its remedy and shows itself shortly."""

from __future__ import annotations

import pickle

import pytest

from workbench import errors


def kinds() -> list[type[errors.WorkbenchError]]:
    found, todo = [], [errors.WorkbenchError]
    while todo:
        kind = todo.pop()
        found.append(kind)
        todo += kind.__subclasses__()
    return [kind for kind in found if kind.__module__ == errors.__name__]


@pytest.mark.parametrize("kind", kinds(), ids=lambda kind: kind.__name__)
def test_the_tree_in_the_docstring_has_every_error(kind: type[errors.WorkbenchError]) -> None:
    assert kind.__name__ in str(errors.__doc__)


def test_an_error_shows_message_lines_and_remedy_and_no_frames() -> None:
    error = errors.ConfigError("It is wrong.", lines=["  here"], remedy="Put it right.")
    shown = error._render_traceback_()
    assert [line.split("\x1b[0m")[-1] for line in shown] == [": It is wrong.", "  here", " Put it right."]
    assert str(error) == "It is wrong.\n  here\nPut it right."
    assert error.to_dict() == {
        "error": "ConfigError",
        "message": "It is wrong.",
        "remedy": "Put it right.",
        "lines": ["  here"],
    }


def test_an_error_survives_a_process_boundary() -> None:
    error = errors.BranchMoved.during("exp/a", expected="1" * 40, found="2" * 40)
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), str(again)) == (errors.BranchMoved, str(error))


@pytest.mark.parametrize(
    ("name", "known", "expected"),
    [
        ("carier", ["carrier", "origin"], "did you mean 'carrier'?"),
        ("zzz", ["carrier", "origin"], "known: carrier, origin"),
        ("zzz", [], ""),
    ],
)
def test_did_you_mean(name: str, known: list[str], expected: str) -> None:
    assert errors.did_you_mean(name, known) == expected


def test_a_long_list_is_cut() -> None:
    assert errors.did_you_mean("zzz", [f"name{number}" for number in range(30)]).endswith(", ...")


def test_a_very_long_name_is_cut() -> None:
    assert len(errors.InvalidName.of("view", "x" * 10_000, rule="Shorter.").message) < 200
