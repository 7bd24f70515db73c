"""The routes below ``workbench/api/``: each is authenticated, and answers JSON from a thread of its own pool."""

from __future__ import annotations

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
from jupyter_server.auth.decorator import authorized
from jupyter_server.base.handlers import APIHandler
from jupyter_server.utils import url_path_join
from tornado import web
from tornado.iostream import StreamClosedError

from workbench.lab.answers import Problem, schemas
from workbench.lab.kernels import Kernels
from workbench.lab.places import Places
from workbench.lab.problem import Refused, bad_request, problem_of

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable

    from jupyter_server.serverapp import ServerApp
    from jupyter_server.services.kernels.kernelmanager import MappingKernelManager

    from workbench.lab.answers import Answer
    from workbench.lab.changes import Watches
    from workbench.lab.jobs import Jobs
    from workbench.lab.projects import Look, Projects

PREFIX = "workbench/api"
DEADLINE = 60.0
"""Seconds that an answer may take; making a project reads its files as a whole, and has ten times as long."""
THREADS = 8
SETTING = "workbench"
"""Where the server's settings have our `Desk`."""
HEARTBEAT = 15.0
"""Seconds after which a stream says that it is still there: proxies end one that is silent."""
EVENTS = "text/event-stream"
PROBLEM = "application/problem+json"
LOG = logging.getLogger(__name__)

Body = TypeVar("Body")


class Desk:
    """What the routes of one server share; heavy packages load when the first one is used.

    Parameters
    ----------
    root
        The folder that the server shows; None where its contents are no files of this machine.
    kernels
        The server's kernels.
    """

    def __init__(self, root: Path | None, kernels: MappingKernelManager | None) -> None:
        self.places = Places(root)
        self.kernels = Kernels(kernels)
        self.pool = ThreadPoolExecutor(THREADS, thread_name_prefix="workbench-lab")

    @cached_property
    def projects(self) -> Projects:
        """The projects of this server."""
        from workbench.lab.projects import Projects

        return Projects(self.places, self.kernels)

    @cached_property
    def jobs(self) -> Jobs:
        """The verbs that run."""
        from workbench.lab.jobs import Jobs

        return Jobs()

    @cached_property
    def watches(self) -> Watches:
        """The projects that somebody watches."""
        from workbench.lab.changes import Watches

        return Watches(self.pool)

    async def ask(self, answer: Callable[[], Body], *, seconds: float = DEADLINE) -> Body:
        """Return what `answer` returns in a thread; after `seconds` nobody waits for it any more."""
        running = asyncio.get_running_loop().run_in_executor(self.pool, _plainly, answer)
        return await asyncio.wait_for(running, seconds)


def _plainly(answer: Callable[[], Body]) -> Body:
    from workbench.drivers import library_error, translate_errors

    with translate_errors(library_error):
        return answer()


class Route(APIHandler):
    """What all routes do alike."""

    auth_resource = "workbench"

    @property
    def desk(self) -> Desk:
        """What the routes of this server share."""
        desk: Desk = self.settings[SETTING]
        return desk

    async def answer(self, found: Callable[[], Answer], *, status: int = 200, seconds: float = DEADLINE) -> None:
        """Answer with what `found` returns in a thread."""
        self.reply(await self.desk.ask(found, seconds=seconds), status=status)

    async def look(self, answer: Callable[[Look], Answer]) -> None:
        """Answer with what `answer` says of the project, branch and kernel that the query names."""
        project, kernel, branch = self.word("project"), self.word("kernel"), self.word("branch") or None

        def found() -> Answer:
            with self.desk.projects.open(project, kernel=kernel, branch=branch) as opened:
                return answer(opened)

        await self.answer(found)

    def reply(self, answer: Any, *, status: int = 200) -> None:
        """Send an answer as JSON."""
        self.set_status(status)
        self.finish(msgspec.json.encode(answer))

    def word(self, name: str) -> str:
        """Return a word of the query; an empty one where it is absent."""
        return self.get_query_argument(name, "") or ""

    def body(self, kind: type[Body]) -> Body:
        """Return what the request holds; what is nothing of the kind is refused."""
        try:
            return msgspec.json.decode(self.request.body or b"{}", type=kind)
        except msgspec.DecodeError as error:
            raise bad_request(f"The request cannot be read: {error}.", remedy="See GET schemas.") from None

    def write_error(self, status_code: int, **details: Any) -> None:
        """Answer with the problem of an error."""
        error = (details.get("exc_info") or (None, None, None))[1]
        if isinstance(error, web.HTTPError):
            problem = _of_http(error, status_code)
        else:
            problem = problem_of(error) if error is not None else problem_of(RuntimeError())
        self.set_status(problem.status)
        self.finish(msgspec.json.encode(problem), set_content_type=PROBLEM)

    def log_exception(self, *given: Any) -> None:
        """Log what nobody foresaw; what is answered as a problem is no fault of the server."""
        error = given[1]
        if isinstance(error, Exception) and problem_of(error).status != 500:
            LOG.debug("refused: %s", error)
            return
        super().log_exception(*given)


