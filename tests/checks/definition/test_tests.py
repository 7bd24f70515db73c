"""Test functions beside a view: what they get, what is said when they fail, and that nothing they do gets out."""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path

import pytest

from tests.checks.definition.conftest import Write
from tests.conftest import EVENT_VIEW
from tests.worker.test_pool import wait_until_gone
from workbench.fingerprint import code_hash, metadata_hash, parameters_of


def test_a_test_gets_the_view_a_sample_of_its_inputs_and_the_computed_view(write: Write) -> None:
    check = write(
        """
def test_all(view, events, spend):
    assert view(events).collect().height == spend.collect().height == 200


def test_nothing():
    pass


def test_the_view_by_its_global_name():
    assert spend.owner is None
"""
    ).run()
    assert check.passed, check.failures
    assert check.name == "tests"
    assert check.detail == "3 tests hold; 100% of the definition's lines ran"


def test_an_input_is_a_sample(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workbench.checks.definition.tests.SAMPLE", 7)
    assert write("def test_few(events):\n    assert events.collect().height == 7").run().passed


def test_a_failing_assert_says_the_line_and_the_values_it_looked_at(write: Write) -> None:
    check = write(
        """
def test_total(view, events):
    made = view(events).collect()
    wanted = [1.0, 2.0]
    assert made["total"].len() == 200
    assert made["total"].sum() == sum(wanted), "adds up"
"""
    ).run(cell=True)
    assert not check.passed
    assert check.detail.startswith(
        '1 of 1 failed; test_total (cell, line 17): assert made["total"].sum() == sum(wanted)'
    )
    assert check.failures is not None
    said = check.failures["says"].to_list()
    assert said[:4] == [
        'assert made["total"].sum() == sum(wanted), "adds up"',
        "adds up",
        "assert 14501.0 == 3.0",
        " +  where 14501.0 = sum()",
    ]
    assert said[-1] == " +  and   3.0 = sum([1.0, 2.0])"
    assert "Series: 'total' [f64]" in said, "a column has its lines"


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("assert one", "assert 0"),
        ("assert not two", "assert not [1, 2]"),
        ("assert two and one", "assert ([1, 2] and 0)"),
        ("assert one in two", "assert 0 in [1, 2]"),
        ("assert max(*two) < 1", "assert 2 < 1"),
        ("assert two.pop() == 1", "assert 2 == 1"),
        ("assert bad == 1", "assert <[ZeroDivisionError('division by zero') raised in repr()] Bad object at "),
        ('assert "x" * 999 == ""', "assert 'xxx"),
    ],
)
def test_a_failing_assert_is_explained_by_pytest(write: Write, statement: str, said: str) -> None:
    text = f"""
class Bad:
    def __repr__(self):
        return str(1 / 0)


def test_it():
    one, two, bad = 0, [1, 2], Bad()
    {statement}
"""
    found = write(text).said()
    assert found[0] == statement
    assert found[1].startswith(said)
    assert all(len(line) <= 300 for line in found)


def test_lists_that_differ_are_compared(write: Write) -> None:
    said = write("def test_it():\n    made = [1, 2, 3]\n    assert made == [1, 5, 3]\n").said()
    assert said[:3] == ["assert made == [1, 5, 3]", "assert [1, 2, 3] == [1, 5, 3]", "  At index 1 diff: 2 != 5"]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("sys.exit(3)", "called sys.exit(3)"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt"),
        ("raise ValueError('x\\ny')", "ValueError: x"),
        ("helper()", "ZeroDivisionError: division by zero"),
        ("while True: pass", "did not end within 5 s"),
        ("while True:\n        try: sys.gettrace()\n        except Exception: pass", "did not end within 5 s"),
        ("def inner(): inner()\n    inner()", "RecursionError: maximum recursion depth exceeded"),
        ("import pytest; pytest.exit('enough')", "_pytest.outcomes.Exit: enough"),
        ("import pytest; pytest.skip('later')", "Skipped: later"),
        ("import os; os._exit(3)", "ended its process (exit code 3)"),
        ("import os; os.abort()", "ended its process (SIGABRT)"),
        ("import os; os.kill(os.getpid(), 11)", "ended its process (SIGSEGV)"),
    ],
)
def test_whatever_a_test_does_is_a_failure_and_nothing_else(write: Write, body: str, said: str) -> None:
    text = f"import sys\n\n\ndef helper():\n    return 1 / 0\n\n\ndef test_it():\n    {body}\n"
    text += "\n\ndef test_other():\n    assert False\n"
    check = write(text).run(seconds=5 if "while" in body else 60)
    assert check.failures is not None
    first = check.failures.filter(test="test_it")["says"][0]
    assert first in (said, f"{said} while calling a Python object")
    assert check.counts == {"test_it": 1, "test_other": 1}, "the others run"


