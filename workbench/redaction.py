"""Keeping passwords out of screens, logs, files and process lists."""

from __future__ import annotations

import re
from contextlib import suppress
from io import TextIOBase
from typing import TextIO
from urllib.parse import unquote, urlsplit

_USERINFO = re.compile(r"(?<=://)([^/?#\s:@]*):([^/?#\s]*)@")
_PARAMETER = re.compile(
    r"(?i)\b((?:ssl_?)?password|passwd|pwd|secret|token|sig|signature|(?:secret_|aws_secret_)?access_key|account_key)"
    r"(\s*=\s*)('[^']*'|[^&\s'\";]+)"
)
_HIDDEN = "***"


def redact(text: str, *, url: str | None = None) -> str:
    """Return `text` with every password in it replaced by ``***``.

    Examples
    --------
    >>> redact("postgresql://ann:s3cret@db/test?sslpassword=x")
    'postgresql://ann:***@db/test?sslpassword=***'
    """
    for secret in _passwords(url) if url else ():
        text = text.replace(secret, _HIDDEN)
    text = _USERINFO.sub(rf"\1:{_HIDDEN}@", text)
    return _PARAMETER.sub(rf"\1\2{_HIDDEN}", text)


def redact_urls(text: str) -> str:
    """Return `text` with every password in a URL replaced by ``***``, and nothing else: for what people wrote.

    Examples
    --------
    >>> redact_urls("token = 1 at http://ann:s3cret@host/")
    'token = 1 at http://ann:***@host/'
    """
    return _USERINFO.sub(rf"\1:{_HIDDEN}@", text) if "://" in text else text


class RedactedStream(TextIOBase):
    """Writes to `stream` what it is given without the passwords in it.

    Parameters
    ----------
    stream
        Where it writes to.
    url
        The connection URL in use.
    """

    def __init__(self, stream: TextIO, *, url: str | None = None) -> None:
        self._stream = stream
        self._url = url

    def write(self, text: str) -> int:
        """Write `text`, and return its length."""
        self._stream.write(redact(text, url=self._url))
        return len(text)

    def flush(self) -> None:
        """Flush the stream."""
        self._stream.flush()

    def fileno(self) -> int:
        """Return the stream's descriptor."""
        return self._stream.fileno()


def _passwords(url: str) -> list[str]:
    """Return the passwords in `url`, as written and decoded, the longest first."""
    found = {match.group(2) for match in _USERINFO.finditer(url)}
    found |= {match.group(3).strip("'") for match in _PARAMETER.finditer(url)}
    with suppress(ValueError):
        found.add(urlsplit(url).password or "")
    found |= {unquote(secret) for secret in found}
    return sorted((secret for secret in found if len(secret) > 2), key=len, reverse=True)
