"""`RowCounts`: how many rows two sides of a view have in common, and how many one of them alone."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RowCounts:
    """Rows by key: of both sides, in common (`same` and `changed`), and of one side alone.

    Rows whose key one of the sides has more than once are counted in `duplicates_left` and `duplicates_right`, and are
    matched with nothing: they are in none of the other four. Where digests say that sides are equal, rows are not read,
    and duplicates not counted.
    """

    left: int = 0
    right: int = 0
    same: int = 0
    changed: int = 0
    added: int = 0
    removed: int = 0
    duplicates_left: int = 0
    duplicates_right: int = 0

    @property
    def duplicates(self) -> int:
        """Rows of both sides whose key is there more than once."""
        return self.duplicates_left + self.duplicates_right

    @property
    def common(self) -> int:
        """Rows that both sides have."""
        return self.same + self.changed

    def to_dict(self) -> dict[str, int]:
        """Return the counts as JSON-ready values."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}
