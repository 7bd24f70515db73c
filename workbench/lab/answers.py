"""What the server answers: structs, from which the JSON and its schemas are made."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

ViewState = Literal["failing", "alert", "stale", "differs", "not_computed", "new", "promoted", "computed"]
"""The states of a view, what matters most first."""
GRAVEST: tuple[ViewState, ...] = (
    "failing",
    "alert",
    "stale",
    "differs",
    "not_computed",
    "new",
    "promoted",
    "computed",
)
Severity = Literal["error", "warning", "information"]
Role = Literal["entity", "event_time", "created", "feature"]
Outcome = Literal["pass", "fail", "not checked"]


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """Anything that is answered."""


class Problem(Answer, frozen=True, kw_only=True):
    """An error, as RFC 9457 has it: its kind, what is wrong, further lines, and what to do about it."""

    type: str
    title: str
    status: int
    detail: str = ""
    remedy: str = ""


class ProjectInfo(Answer, frozen=True, kw_only=True):
    """A project, and the branch that the notebook in front is on. `path` is null above the server's root."""

    id: str
    name: str
    path: str | None
    branch: str | None
    chosen_by: Literal["notebook", "command line", "checkout"]
    protected: list[str]
    objective: str | None = None
    hypothesis: str | None = None
    mlflow_link: str | None = None
    notebook: str | None = None


class OtherProject(Answer, frozen=True, kw_only=True):
    """A project elsewhere under the server's root."""

    id: str
    name: str
    path: str | None


class ProjectList(Answer, frozen=True, kw_only=True):
    """The project around a path, or why it cannot be opened; and the others."""

    project: ProjectInfo | None
    others: list[OtherProject]
    problem: Problem | None = None


class BranchAnswer(Answer, frozen=True, kw_only=True):
    """The names of a project's branches."""

    branches: list[str]


class FeatureInfo(Answer, frozen=True, kw_only=True):
    """A feature."""

    name: str
    dtype: str
    unit: str | None = None
    description: str | None = None


class ViewInfo(Answer, frozen=True, kw_only=True):
    """A view of a branch: `state` is the gravest of `states`, `why` says of the graver ones what is meant."""

    name: str
    kind: Literal["stored", "on_demand"]
    entities: list[str]
    event_time: str | None
    owner: str | None
    description: str
    state: ViewState
    states: list[ViewState]
    why: str
    version: str | None
    path: str | None
    features: list[FeatureInfo]


class FeatureAnswer(Answer, frozen=True, kw_only=True):
    """The views of a branch. `total` counts their features."""

    branch: str | None
    views: list[ViewInfo]
    total: int


class RunInfo(Answer, frozen=True, kw_only=True):
    """A run: `status` is MLflow's, or ``QUEUED`` while it waits to be sent; `started` is in ISO 8601, UTC."""

    id: str
    name: str
    kind: Literal["view", "training set", "model"]
    view: str
    status: str
    started: str
    seconds: float
    metrics: dict[str, float]
    link: str | None


class RunAnswer(Answer, frozen=True, kw_only=True):
    """The newest runs of a branch."""

    runs: list[RunInfo]
    problem: Problem | None = None


class Reader(Answer, frozen=True, kw_only=True):
    """What reads a published view: a view, a feature set or a training set."""

    kind: str
    name: str


class CatalogView(Answer, frozen=True, kw_only=True):
    """A published view. `freshness` is empty where nothing is known of older data."""

    name: str
    version: str | None
    status: str
    versions: list[str]
    owner: str | None
    entities: list[str]
    description: str
    freshness: str
    published: str | None
    published_by: str | None
    readers: list[Reader]
    features: list[FeatureInfo]


class CatalogAnswer(Answer, frozen=True, kw_only=True):
    """What is published; `problems` has a sentence for each record that cannot be read."""

    views: list[CatalogView]
    problems: list[str]


class ContractColumn(Answer, frozen=True, kw_only=True):
    """A column of a contract."""

    column: str
    role: Role
    dtype: str
    unit: str | None
    nullable: bool
    rules: list[str]
    description: str | None = None


class ProfileColumn(Answer, frozen=True, kw_only=True):
    """A column of a profile: `figure` is its distribution as HTML, `facts` has its measures by their titles."""

    name: str
    dtype: str
    figure: str
    facts: dict[str, str]


class ProfileInfo(Answer, frozen=True, kw_only=True):
    """The profile of a view, keys first."""

    rows: int
    columns: list[ProfileColumn]


