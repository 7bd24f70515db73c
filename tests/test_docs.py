"""The documents say what the program does: the reference is what the code gives, and the README's commands run."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import workbench
from tests import reference
from tests.conftest import identify
from workbench import config
from workbench.cli import cell, options
from workbench.cli.parsers import WITH_PROJECT, WITHOUT_PROJECT
from workbench.settings import fields

if TYPE_CHECKING:
    from collections.abc import Iterator

    from workbench.settings import Settings

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PROJECT = (ROOT / "notebooks" / "project.md").read_text(encoding="utf-8")
REFERENCE = reference.PATH.read_text(encoding="utf-8")
VERBS = {**WITHOUT_PROJECT, **WITH_PROJECT, "%%feature": cell}
PAGES = [*ROOT.glob("*.md"), *(ROOT / "notebooks").glob("*.md")]


def settings(model: type[Settings] = config.Config, place: str = "") -> Iterator[tuple[str, str]]:
    """Yield each table of ``workbench.toml`` with the name of a key in it."""
    for field in fields(model):
        name, inner = field.name, reference.settings_model(field.type)
        if place:
            yield place, name
        if inner is not None:
            below = f"{place}.{name}" if place else name
            yield from settings(inner, f"{below}.<name>" if name == "sources" else below)


def section(heading: str, *, level: int = 3) -> str:
    """Return what the reference says below a heading."""
    found = re.search(
        rf"^{'#' * level} {re.escape(heading)}\n(.*?)(?=^#{{1,{level}}} |\Z)", REFERENCE, re.DOTALL | re.MULTILINE
    )
    assert found is not None, f"{heading} is not in the reference"
    return found[1]


def test_the_reference_is_what_the_code_gives() -> None:
    assert reference.reference() == REFERENCE, "run: python -m tests.reference"


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_and_option_is_in_the_reference_with_its_meaning(verb: str) -> None:
    text = section(f"`{verb}`")
    missing = [
        word
        for word in options(VERBS[verb])
        if not re.search(rf"^\| `[^`|]*(?<![\w-]){word}(?![\w-])[^`|]*` \| \S.* \|$", text, re.MULTILINE)
    ]
    assert not missing


def test_every_setting_is_in_the_reference_with_its_meaning() -> None:
    found = list(settings())
    assert {place.partition(".")[0] for place, _ in found} == {field.name for field in fields(config.Config)}
    for place, name in found:
        heading = next(mark for mark in (f"`[{place}]`", f"`[[{place}]]`") if f"### {mark}\n" in REFERENCE)
        assert re.search(rf"^\| `{name}` \| .+ \| .* \| .+ \|$", section(heading), re.MULTILINE), f"{name} of {heading}"


def test_every_public_name_and_its_methods_are_in_the_reference() -> None:
    for name in workbench.__all__:
        value = getattr(workbench, name)
        assert f"`wb.{name}`" in REFERENCE
        for member in vars(value) if name in {"Project", "FeatureStore", "ViewResult"} else ():
            if not member.startswith("_") and getattr(getattr(value, member), "__doc__", None):
                assert re.search(rf"`{name}\.{member}`|^- `([^`]+, )?{member}(, [^`]+)?`", REFERENCE, re.MULTILINE), (
                    member
                )


def test_every_error_is_in_the_reference() -> None:
    kinds = reference.error_kinds()
    assert len(kinds) > 30
    text = section("Errors and warnings", level=2)
    assert not [kind.__name__ for kind in kinds if not re.search(rf"^ *- `{kind.__name__}`: \S", text, re.MULTILINE)]


def test_every_setting_is_in_the_example_and_the_example_is_valid() -> None:
    toml = re.findall(r"```toml\n(.*?)```", PROJECT, re.DOTALL)
    assert len(toml) == 1
    config.Config.parse(toml[0])
    written: dict[str, set[str]] = {}

    def note(place: str, value: object) -> None:
        for table in value if isinstance(value, list) else [value]:
            for key, inner in table.items() if isinstance(table, dict) else ():
                written.setdefault(place, set()).add(key)
                note("sources.<name>" if place == "sources" else f"{place}.{key}".strip("."), inner)

    note("", tomllib.loads(toml[0]))
    assert not [at for at in settings() if at[1] not in written.get(at[0], set())]


@pytest.mark.parametrize("mark", ["demo", "tests"])
def test_the_readmes_two_commands_are_one_line_each(mark: str) -> None:
    found = re.search(rf"<!-- {mark} -->\n```sh\n(.+)\n```", README)
    assert found is not None
    assert found[1].startswith("python3 -m venv .venv && .venv/bin/pip install")


def test_ci_runs_the_command_that_readers_are_given_and_the_journeys_that_it_leaves_out() -> None:
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert "<!-- tests -->" in script
    assert re.search(
        r'^\.venv/bin/pytest .*-m "\(journey and not slow\) or \(slow and not journey\)"$', script, re.MULTILINE
    )


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_file_and_heading_that_a_page_links_is_there(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for name, anchor in re.findall(r"\]\(([^)#:\s]*)(#[^)\s]+)?\)", text):
        linked = page.parent / name if name else page
        assert linked.exists(), name
        if anchor and linked.suffix == ".md":
            headings = re.findall(r"^#+ (.+)$", linked.read_text(encoding="utf-8"), re.MULTILINE)
            assert anchor[1:] in {re.sub(r"[^\w\- ]", "", one.lower()).replace(" ", "-") for one in headings}, anchor


def test_the_steps_to_add_something_name_files_and_what_is_in_them() -> None:
    steps = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").partition("\n## How to add")[2].partition("\n## ")[0]
    found = re.findall(r"^- `([\w/.]+)`: (.*?)(?=^- |^#|\Z|\n\n)", steps, re.DOTALL | re.MULTILINE)
    assert len(found) == steps.count("\n- ") > 10
    for path, text in found:
        content = (ROOT / path).read_text(encoding="utf-8")
        for name in re.findall(r"`@?([A-Za-z_]\w+)(?:=\w+|\(\))?`", text):
            assert name in {"checked", "applies", "main"} or re.search(rf"\b{name}\b", content), f"{name} in {path}"


@pytest.mark.journey
@pytest.mark.timeout(300)
def test_the_readmes_five_minutes_run_and_print_what_it_shows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    identify(tmp_path, monkeypatch)
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("COLUMNS", "160")
    text = README.partition("## Your own data in five minutes")[2].partition("\n## ")[0]
    steps = re.findall(r"```sh\n(.*?)```(?:\n```text\n(.*?)```)?", text, re.DOTALL)
    assert [re.findall(r"^workbench (\S+)", commands, re.MULTILINE) for commands, _ in steps] == [
        ["init"],
        [],
        ["branch"],
        ["define"],
        ["promote"],
        ["training-set"],
        ["get"],
    ]
    first, *others = (commands for commands, _ in steps)
    unsent = "printf '[tracking]\\nsend = false\\n' >> workbench.toml\n"  # no process stays behind to send runs
    between = "---- next ----"
    script = f"echo '{between}'\n".join([first + unsent, *others])
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=280,
    )
    assert done.returncode == 0, done.stdout
    for (commands, shown), printed in zip(steps, done.stdout.split(between), strict=True):
        lines = iter([" ".join(line.split()) for line in printed.splitlines()])
        for line in filter(str.strip, shown.splitlines()):
            words = re.escape(" ".join(line.split())).replace("\\ ", " ")
            pattern = re.sub(r" ?\\\.\\\.\\\. ?", ".*", words)
            assert any(re.fullmatch(pattern, one) for one in lines), f"{commands}\nprints no {line!r}:\n{printed}"
