"""A server says once, when it starts, that the panel is not there."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture(params=[False, True])
def is_built(request: pytest.FixtureRequest) -> bool:
    built: bool = request.param
    return built


@pytest.fixture
def jp_server_config(tmp_path: Path, *, is_built: bool) -> dict[str, Any]:
    """A server with JupyterLab, which looks for its extensions in one folder."""
    panel = tmp_path / "labextensions" / "feature-workbench-lab"
    panel.mkdir(parents=True)
    if is_built:
        (panel / "package.json").touch()
    return {
        "ServerApp": {"jpserver_extensions": {"jupyterlab": True, "workbench.lab": True}},
        "LabApp": {"labextensions_path": [str(panel.parent)]},
    }


async def test_a_panel_that_is_not_built_is_told_when_the_server_starts(
    jp_configurable_serverapp: Callable[..., Any], capfd: pytest.CaptureFixture[str], *, is_built: bool
) -> None:
    server = jp_configurable_serverapp()
    assert {"lab", "workbench.lab"} <= server.extension_manager.extension_points.keys()
    lines = capfd.readouterr().err.splitlines()
    told = [line for line in lines if "panel of Feature Workbench is not built" in line]
    assert len(told) == (0 if is_built else 1)
    assert all("Node.js" in line for line in told)
