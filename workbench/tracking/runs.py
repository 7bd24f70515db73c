"""What a run says: plain, frozen, JSON-ready values that know nothing of MLflow."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal
from uuid import uuid4

import msgspec

from workbench.records import Serialisable

RunStatus = Literal["FINISHED", "FAILED", "KILLED"]
History = Mapping[str, tuple[tuple[int, float, int], ...]]
"""By metric: step, value, and when (milliseconds since 1970, UTC)."""

DatasetContext = Literal["source", "view", "training"]

VERSION = 1
"""Of the JSON form; a reader refuses what it does not know."""


def new_key() -> str:
    """Return a fresh record key: 32 hexadecimal digits."""
    return uuid4().hex


class DatasetRecord(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One table that a run read (context ``source``), computed (``view``) or is trained on (``training``).

    Parameters
    ----------
    name
        The source's or view's name.
    digest
        Our full digest of its data; MLflow shows the first 36 characters.
    kind
        How `source` is read back: ``view``, ``training set`` and ``files`` by path, ``delta`` by uri and version,
        ``query`` not at all.
    context
        ``source`` for what was read, ``view`` for what was computed, ``training`` for a training set.
    source
        JSON-ready: ``path`` or ``paths`` (relative to the project), ``uri``, ``version``, and whatever identifies it.
    schema
        Column name to Polars dtype, as text.
    profile
        JSON-ready numbers shown beside the dataset, e.g. ``num_rows``.
    """

    name: str
    digest: str
    kind: str
    context: DatasetContext
    source: Mapping[str, Any] = {}
    schema: Mapping[str, str] = {}
    profile: Mapping[str, Any] = {}


class RunRecord(
    Serialisable,
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    tag_field="version",
    tag=VERSION,
):
    """Everything that one MLflow run will hold.

    Parameters
    ----------
    key
        Identity of the record: delivered at most once, found in MLflow as tag ``workbench.key``.
    project, experiment
        The project, and the MLflow experiment the run goes to.
    name
        The run's name, usually the view's.
    status
        ``FINISHED``, ``FAILED``, or ``KILLED`` where it was interrupted or its process ended.
    start, end
        Milliseconds since 1970, UTC.
    user
        Who ran it.
    tags, params, metrics
        As MLflow means them. Values that MLflow would cut or refuse are put right by `limits.fit`.
    history
        The points of metrics that were logged by step; `metrics` has the last of each.
    datasets
        What was read and computed.
    artifacts
        Path below the run's artifact folder to text.
    files
        Path below the run's artifact folder to SHA-256, of files that the outbox holds (`Places.files`).
    note
        Markdown shown as the run's description.
    begun
        Whether MLflow was asked for the run while it was being written, and may hold what others logged to it.
    """

    project: str
    experiment: str
    name: str
    start: int
    end: int
    key: str = msgspec.field(default_factory=new_key)
    status: RunStatus = "FINISHED"
    user: str = ""
    tags: Mapping[str, str] = {}
    params: Mapping[str, str] = {}
    metrics: Mapping[str, float] = {}
    history: History = {}
    datasets: tuple[DatasetRecord, ...] = ()
    artifacts: Mapping[str, str] = {}
    files: Mapping[str, str] = {}
    note: str = ""
    begun: bool = False
