"""`ServiceOptions`: all that a worker has to know to answer."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from workbench.config import OnlineSettings, ServeSettings
from workbench.errors import UsageError
from workbench.settings import Mistakes

if TYPE_CHECKING:
    from workbench.online import OnDemandFunctions, OnlineReader


SERVICE = "WORKBENCH_SERVICE"
"""The variable of the environment in which the service finds its options."""


@dataclass(frozen=True, slots=True)
class ServiceOptions:
    """What is served, and how.

    Attributes
    ----------
    home
        The folder that relative paths of `online` and `serve` start from: the project's home.
    online, serve
        ``[online]`` and ``[serve]``.
    project
        The project's name, under which a shared store has its features.
    lake
        Address and root of the lake, where what the store does not have is read there.
    metrics
        The folder in which the workers count; None where one process answers alone.
    """

    home: Path
    online: OnlineSettings
    serve: ServeSettings
    project: str = ""
    lake: tuple[str, str] | None = None
    metrics: Path | None = None

    @classmethod
    def of_folder(cls, folder: Path, serve: ServeSettings | None = None) -> Self:
        """Return the options of a machine that has only the folder of an online store."""
        online = OnlineSettings(path=str(folder.absolute()), fallback="error")
        return cls(folder.absolute().parent, online, serve or ServeSettings())

    @classmethod
    def of_server(cls, online: OnlineSettings, project: str, serve: ServeSettings | None = None) -> Self:
        """Return the options of a machine that reads a project's features from a server; it has no other files of it.

        Tokens and logged reads are in the working directory.
        """
        return cls(Path.cwd(), online, serve or ServeSettings(), project)

    @property
    def tokens(self) -> Path:
        """The file of tokens."""
        if self.serve.tokens is not None:
            return self.home / self.serve.tokens
        folder = self.home / (self.online.path or "online")
        return folder.with_name(f"{folder.name}.tokens.json")

    @property
    def reads(self) -> Path:
        """The folder of logged reads."""
        return self.home / (self.serve.reads or "reads")

    def with_serve(self, **changes: Any) -> Self:
        """Return these options with other settings under ``[serve]``; None changes nothing."""
        given = {name: value for name, value in changes.items() if value is not None}
        try:
            serve = ServeSettings.read(self.serve.to_dict() | given)
        except Mistakes as mistakes:
            first = mistakes.found[0]
            name = str(first.place[0])
            raise UsageError(
                f"{name} cannot be {given[name]!r}: {first.what}.",
                remedy="[serve] in notebooks/reference.md says what it may be.",
            ) from None
        return replace(self, serve=serve)

    def open_reader(self, on_demand: OnDemandFunctions | None = None) -> OnlineReader:
        """Return a reader of the store; `on_demand` computes on-demand views, which are refused without it."""
        from workbench.online import OnlineReader, backend_of  # whoever passes options on does without

        lake = None
        if self.lake is not None:
            from workbench.lake import Lake

            uri, root = self.lake
            lake = Lake(uri, root=Path(root))
        return OnlineReader(backend_of(self.online, self.home, self.project), lake=lake, on_demand=on_demand)

    def to_json(self) -> str:
        """Return the options as JSON, with passwords that they hold."""
        return json.dumps(
            {
                "home": str(self.home),
                "online": self.online.to_dict(),
                "serve": self.serve.to_dict(),
                "project": self.project,
                "lake": self.lake,
            }
        )

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Return the options that `to_json` wrote."""
        found = json.loads(text)
        return cls(
            home=Path(found["home"]),
            online=OnlineSettings.read(found["online"]),
            serve=ServeSettings.read(found["serve"]),
            project=found["project"],
            lake=None if found["lake"] is None else tuple(found["lake"]),
        )
