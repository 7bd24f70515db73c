"""``%%feature`` in a real kernel: what a researcher sees and what is left behind."""

from __future__ import annotations

import re
import subprocess
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import pytest

from workbench.project import branch_of_kernel, choose_kernel_branch

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.kernel.conftest import Kernel


def feature(cell: str, options: str = "--no-log") -> str:
    return f"%%feature {options}\n{cell}"


def plain(traceback: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", traceback)


Answer = TypeVar("Answer")


def until(ask: Callable[[], Answer], holds: Callable[[Answer], bool]) -> Answer:
    """Ask again until the answer holds: on a machine that is busy an answer may come too late for the first Tab."""
    deadline = time.monotonic() + 60
    while not holds(answer := ask()) and time.monotonic() < deadline:
        time.sleep(0.1)
    return answer


def commits(root: Path) -> int:
    out = subprocess.run(["git", "rev-list", "--count", "--all"], cwd=root, check=True, capture_output=True, text=True)
    return int(out.stdout)


def test_a_cell_shows_a_card_and_defines_its_names(kernel: Kernel, event_view: str) -> None:
    reply = kernel.run(feature(event_view))
    assert reply.status == "ok", reply.traceback
    assert "spend" in reply.html
    assert "<svg" in reply.html
    assert "200" in reply.text
    again = kernel.run("print(spend.entities, Spend.__name__)")
    assert again.stdout.strip() == "('user',) Spend"


def test_the_second_run_of_a_cell_is_reused_and_commits_nothing(kernel: Kernel, event_view: str) -> None:
    kernel.run(feature(event_view))
    before = commits(kernel.root)
    reply = kernel.run(feature(event_view))
    assert "reused" in reply.text
    assert commits(kernel.root) == before


def test_a_syntax_error_is_shown_at_the_users_line_and_fails_the_cell(kernel: Kernel) -> None:
    before = commits(kernel.root)
    reply = kernel.run(feature("class Spend(FeatureModel):\n    user: str\n    at UTC\n"))
    assert reply.status == "error"
    assert "line 3" in plain(reply.traceback)
    assert "at UTC" in plain(reply.traceback)
    assert "site-packages" not in reply.traceback
    assert "/workbench/" not in reply.traceback
    assert commits(kernel.root) == before


def test_an_exception_in_the_users_code_is_shown_at_the_users_line(kernel: Kernel, event_view: str) -> None:
    broken = event_view.replace("    return events", "    wrong = 1 / 0\n    return events")
    reply = kernel.run(feature(broken))
    assert reply.status == "error"
    shown = plain(reply.traceback)
    assert "ZeroDivisionError" in shown
    line = 1 + next(at for at, text in enumerate(broken.splitlines(), start=1) if "1 / 0" in text)
    assert re.search(rf"line ({line}|{line - 1})\b", shown), shown
    assert "wrong = 1 / 0" in shown
    assert "materialize" not in shown


def test_data_that_breaks_the_contract_shows_the_rows_and_fails_the_cell(kernel: Kernel, event_view: str) -> None:
    reply = kernel.run(feature(event_view.replace("ge=0)", "ge=5)")))
    assert reply.status == "error"
    assert "ContractViolation" in plain(reply.traceback)
    assert "u0" in reply.html


def test_a_protected_branch_is_refused_with_the_remedy(kernel: Kernel, event_view: str) -> None:
    reply = kernel.run(feature(event_view, "--branch main"))
    assert reply.status == "error"
    assert "%feature branch exp/" in plain(reply.traceback)


def test_values_of_the_notebook_are_put_into_lines_and_unknown_names_stay(kernel: Kernel, event_view: str) -> None:
    kernel.run("name, rows = 'given', [1, 2]")
    reply = kernel.run('%feature branch exp/of-$name --objective "{name} in {len(rows)} rows"')
    assert reply.status == "ok", reply.traceback
    assert "exp/of-given" in reply.text
    assert "given in 2 rows" in reply.text
    reply = kernel.run('%feature branch exp/of-$name --objective "for $5 {unknown}"')
    assert "InvalidName" in plain(reply.traceback)
    assert "exp/of-$name" in plain(reply.traceback)
    assert kernel.run(feature(event_view, "--branch exp/of-$name")).status == "ok"
    assert "exp/of-given" in kernel.run("%feature branch").text


def test_a_handle_opened_in_the_notebook_is_on_the_branch_chosen_there(kernel: Kernel) -> None:
    chosen = kernel.run("%feature branch").text
    opened = kernel.run("import workbench as wb\nproject = wb.open()\nproject")
    branch = re.findall(r"On (exp/\S+), as `%feature branch` chose here", opened.stdout)
    assert len(branch) == 1
    assert f"On {branch[0]}" in chosen
    assert f"on {branch[0]}>" in opened.text
    assert "on main>" in kernel.run("wb.open(branch='main')").text
    assert not kernel.run("wb.source('events')").stdout
    kernel.run("%feature branch exp/gone\n%feature branch --delete exp/gone")
    assert "on main>" in kernel.run("wb.open()").text


def test_who_shows_the_notebook_reads_its_branch_and_moves_it_to_another(kernel: Kernel) -> None:
    name = Path(kernel.manager.connection_file).stem.removeprefix("kernel-")
    kernel.run("%feature branch exp/theirs\n%feature branch exp/ours")
    assert branch_of_kernel(kernel.root, name) == ("exp/ours", "notebook")
    choose_kernel_branch(kernel.root, name, "exp/theirs")
    assert "> exp/theirs" in kernel.run("%feature branch").text
    assert "on exp/theirs>" in kernel.run("import workbench as wb\nwb.open()").text
    assert kernel.run("%feature branch exp/ours").status == "ok"
    assert branch_of_kernel(kernel.root, name) == ("exp/ours", "notebook")
    kernel.run("%feature branch --delete exp/ours")
    assert branch_of_kernel(kernel.root, name) == (None, "checkout")


def test_an_unknown_verb_or_option_says_what_was_meant(kernel: Kernel, event_view: str) -> None:
    assert "status" in plain(kernel.run("%feature statsu").traceback)
    reply = kernel.run(feature(event_view, "--mesage x"))
    assert reply.status == "error"
    assert "--message" in plain(reply.traceback)


def test_help_names_every_option_and_verb(kernel: Kernel) -> None:
    from workbench.cli import WITH_PROJECT, WITHOUT_PROJECT, cell, options

    kernel.run("%feature branch")  # by then all verbs are loaded
    text = kernel.inspect("%%feature")
    words = [*WITH_PROJECT, *WITHOUT_PROJECT, *options(cell)]
    missing = [word for word in words if word not in text]
    assert not missing


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("%%feature --mes", "%%feature --message"),
        ("%feature sta", "%feature status"),
        ("%feature branch --obj", "%feature branch --objective"),
        ("%feature branch exp/a-cell-sh", "%feature branch exp/a-cell-shows-a-card-and-defines-its-names"),
        ("%feature compute sp", "%feature compute spend"),
        ("%%feature --branch ma", "%%feature --branch main"),
        ("%feature why spend:t", "%feature why spend:total"),
        ("%feature why spend:total --entity user=u", "%feature why spend:total --entity user=u6"),
        ("%feature training-set data/ev", "%feature training-set data/events.parquet"),
        ("%feature new lag ev", "%feature new lag events"),
        ("%%feature\ndef spend(ev", "%%feature\ndef spend(events"),
        ("%%feature\ndef spend(events):\n    pl.col('am", "%%feature\ndef spend(events):\n    pl.col('amount"),
        ("%%feature\nwindo", "%%feature\nwindowed"),
        ("%%feature\nwindowed(clos", "%%feature\nwindowed(closed="),
        ("FeatureMo", "FeatureModel"),
    ],
)
def test_completion_knows_options_branches_and_views(
    kernel: Kernel, event_view: str, typed: str, expected: str
) -> None:
    kernel.run(feature(event_view))
    assert expected in until(lambda: kernel.complete(typed), lambda found: expected in found)


