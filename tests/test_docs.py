"""The documents say what the program does: every verb, option and setting, and commands that are the ones CI runs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from workbench import config, verbs
from workbench.completion import options

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
GUIDE = "\n".join(path.read_text(encoding="utf-8") for path in sorted((ROOT / "notebooks").glob("*.ipynb")))
VERBS = {**verbs.WITH_PROJECT, **verbs.WITHOUT_PROJECT}


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_and_option_is_in_readme_and_guide(verb: str) -> None:
    for word in [verb, *options(VERBS[verb])]:
        assert re.search(rf"(?<![\w-]){re.escape(word)}(?![\w-])", README), f"{word} is not in the README"
        assert word in GUIDE, f"{word} is not in the guide"


@pytest.mark.parametrize(
    "section",
    [
        config.ProjectSettings,
        config.SourceSettings,
        config.TrackingSettings,
        config.LakeSettings,
        config.PolicySettings,
    ],
    ids=lambda kind: kind.__name__,
)
def test_every_setting_is_in_the_readme(section: type[config.ProjectSettings]) -> None:
    missing = [name for name in section.model_fields if not re.search(rf"^{name} = ", README, re.MULTILINE)]
    assert not missing


@pytest.mark.parametrize(
    "section",
    [config.PolicyRule, config.FreezeSettings, config.TrainSettings, config.DriftSettings],
    ids=lambda kind: kind.__name__,
)
def test_every_setting_of_the_policys_parts_is_in_the_readme(section: type[config.PolicyRule]) -> None:
    missing = [name for name in section.model_fields if not re.search(rf"[{{,] *{name} = ", README)]
    assert not missing


@pytest.mark.parametrize("mark", ["demo", "tests"])
def test_the_readmes_two_commands_are_one_line_each(mark: str) -> None:
    found = re.search(rf"<!-- {mark} -->\n```sh\n(.+)\n```", README)
    assert found is not None
    assert found[1].startswith("python3 -m venv .venv && .venv/bin/pip install")


def test_ci_runs_the_command_that_readers_are_given() -> None:
    assert "<!-- tests -->" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


def test_every_file_the_readme_links_is_there() -> None:
    linked = re.findall(r"\]\(([^)#:]+)\)", README)
    assert linked
    assert not [name for name in linked if not (ROOT / name).exists()]