def _of_http(error: web.HTTPError, status: int) -> Problem:
    """Return the problem of an error that the server itself raised before we were asked."""
    kinds = {
        400: ("usage-error", "The request is not complete."),
        403: ("forbidden", "You may not ask this server."),
        404: ("not-found", "There is nothing here."),
        405: ("method-not-allowed", "This cannot be done here."),
    }
    kind, title = kinds.get(status, ("refused", "The server refused the request."))
    remedy = "Reload the page, or sign in again: the session may be over." if status == 403 else ""
    return Problem(type=kind, title=title, status=status, detail=(error.log_message or "")[:300], remedy=remedy)


def guarded(method: Callable[..., Awaitable[None]]) -> Callable[..., Any]:
    """Let signed-in users alone use a route, and of these whom the server's authorizer lets."""
    return web.authenticated(authorized(method))


class NewProject(msgspec.Struct, kw_only=True):
    """The body of ``POST projects``."""

    path: str
    name: str | None = None
    files: list[str] = []
    kernel: str = ""


class NewBranch(msgspec.Struct, kw_only=True):
    """The body of ``POST branches``."""

    project: str
    name: str
    kernel: str = ""
    objective: str | None = None
    hypothesis: str | None = None
    metrics: list[str] = []


class NewJob(msgspec.Struct, kw_only=True):
    """The body of ``POST jobs``."""

    project: str
    action: str
    branch: str | None = None
    kernel: str = ""
    view: str | None = None
    arguments: dict[str, Any] = {}


class CellPlace(msgspec.Struct, kw_only=True):
    """The body of ``POST inspect``: a cell, and a place in it from 0, in UTF-16 units."""

    project: str
    source: str
    line: int = 0
    column: int = 0
    kernel: str = ""
    branch: str | None = None


class ProjectsRoute(Route):
    """The project in front, and making one."""

    @guarded
    async def get(self) -> None:
        """Answer with the project around a path, or the one that a kernel works in, and the others."""
        path, kernel, follow = self.word("path"), self.word("kernel"), bool(self.word("follow"))
        await self.answer(lambda: self.desk.projects.listed(path, kernel, follow=follow))

    @guarded
    async def post(self) -> None:
        """Make a project."""
        new = self.body(NewProject)
        await self.answer(
            lambda: self.desk.projects.create(new.path, name=new.name, files=new.files, kernel=new.kernel),
            status=201,
            seconds=10 * DEADLINE,
        )


class BranchesRoute(Route):
    """Branches, and moving a notebook to one."""

    @guarded
    async def get(self) -> None:
        """Answer with all branches."""
        from workbench.lab.lists import branches

        await self.look(branches)

    @guarded
    async def post(self) -> None:
        """Start an experiment, or switch to it."""
        new = self.body(NewBranch)
        await self.answer(
            lambda: self.desk.projects.choose_branch(
                new.project,
                new.kernel,
                new.name,
                objective=new.objective,
                hypothesis=new.hypothesis,
                metrics=new.metrics,
            )
        )


class FeaturesRoute(Route):
    """The views of a branch."""

    @guarded
    async def get(self) -> None:
        """Answer with the views of the branch."""
        from workbench.lab.branch_views import branch_views

        await self.look(branch_views)


class RunsRoute(Route):
    """Runs."""

    @guarded
    async def get(self) -> None:
        """Answer with the newest runs of the branch."""
        from workbench.lab.lists import runs

        await self.look(runs)


class CatalogRoute(Route):
    """What is published."""

    @guarded
    async def get(self) -> None:
        """Answer with what is published."""
        from workbench.lab.lists import catalog

        await self.look(catalog)


class ViewRoute(Route):
    """One view."""

    @guarded
    async def get(self, name: str) -> None:
        """Answer with all that is known of a view."""
        from workbench.lab.view_page import view_page

        version = self.word("version") or None
        await self.look(lambda look: view_page(look, name, version))


class SnippetsRoute(Route):
    """Cells to begin with."""

    @guarded
    async def get(self, kind: str = "") -> None:
        """Answer with a cell of a kind, of a source or view; without a kind with the kinds."""
        from workbench.lab.snippets import snippet, snippet_kinds

        if kind:
            of = self.word("of")
            await self.look(lambda look: snippet(look, kind, of=of))
        else:
            await self.look(snippet_kinds)


class InspectRoute(Route):
    """What is to be said of a cell that is being written."""

    @guarded
    async def post(self) -> None:
        """Answer with completions, help and what is wrong."""
        from workbench.lab.inspection import inspect_cell

        cell = self.body(CellPlace)

        def found() -> Answer:
            with self.desk.projects.open(cell.project, kernel=cell.kernel, branch=cell.branch) as look:
                return inspect_cell(look, cell.source, cell.line, cell.column)

        await self.answer(found)


