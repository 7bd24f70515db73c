"""The lake: the canonical offline store, and reading it as it was known at any time."""

from __future__ import annotations

from workbench.lake.candidates import ViewRows
from workbench.lake.join import join_views, point_in_time_join

__all__ = ["ViewRows", "join_views", "point_in_time_join"]
