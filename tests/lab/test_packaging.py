"""The wheel has the JupyterLab panel and the chart library; what cannot build them says so, and goes without."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.browser.conftest import missing
from workbench.notebook import not_built

if TYPE_CHECKING:
    from types import ModuleType

ROOT = Path(__file__).parents[2]
LAB = ROOT / "extensions" / "lab"
PLACE = "share/jupyter/labextensions/feature-workbench-lab"
BUDGET = 300_000
"""Bytes of JavaScript that a browser loads; Vega is Lab's own."""


class App:
    """What hatchling's application is to a hook."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def display_warning(self, text: str) -> None:
        self.said.append(text)


@pytest.fixture(scope="module")
def hook() -> ModuleType:
    pytest.importorskip("hatchling")
    spec = importlib.util.spec_from_file_location("hatch_build", LAB / "hatch_build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    """The sources of the panel and the chart library, without what a build needs."""
    folder = tmp_path / "extensions" / "lab"
    shutil.copytree(LAB, folder, ignore=shutil.ignore_patterns("node_modules", "lib", "labextension"))
    return tmp_path


def run(hook: ModuleType, root: Path, target: str, version: str) -> tuple[dict[str, Any], list[str]]:
    """Run the hook as hatchling does; return what it adds to the wheel or archive, and what it said."""
    app = App()
    added: dict[str, Any] = {"shared_data": {}, "force_include": {}}
    found = hook.LabExtensionHook(str(root), {}, None, None, str(root), target, app)
    found.initialize(version, added)
    return added, app.said


def test_without_npm_an_editable_install_says_in_one_line_what_is_not_built_and_how(
    hook: ModuleType, sources: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(sources))
    monkeypatch.delenv("CI", raising=False)
    stale = sources / hook.CHARTS
    stale.parent.mkdir(parents=True)
    stale.touch()
    added, said = run(hook, sources, "wheel", "editable")
    assert not added["shared_data"]
    assert not stale.exists()
    (line,) = said
    assert "panel and the chart library are not built" in line
    assert "npm is not on PATH" in line
    assert "Node.js" in line
    assert "\n" not in line
    assert hook.HOW in line
    assert hook.HOW in not_built("chart library"), "the same is said where it is used"


def test_without_npm_nothing_is_installed_in_ci(
    hook: ModuleType, sources: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(sources))
    monkeypatch.setenv("CI", "true")
    for version in ("standard", "editable"):
        with pytest.raises(RuntimeError, match="must contain the JupyterLab panel and the chart library"):
            run(hook, sources, "wheel", version)
    monkeypatch.delenv("CI")
    added, said = run(hook, sources, "wheel", "standard")
    assert not added["shared_data"]
    assert len(said) == 1


def test_an_npm_that_fails_ends_a_wheel_and_an_editable_install_goes_without(
    hook: ModuleType, sources: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    npm = sources / "npm"
    npm.write_text("#!/bin/sh\necho no network\nexit 1\n")
    npm.chmod(0o755)
    monkeypatch.setenv("PATH", f"{sources}{os.pathsep}/usr/bin{os.pathsep}/bin")
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(RuntimeError, match="no network"):
        run(hook, sources, "wheel", "standard")
    added, said = run(hook, sources, "wheel", "editable")
    assert not added["shared_data"]
    assert len(said) == 1


def test_what_is_built_from_these_sources_is_taken_without_npm(
    hook: ModuleType, sources: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(sources))
    folder = sources / "extensions" / "lab"
    built = folder / "labextension"
    built.mkdir()
    (built / hook.DIGEST).write_text(hook.digest(folder))
    assert not hook.is_current(folder), "there is no chart library"
    charts = sources / hook.CHARTS
    charts.parent.mkdir(parents=True)
    charts.touch()
    added, said = run(hook, sources, "wheel", "standard")
    assert added["shared_data"] == {str(built): PLACE, str(folder / "install.json"): f"{PLACE}/install.json"}
    assert not said
    assert run(hook, sources, "sdist", "standard")[0]["force_include"] == {str(built): "extensions/lab/labextension"}

    for changed in ("src/index.ts", "vega.js"):
        (built / hook.DIGEST).write_text(hook.digest(folder))
        assert hook.is_current(folder)
        (folder / changed).write_text("// another one\n")
        assert not hook.is_current(folder)


def test_the_lock_file_names_no_registry_and_every_dependency_of_lab_is_pinned() -> None:
    lock = json.loads((LAB / "package-lock.json").read_text(encoding="utf-8"))
    assert len(lock["packages"]) > 100
    assert not [name for name, package in lock["packages"].items() if "resolved" in package]
    package = json.loads((LAB / "package.json").read_text(encoding="utf-8"))
    needed = package["peerDependencies"]
    assert not [
        name for name, version in needed.items() if name.startswith("@jupyterlab/") and not version[0].isdigit()
    ]
    assert {needed["@jupyterlab/application"], needed["@jupyterlab/notebook"]} == {"4.6.6"}


@pytest.mark.journey
def test_the_wheel_has_panel_and_charts_and_an_environment_without_node_enables_it(tmp_path: Path) -> None:
    if shutil.which("npm") is None:
        missing("npm, which builds the panel and the chart library")
    built = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path), str(ROOT)]
    subprocess.run(built, check=True, capture_output=True, text=True, timeout=500)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        files = {name.partition(".data/data/")[2]: archive.getinfo(name).file_size for name in archive.namelist()}
        (place,) = (name for name in archive.namelist() if name.endswith("feature-workbench-lab/package.json"))
        package = json.loads(archive.read(place))
        charts = {name: archive.getinfo(name).file_size for name in archive.namelist() if "explorer/vega" in name}
        (metadata,) = (archive.read(name).decode() for name in archive.namelist() if name.endswith("/METADATA"))
    assert set(charts) == {f"workbench/notebook/explorer/vega.js{end}" for end in ("", ".LICENSE.txt")}
    assert charts["workbench/notebook/explorer/vega.js"] > 500_000
    needed = [line for line in metadata.splitlines() if line.startswith("Requires-Dist:") and "extra ==" not in line]
    assert len(needed) > 20
    assert not [line for line in needed if "vl-convert" in line], "84 MB of which the charts need one module"
    entry = package["jupyterlab"]["_build"]
    assert {"extension", "mimeExtension", "style"} <= set(entry)
    assert f"{PLACE}/{entry['load']}" in files
    assert f"{PLACE}/install.json" in files
    assert f"{PLACE}/schemas/feature-workbench-lab/plugin.json" in files
    assert "etc/jupyter/jupyter_server_config.d/feature_workbench.json" in files
    assert 0 < sum(size for name, size in files.items() if name.endswith(".js")) < BUDGET

    clean = tmp_path / "clean"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(clean)], check=True, timeout=120)
    pip = [sys.executable, "-m", "pip", "--python", str(clean), "install", "-q", "--no-deps", "--no-index", str(wheel)]
    subprocess.run(pip, check=True, env={**os.environ, "PATH": "/nowhere"}, timeout=300)
    environment = {
        **os.environ,
        "PATH": "/nowhere",
        "JUPYTER_PATH": str(clean / "share" / "jupyter"),
        "JUPYTER_CONFIG_DIR": str(clean / "etc" / "jupyter"),
        "HOME": str(tmp_path),
    }
    for command, line in (
        (["jupyterlab.labextensions", "list"], "feature-workbench-lab v0.1.0 enabled OK"),
        (["jupyter_server.extension.serverextension", "list"], "workbench.lab enabled"),
    ):
        done = subprocess.run(
            [sys.executable, "-m", *command],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=environment,
            check=True,
            timeout=120,
        )
        plain = " ".join(done.stdout.replace("\x1b[32m", "").replace("\x1b[0m", "").split())
        assert line in plain
