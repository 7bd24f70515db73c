"""The as-of rule: which row of a view held, and was known, at a moment.

Training sets, snapshots, explanations, examples and probes all read through it. `candidates` says which rows can win
and from when on, `join` sets the winners beside a spine or lists them.
"""

from __future__ import annotations

from workbench.point_in_time.candidates import ViewRows
from workbench.point_in_time.join import join_views, latest_rows, point_in_time_join

__all__ = ["ViewRows", "join_views", "latest_rows", "point_in_time_join"]
