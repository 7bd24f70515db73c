"""The files of definitions of one git tree: which there are, reading and importing them; no view is known here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.lazy import loading
from workbench.source_tree import data_files
from workbench.source_tree.data_files import MOST_BYTES, declared_paths, file_names, too_large
from workbench.source_tree.definition_files import data_of, files_of, parts_of, texts_of
from workbench.source_tree.importer import decode_source, install, installed_files, run_package
from workbench.source_tree.tree import FOLDER, DefinitionRepository, TreeFiles, package_name, read_tree

if TYPE_CHECKING:
    from workbench.source_tree.kept_facts import KeptFacts

_HOMES = {"kept_facts": ("KeptFacts",)}
__getattr__, _ = loading(__name__, _HOMES)  # hashes of code are made without what it needs

__all__ = [
    "FOLDER",
    "MOST_BYTES",
    "DefinitionRepository",
    "KeptFacts",
    "TreeFiles",
    "data_files",
    "data_of",
    "declared_paths",
    "decode_source",
    "file_names",
    "files_of",
    "install",
    "installed_files",
    "package_name",
    "parts_of",
    "read_tree",
    "run_package",
    "texts_of",
    "too_large",
]