def test_a_skeleton_is_put_into_the_cell_below_and_runs(kernel: Kernel) -> None:
    reply = kernel.run("%feature new cumulative events")
    assert reply.status == "ok", reply.traceback
    assert "event_id" in reply.html
    defined = kernel.run(reply.next_input)
    assert defined.status == "ok", defined.traceback
    assert "events_so_far" in defined.text
    assert not kernel.run("%feature new").next_input


def test_a_helper_module_is_written_from_a_cell(kernel: Kernel, event_view: str) -> None:
    reply = kernel.run(feature("def double(x: pl.Expr) -> pl.Expr:\n    return x * 2\n", "--helper arithmetic"))
    assert reply.status == "ok", reply.traceback
    assert "from .arithmetic import double" in reply.text
    assert kernel.run("double(21)").text.strip() == "42"
    view = "from .arithmetic import double\n" + event_view.replace('pl.col("amount")', 'double(pl.col("amount"))')
    assert kernel.run(feature(view)).status == "ok"
    broken = kernel.run(feature("def double(x):\n    return y\n\nz = 1 / 0\n", "--helper arithmetic"))
    assert "line 4" in plain(broken.traceback) or "line 5" in plain(broken.traceback)


def test_the_magic_alone_is_one_page(kernel: Kernel) -> None:
    reply = kernel.run("%feature")
    assert len(reply.outputs) == 1
    assert "Tab completes" in reply.html
    assert "Take readers of a view back" in reply.html
    assert max(map(len, reply.text.splitlines())) <= 100
    assert "--empty" not in kernel.run("%feature promote --help").text


