"""Fingerprints: what a definition's values depend on, as hashes, and what moved between two of them."""

from __future__ import annotations

from workbench.fingerprint.identity import (
    CodeRecord,
    Fingerprint,
    IdentityChange,
    check_hash,
    code_hash,
    explain_change,
    metadata_hash,
    parameters_of,
    view_id,
)
from workbench.fingerprint.source_code import SourceCodes

__all__ = [
    "CodeRecord",
    "Fingerprint",
    "IdentityChange",
    "SourceCodes",
    "check_hash",
    "code_hash",
    "explain_change",
    "metadata_hash",
    "parameters_of",
    "view_id",
]
