"""`connect` and `connect_async`: a feature store over HTTP, with the methods and the answers of the one in a project.

Connections are kept and used again. Reading changes nothing, so a request whose connection breaks, or that a busy
service sends back, is sent once more.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self, overload

import httpx

from workbench.client.listing import RemoteCatalog
from workbench.client.messages import error_of, only_one, request_of, result_of, service_of, waits
from workbench.client.monitor import ServiceMonitor
from workbench.errors import OnlineError
from workbench.protocol import CATALOG, FEATURES, METRICS

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa

    from workbench.client.messages import Form
    from workbench.online import FeatureValue
    from workbench.store import Reference

    Refs = str | Reference | Sequence[str | Reference]
    Entities = Sequence[Mapping[str, object]] | Mapping[str, Sequence[object]] | pl.DataFrame
    Moment = datetime | date | str | None

CONNECT_SECONDS = 3.0
"""Seconds until a connection must stand."""
CONNECTIONS = 64
"""Connections that are open at a time."""
_BROKEN = (httpx.NetworkError, httpx.RemoteProtocolError)


def connect(url: str, token: str | None = None, *, timeout: float = 10.0, release: str | None = None) -> RemoteStore:
    """Return the feature store that a service at `url` answers for.

    Parameters
    ----------
    url
        Its address, as in ``http://features.example.org:8420``.
    token
        The token that `workbench token create` showed.
    timeout
        Seconds until an answer must be there.
    release
        Read everything as this release has it.

    Returns
    -------
    RemoteStore
        With `get_feature`, `batch_get_features`, their async twins and `catalog`, as ``project.store`` has them. It
        connects when it is first asked; close it, or use it in a ``with`` block.

    Raises
    ------
    UsageError
        For what is not an address.
    """
    return RemoteStore(url, token, timeout=timeout, release=release)


def connect_async(
    url: str, token: str | None = None, *, timeout: float = 10.0, release: str | None = None
) -> AsyncRemoteStore:
    """Return the feature store that a service at `url` answers for, whose methods are awaited; see `connect`.

    Parameters
    ----------
    url
        Its address, as in ``http://features.example.org:8420``.
    token
        The token that `workbench token create` showed.
    timeout
        Seconds until an answer must be there.
    release
        Read everything as this release has it.

    Raises
    ------
    UsageError
        For what is not an address.
    """
    return AsyncRemoteStore(url, token, timeout=timeout, release=release)


class _Store:
    """What both kinds of store have."""

    def __init__(self, url: str, token: str | None, *, timeout: float, release: str | None) -> None:
        self.url = service_of(url)
        self.release = release
        self._settings: dict[str, Any] = {
            "base_url": self.url,
            "headers": {"authorization": f"Bearer {token}"} if token else {},
            "timeout": httpx.Timeout(timeout, connect=min(timeout, CONNECT_SECONDS)),
            "limits": httpx.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS),
            "follow_redirects": False,
        }

    def __repr__(self) -> str:
        pinned = f", release {self.release}" if self.release else ""
        return f"<{type(self).__name__} at {self.url}{pinned}>"

    def _unreachable(self, error: httpx.HTTPError) -> OnlineError:
        late = isinstance(error, httpx.TimeoutException)
        return OnlineError(
            f"{self.url} did not answer in time." if late else f"{self.url} cannot be reached: {error}.",
            remedy="Check that the service runs and the address is right; ask for fewer entities if it is slow.",
        )


class RemoteStore(_Store):
    """A feature store that is read over HTTP; get it from ``wb.connect``. Threads may share it."""

    def __init__(
        self, url: str, token: str | None = None, *, timeout: float = 10.0, release: str | None = None
    ) -> None:
        super().__init__(url, token, timeout=timeout, release=release)
        self._http = httpx.Client(**self._settings)

    def get_feature(self, ref: str | Reference, entity: Mapping[str, object], *, at: Moment = None) -> FeatureValue:
        """Return one feature of one entity as it is known now, or was at a moment; see `FeatureStore.get_feature`."""
        return only_one(ref, self.batch_get_features(ref, [entity], at=at))

    @overload
    def batch_get_features(
        self, refs: Refs, entities: Entities, *, at: Moment = None, as_: Literal["dict"] = "dict",
        full_names: bool = False, details: bool = False,
    ) -> list[dict[str, FeatureValue]]: ...  # fmt: skip

    @overload
    def batch_get_features(
        self, refs: Refs, entities: Entities, *, at: Moment = None, as_: Literal["polars"],
        full_names: bool = False, details: bool = False,
    ) -> pl.DataFrame: ...  # fmt: skip

    @overload
    def batch_get_features(
        self, refs: Refs, entities: Entities, *, at: Moment = None, as_: Literal["arrow"],
        full_names: bool = False, details: bool = False,
    ) -> pa.Table: ...  # fmt: skip

    def batch_get_features(
        self,
        refs: Refs,
        entities: Entities,
        *,
        at: Moment = None,
        as_: Form = "dict",
        full_names: bool = False,
        details: bool = False,
    ) -> Any:
        """Return features of many entities; see `FeatureStore.batch_get_features`.

        Raises
        ------
        FeatureNotFound, JoinError, UsageError, OnlineError
            As a store in this process; `OnlineError` also where the service cannot be reached or is busy.
        AccessRefused
            Where the token is not valid, or may not read a feature.
        """
        content, headers, others = request_of(
            refs, entities, at=at, release=self.release, as_=as_, full_names=full_names, details=details
        )
        response = self._send("POST", FEATURES, content=content, headers=headers)
        return result_of(response.content, as_, others)

    async def get_feature_async(
        self, ref: str | Reference, entity: Mapping[str, object], *, at: Moment = None
    ) -> FeatureValue:
        """Return what `get_feature` returns, without holding up the event loop: a thread asks."""
        return await asyncio.to_thread(self.get_feature, ref, entity, at=at)

    async def batch_get_features_async(self, refs: Refs, entities: Entities, **options: Any) -> Any:
        """Return what `batch_get_features` returns, with its options, without holding up the event loop."""
        return await asyncio.to_thread(partial(self.batch_get_features, refs, entities, **options))

    def catalog(self, search: str | None = None) -> RemoteCatalog:
        """Return the views that the token may read; with `search`, those in which its words are found."""
        params = {"search": search} if search else {}
        return RemoteCatalog.of(self._send("GET", CATALOG, params=params).json())

    def monitor(self) -> ServiceMonitor:
        """Return how the service is doing: requests, times, what was read of each view, and how fresh it was."""
        return ServiceMonitor(self.url, self.metrics)

    def metrics(self) -> str:
        """Return the service's figures as Prometheus reads them."""
        return self._send("GET", METRICS).text

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _send(self, method: str, path: str, **given: Any) -> httpx.Response:
        for last in (False, True):
            try:
                response = self._http.request(method, path, **given)
            except _BROKEN as error:
                if last:
                    raise self._unreachable(error) from None
                continue
            except httpx.HTTPError as error:
                raise self._unreachable(error) from None
            if response.status_code == 200:
                return response
            seconds = waits(response)
            if last or seconds is None:
                break
            time.sleep(seconds)
        raise error_of(response)


