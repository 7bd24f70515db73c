"""`Problem`: an error that is answered, as RFC 9457 has it, with its remedy and without anything of the inside."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus

import msgspec

from workbench.protocol import PROBLEM, ProblemDetails

LONGEST = 600
"""Letters of a message that are answered."""

Headers = tuple[tuple[bytes, bytes], ...]


class Response(msgspec.Struct, frozen=True, gc=False):  # which is made sooner than a dataclass
    """An answer: status, headers and body."""

    status: int
    headers: Headers
    body: bytes


class Problem(Exception):
    """A request that is not answered as it was meant.

    Parameters
    ----------
    status
        The HTTP status.
    detail
        What is wrong.
    remedy
        What to do about it.
    field
        The part of the request that is wrong.
    error
        The name of the error that a client raises.
    headers
        Headers of the answer beside the usual ones.
    """

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        remedy: str = "",
        field: str | None = None,
        error: str = "UsageError",
        headers: Sequence[tuple[bytes, bytes]] = (),
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.remedy = remedy
        self.field = field
        self.error = error
        self.headers = headers

    def response(self, request_id: str) -> Response:
        """Return the answer."""
        details = ProblemDetails(
            title=HTTPStatus(self.status).phrase,
            status=self.status,
            detail=_cut(self.detail),
            remedy=_cut(self.remedy),
            field=self.field,
            error=self.error,
            request_id=request_id,
        )
        kind = (b"content-type", PROBLEM.encode())
        return Response(self.status, (kind, *self.headers), msgspec.json.encode(details))


def _cut(text: str) -> str:
    """Return a message that repeats no more of a request than is of use."""
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."


def busy(detail: str, *, status: int = 503, seconds: int = 1) -> Problem:
    """Return the problem of a request that may be sent again after some seconds."""
    return Problem(
        status,
        detail,
        remedy=f"Send it again after {seconds} second{'s' if seconds != 1 else ''}.",
        error="OnlineError",
        headers=[(b"retry-after", str(seconds).encode())],
    )


def failed() -> Problem:
    """Return the problem of a request that raised what nobody foresaw; the log has it."""
    return Problem(
        500,
        "The service failed to answer.",
        remedy="Give the request id to whoever runs the service: its log says why.",
        error="OnlineError",
    )
