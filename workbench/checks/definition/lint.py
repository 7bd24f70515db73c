"""`lint`: mistakes in a definition's file that show without running it, found by ruff under fixed rules."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PurePath

import msgspec

from workbench.checks.definition.tools import Finding, program, run
from workbench.errors import ProjectError
from workbench.memory import scratch_folder

RULES = (
    "E9",  # what is no Python
    *("F5", "F6", "F7", "F811", "F82"),  # formats, comparisons and names that cannot be meant; one name for two things
    *("B002", "B003", "B005", "B006", "B012", "B013", "B014", "B015", "B016", "B018", "B020", "B021", "B023"),
    *("B025", "B026", "B029", "B030", "B031", "B033", "B035", "B039"),
    "PLE",
    *("DTZ002", "DTZ003", "DTZ004", "DTZ005", "DTZ006", "DTZ011", "DTZ012"),  # the time at which it runs
    *("T100", "EXE005"),  # a debugger left in
)
"""Rules whose findings change what a view computes or make it fail; style is everybody's own."""

TARGET = "py311"


class _Location(msgspec.Struct):
    row: int


class _Diagnostic(msgspec.Struct):
    filename: str
    code: str | None
    message: str
    location: _Location


def lint(sources: Mapping[str, str]) -> list[Finding]:
    """Return the mistakes that ruff finds in `sources`.

    No configuration of the user's counts; a ``# noqa`` in the text does, since whoever reads the definition sees it.
    """
    if not sources:
        return []
    ruff = program("ruff")
    with scratch_folder("lint") as made:
        folder = made.resolve()
        for path, text in sources.items():
            file = folder / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8", newline="")
        said = run(
            [
                *(ruff, "check", "--isolated", "--no-cache", "--quiet", "--output-format", "json"),
                *("--target-version", TARGET, "--select", ",".join(RULES), "--no-respect-gitignore", "--"),
                *(str(folder / path) for path in sources),
            ],
            folder=folder,
        )
    return _findings(folder, said)


def _findings(folder: Path, said: str) -> list[Finding]:
    try:
        read = msgspec.json.decode(said, type=list[_Diagnostic])
    except msgspec.DecodeError as error:
        raise ProjectError(
            f"What ruff says cannot be read: {error}.", remedy="Install the version that feature-workbench asks for."
        ) from None
    found = []
    for one in read:
        path = PurePath(one.filename).relative_to(folder).as_posix()
        found.append(Finding(path, one.location.row, one.code or "syntax", one.message))
    return found