def test_a_test_that_takes_too_long_is_ended_with_what_it_started(write: Write, tmp_path: Path) -> None:
    noted = tmp_path / "process"
    text = f"""
import subprocess
import sys
from pathlib import Path


def test_it():
    waiting = "import os, pathlib, threading; pathlib.Path({str(noted)!r}).write_text(str(os.getpid())); "
    child = subprocess.Popen([sys.executable, "-c", waiting + "threading.Event().wait()"])
    child.wait()


def test_other():
    assert False
"""
    check = write(text).run(seconds=8)
    assert check.counts == {"test_it": 1, "test_other": 1}
    assert check.failures is not None
    assert check.failures["says"][0] == "did not end within 8 s"
    wait_until_gone(int(noted.read_text()))


def test_what_a_test_leaves_running_ends_with_the_tests(write: Write, tmp_path: Path) -> None:
    noted = tmp_path / "process"
    text = f"""
import subprocess
import sys
from pathlib import Path


def test_it():
    child = subprocess.Popen([sys.executable, "-c", "import threading; threading.Event().wait()"])
    Path({str(noted)!r}).write_text(str(child.pid))
"""
    assert write(text).run().passed
    wait_until_gone(int(noted.read_text()))


def test_what_a_test_prints_is_shown_only_where_it_fails(write: Write, capsys: pytest.CaptureFixture[str]) -> None:
    text = "import sys\n\n\ndef test_it():\n    print('a')\n    print('b', file=sys.stderr)\n    assert {}\n"
    assert write(text.format("True")).said() == []
    assert write(text.format("False")).said() == ["assert False", "printed: a", "printed: b"]
    assert capsys.readouterr() == ("", "")


def test_what_threads_and_programs_print_is_captured_too(write: Write, capfd: pytest.CaptureFixture[str]) -> None:
    text = """
import os
import threading


def test_it():
    other = threading.Thread(target=print, args=("elsewhere",))
    other.start()
    other.join()
    os.system("echo outside")
    assert {}
"""
    before = sys.stdout, sys.stderr, sys.gettrace()
    assert write(text.format("True")).said() == []
    assert write(text.format("False")).said()[-2:] == ["printed: elsewhere", "printed: outside"]
    assert capfd.readouterr() == ("", "")
    assert before == (sys.stdout, sys.stderr, sys.gettrace())


