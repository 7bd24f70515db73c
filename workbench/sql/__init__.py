"""SQL over published views, any branch's views and the sources, by DuckDB; it reads, and nothing else."""

from __future__ import annotations

from workbench.sql.answer import Answer
from workbench.sql.run import run_sql

__all__ = [
    "Answer",
    "run_sql",
]
