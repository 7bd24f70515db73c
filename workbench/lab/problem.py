"""Which problem an error is answered as; nowhere else is an error turned into an answer."""

from __future__ import annotations

import re

from workbench import errors
from workbench.errors import WorkbenchError
from workbench.lab.answers import Problem

_STATUS: tuple[tuple[type[WorkbenchError], int], ...] = (
    (errors.BranchNotFound, 404),
    (errors.FeatureNotFound, 404),
    (errors.SourceNotFound, 404),
    (errors.ProtectedBranch, 403),
    (errors.NotTrusted, 403),
    (errors.AccessRefused, 403),
    (errors.BranchMoved, 409),
    (errors.SourceMoved, 409),
    (errors.PlanOutdated, 409),
    (errors.PromotionRefused, 409),
    (errors.InvalidName, 400),
    (errors.UsageError, 400),
    (errors.TrackingError, 502),
    (errors.LakeError, 502),
    (errors.OnlineError, 502),
    (WorkbenchError, 422),
)
"""The status of each kind of error: the first that it is."""
_WORD = re.compile(r"(?<=[a-z])(?=[A-Z])")


class Refused(Exception):
    """A request that is not answered as it was meant, for a reason of this server's own."""

    def __init__(self, status: int, kind: str, title: str, *, detail: str = "", remedy: str = "") -> None:
        super().__init__(title)
        self.problem = Problem(type=kind, title=title, status=status, detail=detail, remedy=remedy)


def unknown_project() -> Refused:
    """Return the refusal of a project's id that this server did not give, or whose folder is gone."""
    return Refused(404, "project-not-found", "This server knows no such project.", remedy="Open its folder again.")


def bad_request(title: str, *, remedy: str = "") -> Refused:
    """Return the refusal of a request that is not what the route takes."""
    return Refused(400, "usage-error", title, remedy=remedy)


def problem_of(error: BaseException) -> Problem:
    """Return the problem of an error; of what nobody foresaw it says nothing."""
    if isinstance(error, Refused):
        return error.problem
    if isinstance(error, WorkbenchError):
        kind = type(error)
        return Problem(
            type=_WORD.sub("-", kind.__name__).lower(),
            title=error.message,
            status=next(status for each, status in _STATUS if isinstance(error, each)),
            detail="\n".join(error.lines),
            remedy=error.remedy,
        )
    if isinstance(error, TimeoutError):
        return Problem(
            type="too-slow",
            title="The answer took too long.",
            status=504,
            remedy="Try again; a disk or a data base behind the project may be slow.",
        )
    return Problem(
        type="internal",
        title="The server failed to answer.",
        status=500,
        remedy="The Jupyter server's log says why.",
    )
