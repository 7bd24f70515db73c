"""`Summary`: the part of a record that a list of all views needs, read without reading the rest."""

from __future__ import annotations

import re
from dataclasses import dataclass

from workbench.config import read_toml
from workbench.registry.record import DAMAGE, FORMAT, Record, Version

_HEAD = "\n[[versions]]\n"
_NUMBER = re.compile(r'^number = "([0-9.]+)"$', re.MULTILINE)
_FROZEN = "\n[versions.frozen]\n"
_STATUS = re.compile(r'^status = "([a-z]+)"$', re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Summary:
    """What a list says of a published view.

    Attributes
    ----------
    view
        Its name.
    current
        The number of the version that its bare name gives; None where none is served any more.
    versions
        Number and status of each version, oldest first.
    frozen
        The numbers of the versions that are no longer refreshed.
    shown
        The current version; the last one where none is.
    """

    view: str
    current: str | None
    versions: tuple[tuple[str, str], ...]
    frozen: tuple[str, ...]
    shown: Version

    @classmethod
    def of(cls, record: Record) -> Summary:
        """Return the summary of a whole record."""
        versions = tuple((version.number, version.status) for version in record.versions)
        frozen = tuple(version.number for version in record.versions if version.frozen is not None)
        return cls(record.view, record.current, versions, frozen, record.serving or record.versions[-1])


def summary_of(text: str, *, path: str) -> Summary:
    """Return the summary of the record in the text of the file `path`.

    Of a record as we write it only the head and one version are parsed, some milliseconds less for each other version;
    any other is read as a whole.
    """
    try:
        found = _read(text, path)
    except DAMAGE:
        found = None
    return found or Summary.of(Record.from_toml(text, path=path))


def _read(text: str, path: str) -> Summary | None:
    head, *parts = text.split(_HEAD)
    facts = read_toml(head)
    if not parts or facts["format"] != FORMAT or path.rpartition("/")[2] != f"{facts['view']}.toml":
        return None
    versions = tuple((_only(_NUMBER, part), _only(_STATUS, part)) for part in parts)
    current = facts.get("current")
    numbers = [number for number, _ in versions]
    place = -1 if current is None else numbers.index(current)
    values = read_toml(f"[[versions]]\n{parts[place]}")["versions"][0]
    frozen = tuple(number for number, part in zip(numbers, parts, strict=True) if _FROZEN in part)
    return Summary(facts["view"], current, versions, frozen, Version.from_dict(values))


def _only(pattern: re.Pattern[str], part: str) -> str:
    """Return what the one line says that fits `pattern`."""
    (found,) = pattern.findall(part)
    return str(found)
