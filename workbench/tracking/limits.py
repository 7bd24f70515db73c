"""What MLflow cuts or refuses, put right beforehand and visibly.

MLflow cuts tags over 8,000 and parameters over 6,000 characters in silence and refuses some characters in keys,
non-numbers and long digests. Here a long value ends in ``... (cut, sha256 <digest of the whole>)``, so that two cut
values compare equal only if the whole ones are; a refused character becomes ``_``; a metric that is NaN or infinite is
left out and named in the tag ``metrics_left_out`` (MLflow stores +inf as 1.8e308).
"""

from __future__ import annotations

import hashlib
import json
import math
import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

from msgspec.structs import replace

from workbench.tracking.runs import DatasetRecord, RunRecord

TAG_LENGTH = 8000
PARAM_LENGTH = 6000
KEY_LENGTH = 250
NAME_LENGTH = 500
DIGEST_LENGTH = 36
SOURCE_BYTES = 60_000
LEFT_OUT = "workbench.metrics_left_out"

_REFUSED = re.compile(r"[^/\w.\- ]")
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def truncate(text: str, limit: int) -> str:
    """Return `text`, or its beginning and the SHA-256 of the whole where it is longer than `limit` characters.

    Examples
    --------
    >>> truncate("short", 100)
    'short'
    >>> len(truncate("x" * 9000, 8000))
    8000
    """
    clean = _UNSTORABLE.sub("\ufffd", text)
    if len(clean) <= limit:
        return clean
    mark = f"... (cut, sha256 {_sha256(text)})"
    return clean[: limit - len(mark)] + mark


def clean_key(key: str) -> str:
    """Return `key` as MLflow accepts it for metrics, parameters and tags.

    Examples
    --------
    >>> clean_key("carrier_delay@2:delay [min]/mean")
    'carrier_delay_2_delay _min_/mean'
    >>> clean_key("/a//b/../c/")
    'a/b/__/c'
    """
    parts = [part for part in _REFUSED.sub("_", key).split("/") if part]
    clean = posixpath.join(*("_" * len(part) if part in {".", ".."} else part for part in parts)) if parts else "_"
    return clean if len(clean) <= KEY_LENGTH else f"{clean[: KEY_LENGTH - 13]}_{_sha256(key)[:12]}"


def fit(record: RunRecord) -> RunRecord:
    """Return `record` with nothing left that MLflow would cut in silence or refuse."""
    metrics = {key: float(value) for key, value in record.metrics.items()}
    points = {key: [float(value) for _, value, _ in points] for key, points in record.history.items()}
    odd = {key for key, value in metrics.items() if not math.isfinite(value)}
    odd |= {key for key, values in points.items() if not all(map(math.isfinite, values))}
    tags = dict(record.tags) | ({LEFT_OUT: ", ".join(sorted(odd))} if odd else {})
    return replace(
        record,
        experiment=truncate(record.experiment, NAME_LENGTH),
        name=truncate(record.name, KEY_LENGTH),
        user=truncate(record.user, KEY_LENGTH),
        note=truncate(record.note, TAG_LENGTH),
        tags={key: truncate(str(value), TAG_LENGTH) for key, value in _unique(tags).items()},
        params={key: truncate(str(value), PARAM_LENGTH) for key, value in _unique(record.params).items()},
        metrics=_unique({key: value for key, value in metrics.items() if math.isfinite(value)}),
        history=_unique({key: _finite(points) for key, points in record.history.items()}),
        datasets=tuple(_fit_dataset(dataset) for dataset in record.datasets),
        artifacts={artifact_path(path): _UNSTORABLE.sub("\ufffd", text) for path, text in record.artifacts.items()},
    )


def batches(values: Mapping[str, str], *, count: int = 100, characters: int = 60_000) -> Iterator[dict[str, str]]:
    """Yield `values` in parts of at most `count` entries and about `characters` characters, for one request each."""
    part: dict[str, str] = {}
    size = 0
    for key, value in values.items():
        if part and (len(part) == count or size + len(value) > characters):
            yield part
            part, size = {}, 0
        part[key] = value
        size += len(value)
    if part:
        yield part


def _finite(points: Iterable[tuple[int, float, int]]) -> tuple[tuple[int, float, int], ...]:
    return tuple((step, float(value), at) for step, value, at in points if math.isfinite(value))


def _fit_dataset(dataset: DatasetRecord) -> DatasetRecord:
    source = dict(dataset.source)
    encoded = json.dumps(source, sort_keys=True)
    if len(encoded) > SOURCE_BYTES:
        small = {key: value for key, value in source.items() if len(json.dumps(value)) < 1000}
        source = dict(islice(small.items(), 50)) | {"cut_sha256": _sha256(encoded)}
    return replace(dataset, name=truncate(dataset.name, NAME_LENGTH), source=source)


def _unique(values: Mapping[str, Any]) -> dict[str, Any]:
    """Clean the keys; where two become one, the later gets a suffix from its own spelling."""
    clean: dict[str, Any] = {}
    for key, value in values.items():
        name = clean_key(key)
        if name in clean:
            name = f"{name[: KEY_LENGTH - 13]}_{_sha256(key)[:12]}"
        clean[name] = value
    return clean


def artifact_path(path: str) -> str:
    """Return `path` without what would lead out of the run's artifact folder."""
    parts = [part for part in path.replace("\\", "/").split("/") if part not in {"", ".", ".."}]
    return "/".join(parts) or "artifact"


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
