"""The HTTP service: features from the online store for whoever has a token, by several processes that stay up.

Start reading at `app`: `FeatureService` takes a request, `features` answers it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.lazy import loading

if TYPE_CHECKING:
    from workbench.server.app import FeatureService
    from workbench.server.settings import ServiceOptions
    from workbench.server.supervisor import refuse_strangers, run_service, start_service
    from workbench.server.tokens import Token, TokenFile, TokenList

_HOMES = {
    "app": ("FeatureService",),
    "settings": ("ServiceOptions",),
    "supervisor": ("refuse_strangers", "run_service", "start_service"),
    "tokens": ("Token", "TokenFile", "TokenList"),
}

__all__ = [
    "FeatureService",
    "ServiceOptions",
    "Token",
    "TokenFile",
    "TokenList",
    "refuse_strangers",
    "run_service",
    "start_service",
]

__getattr__, __dir__ = loading(__name__, _HOMES)
