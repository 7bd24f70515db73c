"""The online store: what is published, for models that cannot wait; loaded from the lake, read by key and instant."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.lazy import loading

if TYPE_CHECKING:
    from workbench.online.answers import Answer, Answers
    from workbench.online.catalog import OnlineCatalog
    from workbench.online.codec import CREATED, EVENT, Row
    from workbench.online.on_demand_process import OnDemandProcesses
    from workbench.online.plan import Column, OnDemandPlan, Plan
    from workbench.online.read import OnlineReader, as_entities, read_offline, replay_offline
    from workbench.online.redis import EvictionWarning
    from workbench.online.registry_reader import OnDemandFunctions
    from workbench.online.store import (
        OnlineBehindWarning,
        OnlineLoad,
        OnlineStatus,
        OnlineVerification,
        backend_of,
        follow_main,
        load_online,
        online_status,
        open_backend,
        verify_online,
    )
    from workbench.online.values import FeatureReport, FeatureValue, Origin, RowFacts

_HOMES = {
    "catalog": ("OnlineCatalog",),
    "answers": ("Answer", "Answers"),
    "codec": ("CREATED", "EVENT", "Row"),
    "plan": ("Column", "OnDemandPlan", "Plan"),
    "read": ("OnlineReader", "as_entities", "read_offline", "replay_offline"),
    "on_demand_process": ("OnDemandProcesses",),
    "redis": ("EvictionWarning",),
    "registry_reader": ("OnDemandFunctions",),
    "store": (
        "OnlineBehindWarning",
        "OnlineLoad",
        "OnlineStatus",
        "OnlineVerification",
        "backend_of",
        "follow_main",
        "load_online",
        "online_status",
        "open_backend",
        "verify_online",
    ),
    "values": (
        "FeatureReport",
        "FeatureValue",
        "Origin",
        "RowFacts",
    ),
}

__all__ = [
    "CREATED",
    "EVENT",
    "Answer",
    "Answers",
    "Column",
    "EvictionWarning",
    "FeatureReport",
    "FeatureValue",
    "OnDemandFunctions",
    "OnDemandPlan",
    "OnDemandProcesses",
    "OnlineBehindWarning",
    "OnlineCatalog",
    "OnlineLoad",
    "OnlineReader",
    "OnlineStatus",
    "OnlineVerification",
    "Origin",
    "Plan",
    "Row",
    "RowFacts",
    "as_entities",
    "backend_of",
    "follow_main",
    "load_online",
    "online_status",
    "open_backend",
    "read_offline",
    "replay_offline",
    "verify_online",
]

__getattr__, __dir__ = loading(__name__, _HOMES)
