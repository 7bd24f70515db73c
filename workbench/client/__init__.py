"""The client of the HTTP service: a feature store that is read from another machine."""

from __future__ import annotations

from workbench.client.connection import AsyncRemoteStore, RemoteStore, connect, connect_async
from workbench.client.listing import RemoteCatalog
from workbench.client.monitor import ServiceFigures, ServiceMonitor

__all__ = [
    "AsyncRemoteStore",
    "RemoteCatalog",
    "RemoteStore",
    "ServiceFigures",
    "ServiceMonitor",
    "connect",
    "connect_async",
]
