"""Keeping passwords out of messages, snapshots and reprs."""

from __future__ import annotations

import re
from contextlib import suppress
from urllib.parse import unquote, urlsplit

_USERINFO = re.compile(r"(?<=://)([^/?#\s:@]*):([^/?#\s]*)@")
_PARAMETER = re.compile(
    r"(?i)\b((?:ssl)?password|passwd|pwd|secret|token|sig|signature|(?:secret_|aws_secret_)?access_key|account_key)"
    r"(\s*=\s*)('[^']*'|[^&\s'\";]+)"
)
_HIDDEN = "***"


def redact(text: str, *, url: str | None = None) -> str:
    """Return `text` with every password in it replaced by ``***``.

    Parameters
    ----------
    text
        A URL, SQL, or a driver's message.
    url
        The connection URL in use: its password is hidden in `text` wherever it stands.

    Examples
    --------
    >>> redact("postgresql://ann:s3cret@db/test?sslpassword=x")
    'postgresql://ann:***@db/test?sslpassword=***'
    """
    for secret in _passwords(url) if url else ():
        text = text.replace(secret, _HIDDEN)
    text = _USERINFO.sub(rf"\1:{_HIDDEN}@", text)
    return _PARAMETER.sub(rf"\1\2{_HIDDEN}", text)


def _passwords(url: str) -> list[str]:
    """Return the passwords in `url`, as written and decoded, the longest first."""
    found = {match.group(2) for match in _USERINFO.finditer(url)}
    found |= {match.group(3).strip("'") for match in _PARAMETER.finditer(url)}
    with suppress(ValueError):
        found.add(urlsplit(url).password or "")
    found |= {unquote(secret) for secret in found}
    return sorted((secret for secret in found if len(secret) > 2), key=len, reverse=True)
