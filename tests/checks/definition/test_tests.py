"""Test functions beside a view: what they get, what is said when they fail, and that nothing they do gets out."""

from __future__ import annotations

import sys
import threading

import pytest

from tests.checks.definition.conftest import Write
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
    assert check.failures["says"].to_list() == [
        'assert made["total"].sum() == sum(wanted), "adds up"',
        "made['total'].sum() = 14501.0",
        "sum(wanted) = 3.0",
        "adds up",
    ]


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("assert one", ["one = 0"]),
        ("assert not two", ["two = [1, 2]"]),
        ("assert two and one", ["two = [1, 2]", "one = 0"]),
        ("assert one in two", ["one = 0", "two = [1, 2]"]),
        ("assert two.count(one)", ["two = [1, 2]", "one = 0"]),
        ("assert all(x > 1 for x in two)", []),
        ("assert (three := one) > 0", []),
        ("assert max(*two) < 1", ["max(*two) = 2"]),
        ("assert bad == 1", ["bad = <Bad: its repr raised ZeroDivisionError>"]),
        ('assert "x" * 999 == ""', [f"'x' * 999 = '{'x' * 296}..."]),
    ],
)
def test_operands_are_shown_as_they_were(write: Write, statement: str, said: list[str]) -> None:
    text = f"""
class Bad:
    def __repr__(self):
        return str(1 / 0)


def test_it():
    one, two, bad = 0, [1, 2], Bad()
    {statement}
"""
    assert write(text).said() == [statement, *said]


def test_an_assert_evaluates_its_operands_once(write: Write) -> None:
    text = "def test_it():\n    left = [1, 2]\n    assert left.pop() == 1\n"
    assert write(text).said() == ["assert left.pop() == 1", "left.pop() = 2"]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("sys.exit(3)", "called sys.exit(3)"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt"),
        ("raise ValueError('x\\ny')", "ValueError: x"),
        ("helper()", "ZeroDivisionError: division by zero"),
        ("while True: pass", "did not end within 0.5 s"),
        ("while True:\n        try: sys.gettrace()\n        except Exception: pass", "did not end within 0.5 s"),
        ("def inner(): inner()\n    inner()", "RecursionError: maximum recursion depth exceeded"),
    ],
)
def test_whatever_a_test_does_is_a_failure_and_nothing_else(write: Write, body: str, said: str) -> None:
    text = f"import sys\n\n\ndef helper():\n    return 1 / 0\n\n\ndef test_it():\n    {body}\n"
    assert write(text).said(seconds=0.5)[0] == said


def test_a_test_that_waits_for_ever_is_left_behind_and_the_others_run(write: Write) -> None:
    text = """
import threading


def test_it():
    threading.Event().wait(20)


def test_other():
    assert False
"""
    check = write(text).run(seconds=0.2)
    assert check.counts == {"test_it": 1, "test_other": 1}
    assert sys.stdout is not None
    assert all(thread.daemon for thread in threading.enumerate() if thread.name == "workbench-test")


def test_what_a_test_prints_is_shown_only_where_it_fails(write: Write, capsys: pytest.CaptureFixture[str]) -> None:
    text = "import sys\n\n\ndef test_it():\n    print('a')\n    print('b', file=sys.stderr)\n    assert {}\n"
    assert write(text.format("True")).said() == []
    assert write(text.format("False")).said() == ["assert False", "printed: a", "printed: b"]
    assert capsys.readouterr() == ("", "")


def test_other_threads_print_as_ever_while_tests_run(write: Write, capsys: pytest.CaptureFixture[str]) -> None:
    text = """
import threading


def test_it():
    other = threading.Thread(target=print, args=("elsewhere",))
    other.start()
    other.join()
"""
    before = sys.stdout
    assert write(text).run().passed
    assert sys.stdout is before
    assert capsys.readouterr().out == "elsewhere\n"


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
    from tests.conftest import EVENT_VIEW

    view = cell + EVENT_VIEW.replace('total=pl.col("amount")', 'total=double(pl.col("amount"))')
    helper = "def double(x):\n    return x * 2\n\n\ndef triple(x):\n    if x:\n        return x\n    return x * 3\n"
    check = write("def test_it(view: Unknown, events) -> None:\n    view(events)\n", cell=view, shapes=helper).run()
    assert check.passed, check.failures
    assert check.detail == "1 test holds; 100% of the definition's lines ran"


def test_lines_that_did_not_run_are_named_and_fail_nothing(write: Write) -> None:
    from tests.conftest import EVENT_VIEW

    view = "from .shapes import double\n\n" + EVENT_VIEW.replace(
        "    return events",
        "    if double(1) > 5:\n        events = events.head(1)\n        events = events.tail(1)\n    return events",
    )
    helper = "def double(x):\n    if x > 9:\n        return x\n    return x * 2\n"
    written = write("def test_it(view, events):\n    view(events)\n", cell=view, shapes=helper)
    check = written.run(cell=True)
    assert check.passed
    assert check.detail == "1 test holds; 57% of the definition's lines ran, not lines 13-14; features/shapes.py 3"
    unused = written.definitions.source_text("spend").splitlines().index("        events = events.head(1)") + 1
    assert f"not lines {unused}-{unused + 1}" in written.run().detail


def test_tests_and_examples_change_no_identity(write: Write) -> None:
    plain = write().view
    tested = write(
        'rows = [{"user": "a"}]\nexamples = [example(given={"events": rows}, expect=[])]\n\n\n'
        "def test_it(view):\n    assert view.name == 'spend'\n",
    ).view
    from tests.conftest import EVENT_VIEW

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
