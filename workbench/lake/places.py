"""From the lake's uri in ``workbench.toml`` to the storage that it means."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import unquote, urlsplit

from workbench.errors import LakeError
from workbench.lake.local import LocalFolder
from workbench.lake.s3 import Bucket
from workbench.lake.storage import Storage

_ESCAPE = re.compile(r"%[0-9A-Fa-f]{2}|[?\n\r\t]")


def storage_at(uri: str, *, root: Path, options: Mapping[str, str] | None = None) -> Storage:
    """Return the folder that `uri` of ``workbench.toml`` means."""
    parts = urlsplit(uri)
    if "://" not in uri:
        if not uri.strip():
            raise _bad_uri(uri, "it is empty")
        return _local(uri, Path(os.path.abspath(root / Path(uri).expanduser())))  # noqa: PTH100  symlinks stay
    if parts.username or parts.password:
        raise _bad_uri("s3://...", "it contains credentials")
    if parts.query or parts.fragment:
        raise _bad_uri(uri, "it has a part after ? or #")
    if parts.scheme == "file" and parts.netloc in ("", "localhost") and parts.path.startswith("/"):
        return _local(uri, Path(unquote(parts.path)))
    if parts.scheme in ("s3", "s3a") and parts.netloc:
        return Bucket(parts.netloc, parts.path.strip("/"), tuple(sorted((options or {}).items())))
    raise _bad_uri(uri, "it is neither a path nor file:// nor s3://bucket/prefix")


def _local(uri: str, path: Path) -> LocalFolder:
    escape = _ESCAPE.search(str(path))
    if escape:  # deltalake writes such a folder and then looks for it under another name
        raise _bad_uri(uri, f"a Delta table cannot be in a folder with {escape[0]!r} in its path, {path}")
    return LocalFolder(path)


def _bad_uri(uri: str, reason: str) -> LakeError:
    """Return the error for a URI in ``workbench.toml`` that cannot hold a lake."""
    return LakeError(
        f"The lake's uri {uri!r} cannot be used: {reason}.",
        remedy="Write under [lake] in workbench.toml a path, file:///... or s3://bucket/prefix; "
        "credentials come from the AWS_* variables of the environment.",
    )
