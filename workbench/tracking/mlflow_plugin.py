"""What MLflow loads to read our datasets back: ``mlflow.data.get_source(dataset_input).load()`` gives a path.

Registered as entry point ``mlflow.dataset_source``. MLflow loads it in the middle of its own import, so this module
must not import MLflow: the class has the methods of MLflow's ``DatasetSource`` without being derived from it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from workbench.errors import TrackingError

if TYPE_CHECKING:
    import polars as pl


class WorkbenchDatasetSource:
    """A view or source that a run logged.

    Parameters
    ----------
    facts
        ``kind``, ``name``, ``digest``, ``root`` (the project's folder when it was logged), and ``path`` or ``paths``
        below it, or ``uri`` and ``version`` of a Delta table, or ``sql``.
    """

    def __init__(self, facts: Mapping[str, Any]) -> None:
        self.facts = dict(facts)

    @staticmethod
    def _get_source_type() -> str:
        return "workbench"

    @staticmethod
    def _can_resolve(raw_source: object) -> bool:
        return isinstance(raw_source, WorkbenchDatasetSource)

    @classmethod
    def _resolve(cls, raw_source: Any) -> Self:
        return cls(raw_source.facts)

    def to_dict(self) -> dict[str, Any]:
        """Return the facts as JSON-ready values."""
        return dict(self.facts)

    @classmethod
    def from_dict(cls, source_dict: Mapping[Any, Any]) -> Self:
        """Return the source that `to_dict` described."""
        return cls(source_dict)

    def to_json(self) -> str:
        """Return the facts as JSON."""
        return json.dumps(self.to_dict())

    @classmethod
    def from_json(cls, source_json: str) -> Self:
        """Return the source that `to_json` described."""
        return cls.from_dict(json.loads(source_json))

    def load(self) -> str | list[str]:
        """Return where the data is: a local path, a list of them, or a Delta table's URI.

        The path is looked for below the project that logged it, then below the project around the working directory.
        """
        if "uri" in self.facts:
            uri = str(self.facts["uri"])
            return uri if "://" in uri else self._find(uri)
        paths = self.facts.get("paths", [self.facts["path"]] if "path" in self.facts else [])
        if not paths:
            raise self._nowhere()
        found = [self._find(str(path)) for path in paths]
        return found[0] if "path" in self.facts else found

    def scan(self) -> pl.LazyFrame:
        """Return the data as a LazyFrame: a view's or source's rows, a Delta table at the version that was read."""
        import polars as pl

        place = self.load()
        if "uri" in self.facts:
            return pl.scan_delta(str(place), version=self.facts.get("version"))
        paths = [place] if isinstance(place, str) else place
        match Path(paths[0]).suffix:
            case ".parquet":
                return pl.scan_parquet(paths, glob=False)
            case ".csv":
                return pl.scan_csv(paths, glob=False)
            case ".ndjson" | ".jsonl":
                return pl.scan_ndjson(paths)
        raise TrackingError(f"{paths[0]} cannot be scanned.", remedy="Read it yourself from the path `load` gives.")

    def _nowhere(self) -> TrackingError:
        if self.facts.get("kind") == "query":
            return TrackingError(
                f"The data of {self._name} was not kept: it came from a query.",
                remedy="Run the query again: the dataset's source holds it.",
            )
        return TrackingError(
            f"The run does not say where the data of {self._name} is; its list of files may have been too long.",
            remedy="The run's lineage.json has the whole list.",
        )

    @property
    def _name(self) -> str:
        return f"{self.facts.get('kind', 'dataset')} {self.facts.get('name', '')!r}"

    def _find(self, path: str) -> str:
        here = Path.cwd()
        around = [folder for folder in (here, *here.parents) if (folder / "workbench.toml").exists()][:1]
        for root in [Path(str(self.facts.get("root", ""))), *around]:
            if (root / path).exists():
                return str(root / path)
        remedy = "Compute the view again: the same definition and data give the same view id."
        raise TrackingError(
            f"The data of {self._name} is no longer at {path}.",
            remedy=remedy if self.facts.get("kind") == "view" else "Restore the file.",
        )


def scan_dataset(dataset: Any) -> pl.LazyFrame:
    """Return a run's logged dataset as a LazyFrame."""
    import mlflow.data

    source = mlflow.data.get_source(dataset)
    if not isinstance(source, WorkbenchDatasetSource):
        raise TrackingError("This dataset was not logged by the workbench.", remedy="Use the `load` of its own source.")
    return source.scan()