def test_candidates_carry_their_kinds(kernel: Kernel) -> None:
    asked = {"%feature branch ma": {"main": "branch"}, "%feature stat": {"status": "verb"}}
    for typed, kinds in asked.items():
        assert until(partial(kernel.kinds, typed), kinds.__eq__) == kinds


def test_names_of_a_cell_are_known_and_not_put_into_the_notebook(kernel: Kernel) -> None:
    assert "trailing windows" in kernel.inspect("windowed")
    assert "closed" in kernel.inspect("windowed(")
    assert "tolerance" in kernel.inspect("Feature(")
    assert "Aggregate each entity" in kernel.run("windowed?").text
    reply = kernel.run("windowed")
    assert "NameError" in plain(reply.traceback)
    assert not kernel.run("print([name for name in ('windowed', 'Feature') if name in globals()])").stdout.strip("[]\n")
    kernel.run("def windowed(mine):\n    'My own.'")
    assert "My own" in kernel.inspect("windowed")
    kernel.run("del windowed")


def test_a_module_of_the_cell_is_not_completed_by_us(kernel: Kernel) -> None:
    kernel.run("some_long_name = 1")
    assert "%%feature\nsome_long_name" in kernel.complete("%%feature\nsome_lo")


@pytest.mark.journey
def test_without_a_project_the_cell_says_how_to_make_one(tmp_path: Path, event_view: str, identity: None) -> None:
    from tests.kernel.conftest import running_kernel

    with running_kernel(tmp_path) as kernel:
        assert kernel.run("%load_ext workbench").status == "ok"
        reply = kernel.run(feature(event_view))
        assert reply.status == "error"
        assert "workbench init" in plain(reply.traceback)


def test_the_magic_follows_the_working_directory_to_another_project(kernel: Kernel, tmp_path: Path) -> None:
    kernel.run(f"import os; os.chdir({str(tmp_path)!r})")
    try:
        assert kernel.run("%feature init . --name second").status == "ok"
        assert "second" in kernel.run("%feature status").text
    finally:
        kernel.run(f"os.chdir({str(kernel.root)!r})")
    back = kernel.run("%feature status").text
    assert "trial" in back
    assert "exp/the-magic-follows" in back, "the branch chosen before"


def test_a_changed_workbench_toml_is_read_again(kernel: Kernel) -> None:
    path = kernel.root / "workbench.toml"
    before = path.read_text()
    try:
        path.write_text(before.replace('name = "trial"', 'name = "renamed"'))
        assert "renamed" in kernel.run("%feature status").text
        path.write_text(before.replace("event_time", "event_tiem"))
        assert "did you mean" in plain(kernel.run("%feature status").traceback)
    finally:
        path.write_text(before)
    assert "exp/a-changed" in kernel.run("%feature status").text


@pytest.mark.journey
def test_an_interrupt_fails_the_cell_shortly_and_the_next_one_works(kernel: Kernel, event_view: str) -> None:
    slow = event_view.replace("    return", "    import _thread\n    _thread.interrupt_main()\n    return")
    reply = kernel.run(feature(slow))
    assert reply.status == "error"
    assert "Interrupted" in plain(reply.traceback)
    assert "Traceback" not in plain(reply.traceback)
    assert kernel.run(feature(event_view)).status == "ok"


def test_a_training_set_that_takes_a_while_is_shown_to_be_worked_on(kernel: Kernel, event_view: str) -> None:
    assert kernel.run(feature(event_view)).status == "ok"
    spine = (
        "import polars as pl, workbench as wb, workbench.notebook.live_output as live_output\n"
        "spine = pl.select(user=pl.lit('u1'), event_timestamp=pl.datetime(2024, 1, 2, time_zone='UTC'))\n"
        "store = wb.open().store\n"
    )
    assert kernel.run(f"{spine}live_output.SILENT_SECONDS = 3600.0").status == "ok"
    quick = kernel.run("train = store.training_set(spine, 'spend')")
    assert (quick.status, quick.displays) == ("ok", {})
    kernel.run("live_output.SILENT_SECONDS = 0.0005")
    shown = kernel.run("train = store.training_set(spine, 'spend')\nlive_output.SILENT_SECONDS = 0.5")
    assert shown.status == "ok", shown.traceback
    (line,) = shown.displays.values()
    assert line["text/plain"] == "", "it is gone when the work is done"


def test_a_verb_that_reports_nothing_is_shown_to_be_worked_on(kernel: Kernel) -> None:
    kernel.run("import workbench.notebook.live_output as live_output\nlive_output.SILENT_SECONDS = 0.0005")
    shown = kernel.run("%feature status")
    kernel.run("live_output.SILENT_SECONDS = 0.5")
    assert shown.status == "ok", shown.traceback
    (line,) = shown.displays.values()
    assert line["text/plain"] == "", "it is gone when the work is done"