def test_nothing_that_a_test_does_reaches_this_process(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTEST_ADDOPTS", "--no-such-option")  # nor do settings of the user's own pytest count
    text = """
import os
import sys
import threading


def test_it(view, events):
    os.environ["TOUCHED"] = "1"
    os.chdir("/")
    sys.modules["polars"].touched = True
    sys.modules[__name__].spend = None
    threading.Thread(target=threading.Event().wait, daemon=False).start()
    assert events.collect().height == 200
"""
    written = write(text)
    folder, threads = Path.cwd(), threading.active_count()
    assert written.run().passed
    assert "TOUCHED" not in os.environ
    assert Path.cwd() == folder
    assert not hasattr(sys.modules["polars"], "touched")
    assert sys.modules[f"{written.definitions.package}.spend"].spend is not None
    assert threading.active_count() == threads


def test_tests_run_in_the_folder_of_whoever_asks(write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "expected.txt").write_text("200")
    text = "def test_it(spend):\n    assert spend.collect().height == int(open('expected.txt').read())\n"
    assert write(text).run().passed


def test_fixtures_and_parameters_of_pytest_work(write: Write) -> None:
    text = """
import pytest


@pytest.fixture
def few(events):
    return events.head(3)


@pytest.mark.parametrize("rows", [1, 2])
def test_rows(view, few, rows, tmp_path):
    assert tmp_path.is_dir()
    assert view(few.head(rows)).collect().height == rows
"""
    check = write(text).run()
    assert check.passed, check.failures
    assert check.detail == "2 tests hold; 100% of the definition's lines ran"


def test_an_input_may_be_named_as_a_fixture_of_pytest(write: Write) -> None:
    for name in ("request", "monkeypatch"):
        cell = EVENT_VIEW.replace("spend(events", f"spend({name}").replace("return events", f"return {name}")
        check = write(f"def test_it({name}):\n    assert {name}.collect().height == 200\n", cell=cell).run()
        assert check.passed, check.failures


def test_an_unknown_parameter_is_told_with_what_there_is(write: Write) -> None:
    said = write("def test_it(evnts):\n    pass\n").said()
    assert said == ["asks for 'evnts', which a test cannot have; did you mean 'events'?"]


def test_what_cannot_be_called_is_told(write: Write) -> None:
    text = "def twice(f):\n    return 2\n\n\nasync def test_one():\n    pass\n\n\n@twice\ndef test_two():\n    pass\n"
    one, two = write(text).said()
    assert one.startswith("is asynchronous")
    assert "its decorator made a int of it" in two


def test_a_file_with_future_annotations_and_helpers_is_tested_alike(write: Write) -> None:
    cell = "from __future__ import annotations\nfrom .shapes import double\n\n"
    view = cell + EVENT_VIEW.replace('total=pl.col("amount")', 'total=double(pl.col("amount"))')
    helper = "def double(x):\n    return x * 2\n\n\ndef triple(x):\n    if x:\n        return x\n    return x * 3\n"
    check = write("def test_it(view: Unknown, events) -> None:\n    view(events)\n", cell=view, shapes=helper).run()
    assert check.passed, check.failures
    assert check.detail == "1 test holds; 100% of the definition's lines ran"


def test_lines_that_did_not_run_are_named_and_fail_nothing(write: Write) -> None:
    view = "from .shapes import double\n\n" + EVENT_VIEW.replace(
        "    return events",
        "    if double(1) > 5:\n        events = events.head(1)\n        events = events.tail(1)\n    return events",
    )
    helper = "def double(x):\n    if x > 9:\n        return x\n    return x * 2\n"
    written = write("def test_it(view, events):\n    view(events)\n", cell=view, shapes=helper)
    check = written.run(cell=True)
    assert check.passed
    assert check.detail == "1 test holds; 57.1% of the definition's lines ran, not lines 13-14; features/shapes.py 3"
    unused = written.definitions.source_text("spend").splitlines().index("        events = events.head(1)") + 1
    assert f"not lines {unused}-{unused + 1}" in written.run().detail


def test_tests_and_examples_change_no_identity(write: Write) -> None:
    plain = write().view
    tested = write(
        'rows = [{"user": "a"}]\nexamples = [example(given={"events": rows}, expect=[])]\n\n\n'
        "def test_it(view):\n    assert view.name == 'spend'\n",
    ).view
    given = 'entities="user", examples=[example(given={}, expect=[])], '
    decorated = write(cell=EVENT_VIEW.replace('entities="user", ', given)).view
    for view in (tested, decorated):
        assert code_hash(view).code_hash == code_hash(plain).code_hash
        assert parameters_of(view) == parameters_of(plain)
        assert metadata_hash(view) == metadata_hash(plain)
        assert view.contract.hash == plain.contract.hash
        assert view.to_dict() == plain.to_dict()
    assert len(decorated.examples) == 1


def test_a_long_report_has_something_of_each_test_and_stays_short(write: Write) -> None:
    text = "\n\n".join(f"def test_{number}():\n    a, b, c = 1, 2, 3\n    assert a == b == c" for number in range(9))
    failures = write(text).run().failures
    assert failures is not None
    assert failures.height <= 20
    assert failures["test"].n_unique() == 9
