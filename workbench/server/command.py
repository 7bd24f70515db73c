"""`ServiceCommand`: what `workbench serve` becomes."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from typing import Any, NoReturn, Self

from workbench.render import Report, Reported
from workbench.server.settings import SERVICE, ServiceOptions
from workbench.server.supervisor import refuse_strangers


@dataclass(frozen=True, slots=True)
class ServiceCommand(Reported):
    """A service that a command line can become.

    Attributes
    ----------
    options
        What it is to serve.
    """

    options: ServiceOptions

    @classmethod
    def of(cls, options: ServiceOptions) -> Self:
        """Return the service of some options."""
        refuse_strangers(options)
        return cls(options)

    def start(self) -> NoReturn:
        """Turn this process into the service: what the command has loaded until now, the service does without."""
        sys.stdout.flush()
        sys.stderr.flush()
        words = [sys.executable, "-m", "workbench.server"]
        os.execve(sys.executable, words, os.environ | {SERVICE: self.options.to_json()})  # noqa: S606 - our own module

    def to_dict(self) -> dict[str, Any]:
        """Return the settings as JSON-ready values."""
        return {"serve": self.options.serve.to_dict(), "tokens": str(self.options.tokens)}

    def report(self) -> Report:
        """Return how it is started: a notebook does not become a service."""
        settings = self.options.serve
        notes = (f"It would answer at http://{settings.host}:{settings.port} by {settings.workers} processes.",)
        return Report("Start the service in a terminal: workbench serve", notes=notes)
