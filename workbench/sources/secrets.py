"""Connection URLs without what must not be shown."""

from __future__ import annotations

import re


def without_password(text: str) -> str:
    """Return `text` with the password of every URL in it replaced by ``***``.

    Examples
    --------
    >>> without_password("cannot open postgresql://me:secret@db/shop?password=x")
    'cannot open postgresql://me:***@db/shop?password=***'
    """
    text = re.sub(r"(\w+://[^/\s:@]*):[^/\s]*@", r"\1:***@", text)
    return re.sub(r"(?i)(password|passwd|pwd|secret|token)=[^&\s]+", r"\1=***", text)
