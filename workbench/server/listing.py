"""``GET /v1/catalog``: the views, versions, releases and feature sets that there are to ask for."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from workbench.dtypes import dtype_to_json
from workbench.errors import FeatureNotFound, RegistryError
from workbench.store import Reference
from workbench.times import format_duration

if TYPE_CHECKING:
    from workbench.define import Contract
    from workbench.online import OnlineCatalog
    from workbench.registry import Version
    from workbench.server.tokens import Token


def list_features(catalog: OnlineCatalog, token: Token | None, search: str | None) -> dict[str, Any]:
    """Return what is published and within a token's scopes, as JSON-ready values."""
    words = (search or "").casefold().split()
    found = {}
    for name in catalog.registry.views:
        try:
            record = catalog.registry.record(name)
        except RegistryError:
            continue
        serving = record.serving
        if serving is None:
            continue
        view = _view(catalog, name, serving, token)
        if not view["features"]:
            continue
        view["versions"] = [version.number for version in record.versions if version.is_served]
        text = " ".join([name, str(view)]).casefold()
        if all(word in text for word in words):
            found[name] = view
    for name in catalog.registry.on_demand_views:
        with suppress(RegistryError, FeatureNotFound):
            computed = _on_demand(catalog, name, token)
            text = " ".join([name, str(computed)]).casefold()
            if computed["features"] and all(word in text for word in words):
                found[name] = computed
    members = {
        name: [ref for ref in each.features if _is_listed(ref, found)] for name, each in catalog.feature_sets.items()
    }
    meta = catalog.meta
    return {
        "project": meta.project if meta else None,
        "commit": meta.commit if meta else None,
        "loaded_at": meta.loaded_at if meta else None,
        "catalog_version": catalog.version,
        "views": found,
        "feature_sets": {name: refs for name, refs in members.items() if refs},
        "releases": catalog.releases,
    }


def _is_listed(ref: str, found: dict[str, Any]) -> bool:
    """Return whether what a member of a feature set names is in the list."""
    reference = Reference.parse(ref)
    view = found.get(reference.view)
    return view is not None and (reference.feature is None or reference.feature in view["features"])


def _on_demand(catalog: OnlineCatalog, name: str, token: Token | None) -> dict[str, Any]:
    """Return what an on-demand view is: it has values of a request, and the entities of the views that it reads."""
    record = catalog.registry.on_demand(name)
    version = record.version()
    read = [catalog.registry.version(each.view, each.version) for each in version.inputs]
    declaration = version.declaration
    return {
        "version": version.number,
        "description": declaration.get("description", ""),
        "owner": declaration.get("owner"),
        "tags": declaration.get("tags", {}),
        "ttl": None,
        "entities": {entity: dtype_to_json(each.contract[entity].dtype) for each in read for entity in each.entities},
        "request": {
            each.name: {"dtype": dtype_to_json(each.dtype), "nullable": each.nullable} for each in version.request
        },
        "features": _features(name, version.contract, token),
        "generation": None,
        "loaded_at": None,
        "versions": [each.number for each in record.versions],
    }


def _features(view: str, contract: Contract, token: Token | None) -> dict[str, Any]:
    return {
        column.name: {
            "dtype": dtype_to_json(column.dtype),
            "unit": column.unit,
            "description": column.description,
            "nullable": column.nullable,
        }
        for column in contract.features
        if token is None or token.may_read(view, column.name)
    }


def _view(catalog: OnlineCatalog, name: str, version: Version, token: Token | None) -> dict[str, Any]:
    generation = catalog.generation(name, version)
    declaration = version.declaration
    return {
        "version": version.number,
        "description": declaration.get("description", ""),
        "owner": declaration.get("owner"),
        "tags": declaration.get("tags", {}),
        "ttl": None if version.ttl is None else format_duration(version.ttl),
        "entities": {entity: dtype_to_json(version.contract[entity].dtype) for entity in version.entities},
        "features": _features(name, version.contract, token),
        "generation": None if generation is None else generation.number,
        "loaded_at": None if generation is None else generation.loaded_at,
    }
