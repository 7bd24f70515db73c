"""Feature Workbench: from a notebook cell to a feature in production.

Names load when they are first used, so that ``import workbench`` costs less than ``import polars``.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from workbench.client import connect, connect_async
    from workbench.define import (
        Feature,
        FeatureModel,
        FeatureSet,
        FeatureView,
        LazyFrame,
        OnDemandView,
        example,
        feature_set,
        feature_view,
        on_demand,
        windowed,
    )
    from workbench.dtypes import UTC
    from workbench.errors import WorkbenchError
    from workbench.pipeline import ViewResult
    from workbench.point_in_time import point_in_time_join
    from workbench.project import FeatureStore, Project, source
    from workbench.project import init_project as init
    from workbench.project import open_project as open  # noqa: A004 - `wb.open()` is the public name
    from workbench.store import (
        DeprecatedVersionWarning,
        FailedCheckWarning,
        LowMatchWarning,
        NaiveTimeWarning,
        TrainingSet,
        use,
    )

__version__ = "0.1.0"

_HOMES = {
    "Feature": "define",
    "FeatureModel": "define",
    "FeatureSet": "define",
    "FeatureView": "define",
    "LazyFrame": "define",
    "OnDemandView": "define",
    "UTC": "dtypes",
    "example": "define",
    "feature_set": "define",
    "feature_view": "define",
    "on_demand": "define",
    "windowed": "define",
    "WorkbenchError": "errors",
    "connect": "client",
    "connect_async": "client",
    "point_in_time_join": "point_in_time",
    "ViewResult": "pipeline",
    "FeatureStore": "project",
    "DeprecatedVersionWarning": "store",
    "use": "store",
    "FailedCheckWarning": "store",
    "LowMatchWarning": "store",
    "NaiveTimeWarning": "store",
    "TrainingSet": "store",
    "source": "project",
    "Project": "project",
    "init": "project:init_project",
    "open": "project:open_project",
}

__all__ = [
    "UTC",
    "DeprecatedVersionWarning",
    "FailedCheckWarning",
    "Feature",
    "FeatureModel",
    "FeatureSet",
    "FeatureStore",
    "FeatureView",
    "LazyFrame",
    "LowMatchWarning",
    "NaiveTimeWarning",
    "OnDemandView",
    "Project",
    "TrainingSet",
    "ViewResult",
    "WorkbenchError",
    "connect",
    "connect_async",
    "example",
    "feature_set",
    "feature_view",
    "init",
    "on_demand",
    "open",
    "point_in_time_join",
    "source",
    "use",
    "windowed",
]


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'workbench' has no attribute {name!r}")
    room, _, attribute = home.partition(":")
    value = getattr(import_module(f"workbench.{room}"), attribute or name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])


def load_ipython_extension(shell: InteractiveShell) -> None:
    """Register ``%feature`` and ``%%feature``: what ``%load_ext workbench`` calls."""
    from workbench.notebook.magics import register

    register(shell)
