"""Commands that are more than a call of a method: they read files, or stand for several methods.

A command takes the open project as `project` and returns an object with ``to_dict()``, ``__rich__`` and
``_repr_mimebundle_``; it prints nothing. Its docstring is its help. All others are derived from `Project` by `derive`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Parameter

from workbench.cli.derive import from_file
from workbench.cli.parameters import ProgressArg, ProjectArg, SuppliedArg, parse_pairs
from workbench.errors import PromotionRefused, UsageError
from workbench.project import declare_sources, init_project


def init(path: Path | None = None, *, name: str | None = None, from_: list[str] | None = None) -> Any:
    """Make a project: workbench.toml, features/, registry/, notebooks/; a git repository if there is none.

    Nothing that exists is overwritten.

    Parameters
    ----------
    path
        The folder. If absent, this one; with --from, the project that this one is in.
    name
        The project's name; the folder's if absent.
    from_
        A file to declare as a source, with the settings that read it, and a notebook with a first feature; or a table:
        duckdb:///file.db?table=orders, or postgresql://user@host/database?table=orders, whose password is not kept. May
        be repeated.
    """
    if from_:
        return declare_sources(path, from_, name=name)
    return init_project(path or Path(), name=name).status()


def demo(
    *,
    dir: Path = Path("workbench-demo"),  # noqa: A002 - the option is called --dir
    run: Annotated[bool, Parameter(negative="--no-run")] = True,
    progress: ProgressArg = None,
) -> Any:
    """Run the whole loop on 336,776 real flights, in a project of its own.

    Parameters
    ----------
    dir
        The folder of the demo's project; made where absent, continued where it exists.
    run
        Define the views; with --no-run only the project and its data are made.
    """
    from workbench.demo import run_demo

    return run_demo(dir, run=run, progress=progress)


def branch(
    name: str | None = None,
    *,
    start: str | None = None,
    objective: str | None = None,
    hypothesis: str | None = None,
    metric: list[str] | None = None,
    tag: list[str] | None = None,
    push: bool = False,
    delete: bool = False,
    force: bool = False,
    project: ProjectArg,
) -> Any:
    """Start an experiment's branch, or switch to it; without a name, list the branches.

    Parameters
    ----------
    name
        The branch, e.g. exp/carry-over; one that only the remote has continues here. Your working tree stays as it is.
    start
        The branch or commit the experiment starts from; the one with what is published if absent.
    objective
        What the experiment is for; can be given later, as the next three can.
    hypothesis
        What you expect.
    metric
        A metric the experiment is judged by; may be repeated.
    tag
        key=value, put on every run of the experiment; may be repeated.
    push
        Give it to the remote, so that others can continue it; without a name, the one you are on.
    delete
        Delete the branch; refused where it holds work that is nowhere else.
    force
        With --delete: delete it all the same.
    """
    if name is None:
        return project.push_branch() if push else project.branches()
    if delete:
        return project.delete_branch(name, force=force)
    is_new = not project.repository.exists(name)
    project.branch(
        name,
        start=start,
        objective=objective,
        hypothesis=hypothesis,
        metrics=tuple(metric or ()),
        tags=parse_pairs(tag or []),
    )
    if push:
        return project.push_branch(name)
    found = project.branches()
    return found.with_note(name) if is_new else found


def cell(
    *,
    branch: str | None = None,
    log: Annotated[bool, Parameter(negative="--no-log")] = True,
    message: str | None = None,
    helper: str | None = None,
    text: SuppliedArg,
    project: ProjectArg,
    progress: ProgressArg = None,
) -> Any:
    """Define the feature view in text: commit it to the branch, compute it, check it, log it to MLflow.

    Parameters
    ----------
    branch
        The branch to write; the current one if absent.
    log
        Send a run to MLflow.
    message
        The commit's subject; Define and the view's name if absent.
    helper
        Write the text as a module of this name that views import (from .NAME import ...), instead of a view.
    """
    if helper is not None:
        return project.define_helper(helper, text, branch=branch, message=message)
    return project.define(text, branch=branch, log=log, message=message, progress=progress)


define = from_file(cell, "text", said="A file that holds what a %%feature cell would.")


def new(
    kind: str | None = None,
    of: str | None = None,
    *,
    name: str | None = None,
    branch: str | None = None,
    project: ProjectArg,
) -> Any:
    """Write a skeleton of a feature view that runs as it is, with the columns of a source or view; nothing is stored.

    In a notebook it is put into the cell below; a terminal prints it, for define.

    Parameters
    ----------
    kind
        windowed, lag, ratio, target-encoding, cumulative, global, on-view, static or embedding. If absent, all kinds
        are listed, with what they can be made of here.
    of
        The source or view that it reads; the first one that suits if absent.
    name
        The new view's name.
    branch
        The branch whose views are meant; the current one if absent. None of its code runs.
    """
    return project.new(kind, of, branch=branch, name=name)


def promote(
    view: list[str] | None = None,
    *,
    branch: str | None = None,
    dry_run: bool = False,
    plan: Path | None = None,
    accept: list[str] | None = None,
    with_downstream: bool = False,
    message: str | None = None,
    project: ProjectArg,
    progress: ProgressArg = None,
) -> Any:
    """Publish views of an experiment: plan, gates, then one commit on main. Readers see the old version or the new.

    Parameters
    ----------
    view
        Views and feature sets; all that the branch changed if absent.
    branch
        The experiment's branch; the current one if absent.
    dry_run
        Show and save the plan with the result of every gate, and publish nothing.
    plan
        Execute this saved plan, if nothing moved since.
    accept
        Go on although this drifts, or could not be checked (VIEW:GATE), NAME=REASON; may be repeated.
    with_downstream
        Publish the views that read what changes with it.
    message
        The commit's subject.
    """
    if plan is not None and (view or accept or dry_run or with_downstream):
        raise UsageError("A saved plan already says what to promote.", remedy="Give --plan without other arguments.")
    try:
        if plan is not None:
            return project.execute(plan, message=message, progress=progress)
        return project.promote(
            view or (),
            branch=branch,
            dry_run=dry_run,
            accept=parse_pairs(accept or [], option="--accept", example="'spend:total=new prices'"),
            with_downstream=with_downstream,
            message=message,
            progress=progress,
        )
    except PromotionRefused as refused:
        if refused.report is None:
            raise
        return refused.report


def release(action: Literal["list", "cut", "drop"] = "list", name: str | None = None, *, project: ProjectArg) -> Any:
    """Pin what is published now under a name, by a signed tag on main; training and serving can read exactly that.

    Parameters
    ----------
    action
        cut makes one, drop takes it away, list shows all.
    name
        The release's name, such as 2026.11.
    """
    if action == "list":
        return project.releases()
    if name is None:
        raise UsageError(f"`release {action}` needs the name of a release.", remedy=f"Write: release {action} 2026.11")
    return project.cut_release(name) if action == "cut" else project.drop_release(name)


def online(
    action: Literal["status", "load", "verify"] = "status",
    *,
    full: bool = False,
    force: bool = False,
    project: ProjectArg,
) -> Any:
    """Show how the online store stands, bring it to what is published, or compare it with the lake.

    Parameters
    ----------
    action
        status shows what answers and what is behind; load brings it to what is published; verify compares it with the
        lake.
    full
        With load, write every view anew; with verify, compare every entity.
    force
        With load, show main as it is here, also where the store shows what others published since.
    """
    if action == "load":
        return project.load_online(full=full, force=force)
    if force:
        raise UsageError(f"{action} takes no --force.", remedy="Write: online load --force")
    if action == "verify":
        return project.verify_online(full=full)
    if full:
        raise UsageError("status takes no --full.", remedy="Write: online load --full, or online verify --full")
    return project.online_status()


def training_set(
    spine_file: Path,
    *feature: str,
    label: str | None = None,
    time: str = "event_timestamp",
    time_zone: str | None = None,
    full_names: bool = False,
    release: str | None = None,
    save: str | None = None,
    out: Path | None = None,
    project: ProjectArg,
) -> Any:
    """Set features beside a spine's rows, each as it was known at the row's time, and account for every row.

    Parameters
    ----------
    spine_file
        A Parquet, CSV, NDJSON or JSON file with a time column and the views' entity columns.
    feature
        view, view:feature, view@2:feature, or a feature set's name; several. A view under another name, with other
        keys: "airport_weather as dest_weather (airport=dest)".
    label
        The spine's label column.
    time
        The spine's time column.
    time_zone
        The zone of times that state none, e.g. America/New_York; UTC if absent.
    full_names
        Call the columns view__feature.
    release
        Read everything as this release has it.
    save
        Keep the training set under this name, with its lineage.
    out
        Write the rows to this file; its name says the format, e.g. .parquet, .csv.gz or .jsonl.
    """
    from workbench.project import training_set_of_file

    return training_set_of_file(
        project.store,
        spine_file,
        feature,
        label=label,
        time=time,
        time_zone=time_zone,
        full_names=full_names,
        release=release,
        save=save,
        out=out,
    )


def sql(query: str, *, out: Path | None = None, project: ProjectArg) -> Any:
    """Query published views, any branch's views and sources in SQL; it only reads.

    Parameters
    ----------
    query
        One SELECT in DuckDB's dialect. Tables: view, "view@2", "exp/branch".view, "release/2026.11".view, a source.
    out
        Write all rows to this file, however many, e.g. .parquet, .csv.gz or .jsonl; a hundred are shown.
    """
    from workbench.project import answer_into_file

    return answer_into_file(project.store, query, out=out)


def catalog(*search: str, project: ProjectArg) -> Any:
    """List the views that can be used, search them, or show all that is known of one.

    Parameters
    ----------
    search
        A view, or view@2, for all that is known of it: versions, columns, what it is made from, what reads it, who
        published it. Or words, each of which has to be found in a view's name, description, owner, tags, entities or
        features, or in a unit. Everything if absent.
    """
    return project.store.look_up(" ".join(search))


def serve(
    *,
    host: str | None = None,
    port: int | None = None,
    workers: int | None = None,
    log_reads: float | None = None,
    traces: str | None = None,
    on_demand: bool = False,
    open: bool = False,  # noqa: A002 - the option is called --open
    store: str | None = None,
) -> Any:
    """Answer for features over HTTP until it is stopped: of this project, or of an online store.

    What it does not say here it takes from [serve] in workbench.toml. Without a token it answers this machine alone.

    Parameters
    ----------
    host
        The address to listen on.
    port
        The port to listen on; 0 for a free one.
    workers
        How many processes answer.
    log_reads
        The share of answers that are kept for skew, from 0 to 1.
    traces
        Where traces go by OpenTelemetry, as in http://collector:4318/v1/traces.
    on_demand
        Compute on-demand views: run the definitions that main published.
    open
        Answer other machines too while there is no token.
    store
        On a machine that has no project: the folder of the online store, redis://host:6379/0?project=NAME, or
        postgresql://user@host/database?project=NAME.
    """
    from workbench.project import service_options
    from workbench.server import ServiceCommand

    options = service_options(store).with_serve(
        host=host,
        port=port,
        workers=workers,
        log_reads=log_reads,
        traces=traces,
        on_demand=on_demand or None,
        open=open or None,
    )
    return ServiceCommand.of(options)


def monitor(url: str = "http://127.0.0.1:8420", *, token: str | None = None) -> Any:
    """Show how a service that answers over HTTP is doing: requests, times, what is read of each view, how fresh it is.

    In a notebook the figures are shown anew every few seconds.

    Parameters
    ----------
    url
        The service.
    token
        A token that may read the metrics, where the service wants one.
    """
    from workbench.client import ServiceMonitor, connect

    def read() -> str:
        with connect(url, token) as store:
            return store.metrics()

    return ServiceMonitor(url, read)


def token(
    action: Literal["list", "create", "revoke"] = "list",
    name: str | None = None,
    *,
    scope: list[str] | None = None,
    expires: str | None = None,
    store: str | None = None,
) -> Any:
    """Make, list or revoke the tokens that the HTTP service wants; once there is one, it answers nobody without.

    Parameters
    ----------
    action
        create makes a token and shows it once, revoke voids one within seconds, list shows all.
    name
        What the token is for; to revoke one, its id will do.
    scope
        What it may read: carrier_*, carrier_delay:delay_*, or /metrics; everything if absent. May be repeated.
    expires
        When it ends: after a length of time, as in 90d, or at a moment; never if absent.
    store
        On a machine that has no project: the online store that is served, as for serve.
    """
    from workbench.project import service_options
    from workbench.server import TokenFile, TokenList, end_of

    file = TokenFile(service_options(store).tokens)
    if action == "list":
        return TokenList(str(file.path), file.read())
    if name is None:
        raise UsageError(f"Which token do you want to {action}?", remedy=f"Write: token {action} scoring")
    if action == "create":
        made, secret = file.create(name, scopes=scope or (), expires=None if expires is None else end_of(expires))
        return TokenList(str(file.path), (made,), secret)
    return TokenList(str(file.path), (file.revoke(name),))
