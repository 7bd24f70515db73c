"""The notebook: ``%load_ext workbench``, ``%feature`` and ``%%feature``, completion, live output."""

from __future__ import annotations

from workbench.notebook.explorer.display import offer

__all__ = [
    "offer",
]
