"""Lineage: which sources and columns features come from, and which versions, training sets and models they go into.

Nothing is computed to know it: definitions say what views are made from, Polars' plans which columns they read, and
registry, saved training sets and MLflow runs what came of them.
"""

from __future__ import annotations

from workbench.lineage.collect import trace_lineage
from workbench.lineage.graph import Edge, Graph, Node
from workbench.lineage.history import readers_of
from workbench.lineage.result import Lineage

__all__ = [
    "Edge",
    "Graph",
    "Lineage",
    "Node",
    "readers_of",
    "trace_lineage",
]
