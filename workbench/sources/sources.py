"""All sources of a project, by name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from workbench.config import SourceSettings
from workbench.errors import SourceNotFound
from workbench.sources.source import Source


class Sources(Mapping[str, Source]):
    """The declared sources by name.

    Parameters
    ----------
    settings
        The tables under ``[sources]`` in ``workbench.toml``.
    root
        The project's root.
    cache
        The project's folder for what can be made again; ``sources/<name>`` in it is used.
    """

    __slots__ = ("_sources",)

    def __init__(self, settings: Mapping[str, SourceSettings], *, root: Path, cache: Path) -> None:
        here, kept = root.absolute(), cache.absolute() / "sources"
        self._sources = {
            name: Source(name, declared, root=here, cache=kept / name) for name, declared in settings.items()
        }

    def __getitem__(self, name: str) -> Source:
        """Return the source `name`.

        Raises
        ------
        SourceNotFound
            Where ``workbench.toml`` declares no such source (did you mean).
        """
        if name not in self._sources:
            raise SourceNotFound.named(name, self._sources)
        return self._sources[name]

    def get(self, name: str, default: Source | None = None) -> Source | None:  # type: ignore[override]  # no default of another type
        """Return the source `name`, or `default` where it is not declared."""
        return self._sources.get(name, default)

    def __contains__(self, name: object) -> bool:
        return name in self._sources

    def __iter__(self) -> Iterator[str]:
        return iter(self._sources)

    def __len__(self) -> int:
        return len(self._sources)

    def __repr__(self) -> str:
        return f"<Sources: {', '.join(self.names()) or 'none'}>"

    def names(self) -> tuple[str, ...]:
        """Return the names of all sources, sorted."""
        return tuple(sorted(self._sources))
