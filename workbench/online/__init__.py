"""The online store: what is published, for models that cannot wait; loaded from the lake, read by key and instant."""

from __future__ import annotations

from workbench.online.catalog import OnlineCatalog
from workbench.online.read import Answers, OnlineReader, as_entities, read_offline
from workbench.online.redis import EvictionWarning
from workbench.online.store import (
    OnlineBehindWarning,
    OnlineLoad,
    OnlineStatus,
    OnlineVerification,
    follow_main,
    load_online,
    online_status,
    open_backend,
    verify_online,
)
from workbench.online.values import FeatureReport, FeatureValue

__all__ = [
    "Answers",
    "EvictionWarning",
    "FeatureReport",
    "FeatureValue",
    "OnlineBehindWarning",
    "OnlineCatalog",
    "OnlineLoad",
    "OnlineReader",
    "OnlineStatus",
    "OnlineVerification",
    "as_entities",
    "follow_main",
    "load_online",
    "online_status",
    "open_backend",
    "read_offline",
    "verify_online",
]