class JobsRoute(Route):
    """Starting a verb that takes long."""

    @guarded
    async def post(self) -> None:
        """Start a job."""
        from workbench.lab.jobs import words_of
        from workbench.project import branch_of_kernel

        new = self.body(NewJob)
        words = words_of(new.action, new.view, new.arguments)

        def chosen() -> tuple[Path, str | None]:
            root = self.desk.projects.root(new.project)
            return root, new.branch or branch_of_kernel(root, new.kernel)[0]

        root, branch = await self.desk.ask(chosen)
        self.reply(self.desk.jobs.start(root, branch, new.action, new.view, words).answer(), status=202)


class JobRoute(Route):
    """One job."""

    @guarded
    async def get(self, name: str) -> None:
        """Answer with the job as it is."""
        self.reply(self.desk.jobs[name].answer())

    @guarded
    async def delete(self, name: str) -> None:
        """Cancel the job, and answer with it once it has ended."""
        self.reply((await self.desk.jobs.cancel(name)).answer())


class Stream(Route):
    """Server-sent events; a line of nothing now and then shows that the server is there."""

    _track_activity = False

    def initialize(self) -> None:
        """Begin as a request whose client is there."""
        self.gone = asyncio.Event()

    def on_connection_close(self) -> None:
        """Note that nobody listens any more."""
        self.gone.set()

    async def stream(self, answers: AsyncGenerator[Answer, None]) -> None:
        """Send each of `answers` as it comes, until they end or nobody listens."""
        self.set_header("Content-Type", EVENTS)
        self.set_header("Cache-Control", "no-cache")
        self.set_header("X-Accel-Buffering", "no")  # proxies pass on what there is
        loop = asyncio.get_running_loop()
        gone = loop.create_task(self.gone.wait())
        coming = loop.create_task(anext(answers, None))
        try:
            while True:
                await asyncio.wait({gone, coming}, timeout=HEARTBEAT, return_when=asyncio.FIRST_COMPLETED)
                if gone.done():
                    return
                if not coming.done():
                    self.write(": still here\n\n")
                elif (answer := coming.result()) is None:
                    break
                else:
                    self.write(b"data: " + msgspec.json.encode(answer) + b"\n\n")
                    coming = loop.create_task(anext(answers, None))
                await self.flush()
            self.finish(set_content_type=EVENTS)
        except StreamClosedError:
            return
        finally:
            for task in (gone, coming):
                task.cancel()
            await asyncio.gather(gone, coming, return_exceptions=True)
            await answers.aclose()


class JobEventsRoute(Stream):
    """A job, as it goes on."""

    @guarded
    async def get(self, name: str) -> None:
        """Send the job whenever it moved, until it has ended."""
        from workbench.lab.jobs import follow

        await self.stream(follow(self.desk.jobs[name]))


class EventsRoute(Stream):
    """What changes in a project."""

    @guarded
    async def get(self) -> None:
        """Send what changes, as long as somebody listens."""
        from workbench.project import Project

        project = self.word("project")
        root = await self.desk.ask(lambda: self.desk.projects.root(project))
        await self.stream(self.desk.watches.follow(root, Project))


class SchemasRoute(Route):
    """The JSON schemas of all answers."""

    @guarded
    async def get(self) -> None:
        """Answer with the schemas."""
        self.reply(schemas())


class UnknownRoute(Route):
    """Any other path below the prefix."""

    @guarded
    async def get(self) -> None:
        """Refuse."""
        raise Refused(404, "not-found", "There is no such route.", remedy="See GET schemas.")

    post = put = delete = patch = get


ROUTES: dict[str, type[Route]] = {
    r"projects": ProjectsRoute,
    r"branches": BranchesRoute,
    r"features": FeaturesRoute,
    r"runs": RunsRoute,
    r"catalog": CatalogRoute,
    r"views/([a-z][a-z0-9_]*)": ViewRoute,
    r"snippets": SnippetsRoute,
    r"snippets/([a-z_-]+)": SnippetsRoute,
    r"inspect": InspectRoute,
    r"jobs": JobsRoute,
    r"jobs/([0-9a-f]{32})": JobRoute,
    r"jobs/([0-9a-f]{32})/events": JobEventsRoute,
    r"events": EventsRoute,
    r"schemas": SchemasRoute,
    r".*": UnknownRoute,
}


def add_routes(app: ServerApp) -> None:
    """Add our routes below the server's base URL."""
    root = getattr(app.contents_manager, "root_dir", "")
    web_app = app.web_app
    web_app.settings[SETTING] = Desk(Path(root) if root else None, web_app.settings.get("kernel_manager"))
    base = web_app.settings["base_url"]
    routes = [(url_path_join(base, PREFIX, path), route) for path, route in ROUTES.items()]
    web_app.add_handlers(".*$", routes)  # type: ignore[no-untyped-call]  # tornado says nothing of it