class AsyncRemoteStore(_Store):
    """A feature store that is read over HTTP, whose methods are awaited; get it from ``wb.connect_async``."""

    def __init__(
        self, url: str, token: str | None = None, *, timeout: float = 10.0, release: str | None = None
    ) -> None:
        super().__init__(url, token, timeout=timeout, release=release)
        self._http = httpx.AsyncClient(**self._settings)

    async def get_feature(
        self, ref: str | Reference, entity: Mapping[str, object], *, at: Moment = None
    ) -> FeatureValue:
        """Return one feature of one entity; see `RemoteStore.get_feature`."""
        return only_one(ref, await self.batch_get_features(ref, [entity], at=at))

    async def batch_get_features(
        self,
        refs: Refs,
        entities: Entities,
        *,
        at: Moment = None,
        as_: Form = "dict",
        full_names: bool = False,
        details: bool = False,
    ) -> Any:
        """Return features of many entities; see `RemoteStore.batch_get_features`."""
        content, headers, others = request_of(
            refs, entities, at=at, release=self.release, as_=as_, full_names=full_names, details=details
        )
        response = await self._send("POST", FEATURES, content=content, headers=headers)
        return result_of(response.content, as_, others)

    async def catalog(self, search: str | None = None) -> RemoteCatalog:
        """Return the views that the token may read; with `search`, those in which its words are found."""
        params = {"search": search} if search else {}
        return RemoteCatalog.of((await self._send("GET", CATALOG, params=params)).json())

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def _send(self, method: str, path: str, **given: Any) -> httpx.Response:
        for last in (False, True):
            try:
                response = await self._http.request(method, path, **given)
            except _BROKEN as error:
                if last:
                    raise self._unreachable(error) from None
                continue
            except httpx.HTTPError as error:
                raise self._unreachable(error) from None
            if response.status_code == 200:
                return response
            seconds = waits(response)
            if last or seconds is None:
                break
            await asyncio.sleep(seconds)
        raise error_of(response)