class GraphNode(Answer, frozen=True, kw_only=True):
    """A thing in a lineage."""

    id: str
    kind: str
    label: str


class LineageInfo(Answer, frozen=True, kw_only=True):
    """What a view is made from and goes into."""

    nodes: list[GraphNode]
    edges: list[tuple[str, str]]


class CheckInfo(Answer, frozen=True, kw_only=True):
    """What a check found when the view was last computed."""

    name: str
    outcome: Outcome
    detail: str = ""
    remedy: str = ""


class VersionInfo(Answer, frozen=True, kw_only=True):
    """A published version of a view."""

    number: str
    status: str
    category: str
    published: str
    published_by: str
    branch: str


class ViewAnswer(Answer, frozen=True, kw_only=True):
    """All that is known of a view without computing anything."""

    name: str
    kind: Literal["stored", "on_demand"]
    version: str | None
    branch: str | None
    description: str
    owner: str | None
    definition: str
    path: str | None
    contract: list[ContractColumn]
    profile: ProfileInfo | None
    lineage: LineageInfo
    versions: list[VersionInfo]
    checks: list[CheckInfo]


class Snippet(Answer, frozen=True, kw_only=True):
    """The text of one cell."""

    source: str


class SnippetKind(Answer, frozen=True, kw_only=True):
    """A kind of cell, what it shows, and the sources and views that it can be made of here."""

    kind: str
    summary: str
    of: list[str]


class SnippetKinds(Answer, frozen=True, kw_only=True):
    """The kinds of cells."""

    kinds: list[SnippetKind]


class Step(Answer, frozen=True, kw_only=True):
    """How far a job is."""

    step: str
    text: str


class JobResult(Answer, frozen=True, kw_only=True):
    """What a verb said: as a notebook would show it, and whether it passed or was refused.

    `plan` names the saved plan of a promotion, to be given as ``{"plan": ...}`` to the action ``promote``; `acceptable`
    are the names by which what is in its way may be accepted, as ``{"accept": {name: reason}}`` to the action ``plan``.
    """

    mime: dict[str, Any]
    refused: bool
    passed: bool | None = None
    plan: str | None = None
    acceptable: list[str] = []


class Job(Answer, frozen=True, kw_only=True):
    """A verb that runs, or ran."""

    id: str
    action: str
    view: str | None
    state: Literal["running", "done", "failed", "cancelled"]
    progress: list[Step]
    result: JobResult | None = None
    problem: Problem | None = None


Changed = Literal["branches", "features", "catalog", "runs"]


class Change(Answer, frozen=True, kw_only=True):
    """What changed since the last one."""

    changed: list[Changed]


class Completion(Answer, frozen=True, kw_only=True):
    """What may stand where the cursor is; so many UTF-16 units before it as `replaces` says are typed already."""

    text: str
    kind: str
    detail: str = ""
    replaces: int = 0


class Hover(Answer, frozen=True, kw_only=True):
    """What is said of the word under the cursor, in Markdown."""

    text: str


class Diagnostic(Answer, frozen=True, kw_only=True):
    """What is wrong with a cell. Lines and columns count from 0, as the editor's do; the end is exclusive."""

    line: int
    column: int
    end_line: int
    end_column: int
    severity: Severity
    message: str
    remedy: str = ""


class Inspection(Answer, frozen=True, kw_only=True):
    """What is to be said of a cell and a cursor in it."""

    completions: list[Completion]
    hover: Hover | None
    diagnostics: list[Diagnostic]


ANSWERS: dict[str, type[Answer]] = {
    "GET projects": ProjectList,
    "POST projects": ProjectInfo,
    "GET branches": BranchAnswer,
    "POST branches": ProjectInfo,
    "GET features": FeatureAnswer,
    "GET runs": RunAnswer,
    "GET catalog": CatalogAnswer,
    "GET views": ViewAnswer,
    "POST jobs": Job,
    "GET jobs": Job,
    "DELETE jobs": Job,
    "GET events": Change,
    "GET snippets": SnippetKinds,
    "GET snippets/kind": Snippet,
    "POST inspect": Inspection,
    "error": Problem,
}
"""What each route answers."""


def schemas() -> dict[str, Any]:
    """Return the JSON schemas of all answers, and which each route has."""
    _, components = msgspec.json.schema_components(ANSWERS.values(), ref_template="#/components/{name}")
    routes = {route: {"$ref": f"#/components/{kind.__name__}"} for route, kind in ANSWERS.items()}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "routes": routes, "components": components}
