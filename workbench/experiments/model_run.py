"""`ModelRun`: an experiment with a model, from ``with project.experiment(...)``; what it logs reaches MLflow."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Mapping
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from workbench.errors import UsageError
from workbench.experiments.model_record import OWN_PARAMS, metrics_event, opening_record, training_event
from workbench.records import to_plain
from workbench.render import Report, Reported, Table
from workbench.tracking import Event, FluentBlock, Measured, check_fits

if TYPE_CHECKING:
    import os
    from types import TracebackType

    from workbench.git import Branch
    from workbench.tracking import OpenRun, RunRecord, RunStatus, Ticket, TrainingFacts
    from workbench.workspace import Workspace

LONGEST = 120
"""Characters of an experiment's name."""

Resolve = Callable[[object], "TrainingFacts"]


class ModelRun(Reported):
    """One training of a model. Get it as ``with project.experiment("name") as run:``.

    Everything that is logged is on disk when the call returns, so a killed kernel loses nothing; MLflow gets the run
    when the block ends. An exception in the block marks the run failed, Ctrl-C killed. Training sets that the project's
    store builds inside the block are attached by themselves.

    Where ``mlflow`` is imported, before the block or in it, the run exists in MLflow from then on and is its active one
    until the block ends: ``mlflow.log_metric``, autologging, nested runs and ``mlflow.<flavor>.log_model`` go to it, in
    the project's store and experiment. What was set before is put back. A run of yours that is active becomes its
    parent. Where MLflow does not answer within seconds, a warning says that ``mlflow`` calls will fail, and the block
    goes on. Processes that are started in the block get store and experiment by their environment.

    Parameters
    ----------
    workspace
        The project's workspace.
    name
        What the experiment is called: its runs are compared under this name.
    branch
        The branch it belongs to.
    resolve
        Gives the facts of what `use` is given.

    Raises
    ------
    UsageError
        For a name that is none.
    """

    def __init__(self, workspace: Workspace, name: str, branch: Branch, *, resolve: Resolve) -> None:
        self.name = _check_name(name)
        self.branch = branch.name
        self.commit = branch.tip
        self._workspace = workspace
        self._described = branch
        self._resolve = resolve
        self._open: OpenRun | None = None
        self._closed: RunRecord | None = None
        self._ticket: Ticket | None = None
        self._fluent = FluentBlock(workspace.tracker)
        self._measured: list[Measured] = []
        self._params: dict[str, str] = {}
        self._used: dict[str, TrainingFacts] = {}

    def __enter__(self) -> Self:
        if self._open is not None or self._closed is not None:
            raise UsageError(
                f"This run of experiment {self.name!r} has ended.", remedy="Open another with project.experiment(...)."
            )
        listener = self._workspace.training_listener
        if listener.hear is not None:
            raise UsageError(
                "A run of an experiment is open already, and runs cannot be nested.",
                remedy="End the first block, or log seeds and folds in it: log_metric('rmse', 12.3, seed=1).",
            )
        record = opening_record(self._workspace, self.name, self._described, tags=self._fluent.parent())
        self._open = self._workspace.tracker.open(record)
        try:
            self._fluent.enter(self._open)
        except BaseException as error:
            self.__exit__(type(error), error, error.__traceback__)
            raise
        listener.hear = self._attach
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        run = self._open_run()
        self._workspace.training_listener.hear = None
        status: RunStatus = "FINISHED"
        if error is not None:
            status = "FAILED" if isinstance(error, Exception) else "KILLED"
            text = "".join(traceback.format_exception(kind, error, where))
            run.log(Event(tags={"workbench.error": _error_text(error)}, artifacts={"error.txt": text}))
        try:
            self._fluent.leave(failed=error is not None)
        finally:
            run.log(metrics_event(self._measured))
            self._closed = run.closed(status)
            self._ticket = self._workspace.tracker.close(run, status)
            self._open = None

    def log_param(self, name: str, value: object) -> None:
        """Log one parameter of the model, see `log_params`."""
        self.log_params({name: value})

    def log_params(self, params: Mapping[str, object]) -> None:
        """Log parameters of the model: what was chosen.

        Raises
        ------
        UsageError
            For a name that says already what the model was trained on, and for another value of what was logged.
        """
        texts = {str(name): _text(value) for name, value in params.items()}
        for name, text in texts.items():
            if name in OWN_PARAMS or name.startswith("view."):
                raise UsageError(
                    f"Parameter {name!r} is reserved for Feature Workbench.", remedy=f"Call it 'model_{name}', say."
                )
            if self._params.get(name, text) != text:
                raise UsageError(
                    f"Parameter {name!r} was logged as {self._params[name]}, and cannot become {text}.",
                    remedy="A run has one value of a parameter: open another run for the other.",
                )
        self._open_run().log(Event(params=texts))
        self._params |= texts

    def log_metric(
        self,
        name: str,
        value: float,
        *,
        step: int | None = None,
        seed: int | str | None = None,
        fold: int | str | None = None,
    ) -> None:
        """Log what came out.

        Parameters
        ----------
        name
            The metric, e.g. ``rmse``.
        value
            A number. One that is NaN or infinite is kept in the run's ``metrics.json`` and named in its tag
            ``metrics_left_out``: MLflow cannot store it.
        step
            Where on a curve it stands, e.g. the epoch.
        seed, fold
            Which of several repetitions this is. The mean and the standard deviation over them become metrics too.

        Raises
        ------
        UsageError
            For what is not a number, and for a metric that is logged in two ways.
        """
        self.log_metrics({name: value}, step=step, seed=seed, fold=fold)

    def log_metrics(
        self,
        metrics: Mapping[str, float],
        *,
        step: int | None = None,
        seed: int | str | None = None,
        fold: int | str | None = None,
    ) -> None:
        """Log several metrics, see `log_metric`."""
        now = time.time_ns() // 1_000_000
        new = [Measured(str(name), _number(name, value), step, seed, fold, now) for name, value in metrics.items()]
        for each in new:
            check_fits(each, self._measured)
        self._open_run().log(Event(measured=tuple(new)))
        self._measured += new

    def log_artifact(self, path: str | os.PathLike[str], *, to: str | None = None) -> None:
        """Keep a copy of a file or folder as it is now, among the run's artifacts.

        Parameters
        ----------
        path
            The file or folder.
        to
            Its path among the artifacts; its name if absent.

        Raises
        ------
        UsageError
            Where there is none.
        """
        place = Path(path)
        self._open_run().keep(place, to=to or place.resolve().name)

    def log_model_file(self, path: str | os.PathLike[str]) -> None:
        """Keep a copy of the model's file or folder, as ``model/<name>``, and tag the run with its SHA-256.

        Raises
        ------
        UsageError
            Where there is none.
        """
        place = Path(path)
        run = self._open_run()
        kept = run.keep(place, to=f"model/{place.resolve().name}")
        run.log(Event(tags={f"workbench.model.{file.removeprefix('model/')}": sha for file, sha in kept.files.items()}))

    def log_model(
        self,
        model: object,
        name: str = "model",
        *,
        signature: object = None,
        registered_model_name: str | None = None,
        **options: Any,
    ) -> Any:
        """Log a model to MLflow, by the flavor that knows its class: ``mlflow.sklearn``, ``mlflow.xgboost``, ...

        This imports ``mlflow``, and waits for it. `log_model_file` keeps a file on disk at once, and sends it later.

        Parameters
        ----------
        model
            A model of scikit-learn, XGBoost, LightGBM, PyTorch, ..., or an ``mlflow.pyfunc.PythonModel``.
        name
            What it is called in the run.
        signature
            Of ``mlflow.models.infer_signature``: columns and dtypes of inputs and outputs.
        registered_model_name
            Register it in MLflow's model registry under this name, as its next version.
        options
            What the flavor's ``log_model`` takes besides, e.g. ``input_example=`` or ``pip_requirements=``.

        Returns
        -------
        mlflow.models.model.ModelInfo
            What MLflow says of it, e.g. ``.model_uri``.

        Raises
        ------
        TrackingError
            Where MLflow does not have the run: it does not answer, or runs are not sent.
        UsageError
            For an object of a class that no flavor knows.
        """
        self._open_run()
        return self._fluent.log_model(
            model, name=name, signature=signature, registered_model_name=registered_model_name, **options
        )

    def set_tags(self, tags: Mapping[str, str]) -> None:
        """Put tags on the run.

        Raises
        ------
        UsageError
            For a tag that begins with ``workbench.`` or ``mlflow.``.
        """
        for name in tags:
            if name.startswith(("workbench.", "mlflow.")):
                raise UsageError(f"Tag {name!r} is reserved.", remedy="Remove its prefix.")
        self._open_run().log(Event(tags={str(name): str(value) for name, value in tags.items()}))

    def use(self, *what: object) -> None:
        """Say what the model is trained on, where it was not built in this block.

        Parameters
        ----------
        what
            Each a `TrainingSet`, built before or saved, the name of a saved one, or a reference to features: ``view``,
            ``view:feature``, ``view@version``, a feature set's name.

        Raises
        ------
        UsageError
            For a training set of another project, and for a frame, which does not say what it was made of.
        FeatureNotFound
            For a name that is neither (did you mean).
        """
        for facts in [self._resolve(each) for each in what]:
            self._attach(facts)

    @property
    def training_sets(self) -> tuple[TrainingFacts, ...]:
        """What the model is trained on, as far as it was said."""
        return tuple(self._used.values())

    @property
    def run_id(self) -> str | None:
        """The id of the MLflow run; waits up to a minute while it is being sent, then None.

        Inside the block it is None unless ``mlflow`` is imported.
        """
        return self._fluent.run_id if self._ticket is None else self._ticket.run_id(timeout=60)

    @property
    def key(self) -> str | None:
        """The key of the run's record, by which `compare` and `lineage` know it before MLflow has it."""
        record = self._open.record if self._open is not None else self._closed
        return None if record is None else record.key

    def to_dict(self) -> dict[str, Any]:
        """Return the run as JSON-ready values."""
        record = self._so_far()
        return {
            "experiment": self.name,
            "branch": self.branch,
            "commit": self.commit,
            "status": record.status if self._closed is not None else "RUNNING",
            "key": self.key,
            "run_id": None if self._ticket is None else self._ticket.poll().run_id,
            "params": dict(record.params),
            "metrics": dict(record.metrics),
            "training": to_plain(self.training_sets),
            "files": dict(record.files),
        }

    def report(self) -> Report:
        """Return what was logged."""
        record = self._so_far()
        delivery = None if self._ticket is None else self._ticket.poll()
        state = {"FINISHED": "finished", "FAILED": "failed", "KILLED": "interrupted"}
        used = tuple(
            (facts.title, facts.rows, ", ".join(facts.references), facts.data_digest[:12] or None)
            for facts in self.training_sets
        )
        tables = (
            Table("Metrics", ("metric", "value"), tuple(sorted(record.metrics.items()))),
            Table("Parameters", ("parameter", "value"), tuple(sorted(self._params.items()))),
            Table("Trained on", ("training set", "rows", "features", "data"), used),
        )
        return Report(
            f"{self.name} on {self.branch}: {state[record.status] if self._closed is not None else 'running'}",
            facts=(
                ("objective", self._described.objective),
                ("commit", self.commit[:10]),
                ("error", record.tags.get("workbench.error")),
                ("MLflow run", delivery and (delivery.run_id or "pending")),
                ("files", ", ".join(record.files) or None),
            ),
            tables=tuple(table for table in tables if table.rows),
            notes=() if used else ("Its training set is unknown: build the training set inside the block.",),
        )

    def __repr__(self) -> str:
        return f"<ModelRun {self.name} on {self.branch}>"

    def _attach(self, facts: TrainingFacts) -> None:
        run = self._open_run()
        identity = facts.data_digest or ", ".join(facts.references)
        known = self._used.get(identity)
        if known is None or (known.name is None and facts.name is not None):
            self._used[identity] = facts
            run.log(training_event(self._workspace, self.training_sets))

    def _so_far(self) -> RunRecord:
        if self._closed is not None:
            return self._closed
        if self._open is not None:
            return self._open.closed("FINISHED")
        return opening_record(self._workspace, self.name, self._described)

    def _open_run(self) -> OpenRun:
        if self._open is None:
            raise UsageError(
                f"No run of experiment {self.name!r} is open.",
                remedy=f'Log inside the block: with project.experiment("{self.name}") as run: ...',
            )
        return self._open


def _check_name(name: object) -> str:
    if not isinstance(name, str) or not name.strip() or not name.isprintable() or len(name) > LONGEST:
        raise UsageError(
            f"{str(name)[:LONGEST]!r} is not a valid name for an experiment.",
            remedy=f"Give it a name on one line, at most {LONGEST} characters long.",
        )
    return name.strip()


def _number(name: object, value: object) -> float:
    try:
        return float(value)  # type: ignore[arg-type]  # what has no float says so
    except (TypeError, ValueError):
        raise UsageError(f"Metric {name!r} is {value!r}, which is not a number.", remedy="Log a float.") from None


def _text(value: object) -> str:
    if isinstance(value, datetime | date):
        return value.isoformat()
    return value if isinstance(value, str) else repr(value)


def _error_text(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text[:500]}" if text else type(error).__name__
