"""What a ``%%feature`` cell does: a definition is staged, planned, committed, computed, checked and recorded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.lazy import loading

if TYPE_CHECKING:
    from workbench.pipeline.check_cache import (
        cached_check,
        cached_profile,
        cached_row_count,
        known_profile,
        write_facts,
    )
    from workbench.pipeline.define import compute, define
    from workbench.pipeline.evaluate import (
        Evaluated,
        Evaluation,
        InputTimes,
        Prepared,
        on_steady_sources,
        view_data,
    )
    from workbench.pipeline.first_feature import DeclaredSources, propose, sources_toml, write_notebook
    from workbench.pipeline.helper_module import HelperModule, define_helper
    from workbench.pipeline.identities import source_digest
    from workbench.pipeline.init import start_project
    from workbench.pipeline.new_cell import NewCell, SkeletonKinds, new_cell, skeleton_kinds
    from workbench.pipeline.on_demand import PreparedOnDemand, StoredInputs, identity_of, prepare_on_demand
    from workbench.pipeline.probing import probe
    from workbench.pipeline.rebuild import RebuiltWarning, difference, rebuild
    from workbench.pipeline.removal import Removal, remove
    from workbench.pipeline.result import ResultList, ViewResult
    from workbench.pipeline.run_record import origin
    from workbench.pipeline.skeleton import KINDS, InputTable, Skeleton, write_skeleton
    from workbench.pipeline.status import Status, ViewStatus, status
    from workbench.pipeline.stored_data import replaced, wrong_rows
    from workbench.pipeline.testing import NO_TESTS, run_tests
    from workbench.pipeline.trust import Trust, trust
    from workbench.pipeline.ui import UiLink, ui_link
    from workbench.pipeline.versions import VersionEvaluation, VersionKey, published_definitions
    from workbench.pipeline.view import View, open_view
    from workbench.pipeline.warm import warm
    from workbench.pipeline.why_changed import WhyChanged, why_changed

_HOMES = {
    "check_cache": ("cached_check", "cached_profile", "cached_row_count", "known_profile", "write_facts"),
    "define": ("compute", "define"),
    "evaluate": (
        "Evaluated",
        "Evaluation",
        "InputTimes",
        "Prepared",
        "on_steady_sources",
        "view_data",
    ),
    "first_feature": ("DeclaredSources", "propose", "sources_toml", "write_notebook"),
    "helper_module": ("HelperModule", "define_helper"),
    "identities": ("source_digest",),
    "init": ("start_project",),
    "new_cell": ("NewCell", "SkeletonKinds", "new_cell", "skeleton_kinds"),
    "on_demand": ("PreparedOnDemand", "StoredInputs", "identity_of", "prepare_on_demand"),
    "probing": ("probe",),
    "rebuild": ("RebuiltWarning", "difference", "rebuild"),
    "removal": ("Removal", "remove"),
    "result": ("ResultList", "ViewResult"),
    "run_record": ("origin",),
    "skeleton": ("KINDS", "InputTable", "Skeleton", "write_skeleton"),
    "status": ("Status", "ViewStatus", "status"),
    "stored_data": ("replaced", "wrong_rows"),
    "testing": ("NO_TESTS", "run_tests"),
    "trust": ("Trust", "trust"),
    "ui": ("UiLink", "ui_link"),
    "versions": ("VersionEvaluation", "VersionKey", "published_definitions"),
    "view": ("View", "open_view"),
    "warm": ("warm",),
    "why_changed": ("WhyChanged", "why_changed"),
}
__getattr__, __dir__ = loading(__name__, _HOMES)

__all__ = [
    "KINDS",
    "NO_TESTS",
    "DeclaredSources",
    "Evaluated",
    "Evaluation",
    "HelperModule",
    "InputTable",
    "InputTimes",
    "NewCell",
    "Prepared",
    "PreparedOnDemand",
    "RebuiltWarning",
    "Removal",
    "ResultList",
    "Skeleton",
    "SkeletonKinds",
    "Status",
    "StoredInputs",
    "Trust",
    "UiLink",
    "VersionEvaluation",
    "VersionKey",
    "View",
    "ViewResult",
    "ViewStatus",
    "WhyChanged",
    "cached_check",
    "cached_profile",
    "cached_row_count",
    "compute",
    "define",
    "define_helper",
    "difference",
    "identity_of",
    "known_profile",
    "new_cell",
    "on_steady_sources",
    "open_view",
    "origin",
    "prepare_on_demand",
    "probe",
    "propose",
    "published_definitions",
    "rebuild",
    "remove",
    "replaced",
    "run_tests",
    "skeleton_kinds",
    "source_digest",
    "sources_toml",
    "start_project",
    "status",
    "trust",
    "ui_link",
    "view_data",
    "warm",
    "why_changed",
    "write_facts",
    "write_notebook",
    "write_skeleton",
    "wrong_rows",
]
