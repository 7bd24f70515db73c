"""The as-of rule: which row of a view held, and was known, at a moment.

Training sets, snapshots, explanations, examples and probes all read through it. `candidates` says which rows can win
and from when on, `join` sets the winners beside a spine or lists them.
"""

from __future__ import annotations

from workbench.point_in_time.candidates import ViewRows, epoch_microseconds, known_rows
from workbench.point_in_time.index import INDEXES, index_folder
from workbench.point_in_time.join import join_views, latest_rows, point_in_time_join, within_ttl

__all__ = [
    "INDEXES",
    "ViewRows",
    "epoch_microseconds",
    "index_folder",
    "join_views",
    "known_rows",
    "latest_rows",
    "point_in_time_join",
    "within_ttl",
]
