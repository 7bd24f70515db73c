"""A Jupyter server with our extension, in this process, over a folder with the small project in it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from pytest_jupyter.jupyter_server import *  # noqa: F403 - its fixtures, here alone: some are autouse
from tornado.httpclient import HTTPClientError

from tests.conftest import copy_project

if TYPE_CHECKING:
    from tornado.httpclient import HTTPResponse


class Answered(NamedTuple):
    """A status and the JSON that came with it."""

    status: int
    body: Any
    kind: str


Ask = Callable[..., Coroutine[Any, Any, Answered]]


@pytest.fixture
def jp_server_config() -> dict[str, Any]:
    return {"ServerApp": {"jpserver_extensions": {"workbench.lab": True}}}


@pytest.fixture
def jp_root_dir(tmp_path: Path) -> Path:
    """The folder that the server shows."""
    root = tmp_path / "home of ann"
    root.mkdir()
    return root


@pytest.fixture
def lab_root(begun_once: Path, jp_root_dir: Path, identity: None) -> Path:
    """The small project on ``exp/first``, below the server's root."""
    return copy_project(begun_once, jp_root_dir)


def commit_all(root: Path) -> None:
    subprocess.run(["git", "-C", root, "commit", "-qam", "Declare events"], check=True)


def answered(response: HTTPResponse) -> Answered:
    kind = response.headers.get("Content-Type", "").partition(";")[0]
    return Answered(response.code, json.loads(response.body) if response.body else None, kind)


@pytest.fixture
def ask(jp_fetch: Any) -> Ask:
    """Asks a route, and returns what comes, a problem too."""

    async def asked(method: str, route: str, body: object = None, **query: str) -> Answered:
        options: dict[str, Any] = {"method": method, "params": query, "request_timeout": 120}
        if method != "GET":
            options |= {"body": None if body is None else json.dumps(body), "allow_nonstandard_methods": True}
        try:
            response = await jp_fetch("workbench", "api", *route.split("/"), **options)
        except HTTPClientError as error:
            response = error.response
        return answered(response)

    return asked
