"""Fingerprints: what a definition's values depend on, as hashes, and what moved between two of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.lazy import loading

if TYPE_CHECKING:
    from workbench.fingerprint.address import view_id
    from workbench.fingerprint.explain import CodeRecord, IdentityChange, explain_change
    from workbench.fingerprint.first_party import followed_by
    from workbench.fingerprint.identity import (
        Fingerprint,
        check_hash,
        code_hash,
        metadata_hash,
        parameters_of,
    )
    from workbench.fingerprint.source_code import SourceCodes

_HOMES = {
    "address": ("view_id",),
    "explain": (
        "CodeRecord",
        "IdentityChange",
        "explain_change",
    ),
    "first_party": ("followed_by",),
    "identity": (
        "Fingerprint",
        "check_hash",
        "code_hash",
        "metadata_hash",
        "parameters_of",
    ),
    "source_code": ("SourceCodes",),
}

__all__ = [
    "CodeRecord",
    "Fingerprint",
    "IdentityChange",
    "SourceCodes",
    "check_hash",
    "code_hash",
    "explain_change",
    "followed_by",
    "metadata_hash",
    "parameters_of",
    "view_id",
]

__getattr__, __dir__ = loading(__name__, _HOMES)
