"""The HTTP service: features from the online store for whoever has a token, by several processes that stay up.

Start reading at `app`: `FeatureService` takes a request, `features` answers it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.lazy import loading

if TYPE_CHECKING:
    from workbench.server.app import FeatureService
    from workbench.server.command import ServiceCommand
    from workbench.server.settings import ServiceOptions
    from workbench.server.supervisor import run_service
    from workbench.server.tokens import Token, TokenFile, TokenList, end_of

_HOMES = {
    "app": ("FeatureService",),
    "command": ("ServiceCommand",),
    "settings": ("ServiceOptions",),
    "supervisor": ("run_service",),
    "tokens": ("Token", "TokenFile", "TokenList", "end_of"),
}

__all__ = [
    "FeatureService",
    "ServiceCommand",
    "ServiceOptions",
    "Token",
    "TokenFile",
    "TokenList",
    "end_of",
    "run_service",
]

__getattr__, __dir__ = loading(__name__, _HOMES)
