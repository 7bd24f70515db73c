"""Clocks that are read below Python, where a moved clock does not reach, are known by how they are written."""

from __future__ import annotations

import pytest

from workbench.define.clocks import clock_reads
from workbench.errors import UndeclaredInput
from workbench.project import Project

VIEW = r'''
class Out(FeatureModel):
    user: str
    at: UTC
    day: float = Feature(description="The day")


@feature_view(entities="user", event_time="at", owner="growth")
def aged(events: pl.LazyFrame) -> LazyFrame[Out]:
    """The day on which it runs."""
    return events.sql("select \"user\", at, cast(extract(day from {}) as double) as day from self")
'''


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("np.datetime64('today')", "numpy's 'today'"),
        ("np.datetime64('NOW', 's')", "numpy's 'NOW'"),
        ("datetime64('now')", "numpy's 'now'"),
        ("np.array(['2024-01-01', 'today'], dtype='datetime64[D]')", "numpy's 'today'"),
        ("np.asarray(['now'], 'M8[s]')", "numpy's 'now'"),
        ("np.array(['today']).astype('<M8[D]')", "numpy's 'today'"),
        ("np.array('today').astype(np.datetime64)", "numpy's 'today'"),
        ("np.busday_count('2024-01-01', 'today')", "numpy's 'today'"),
        ("f.sql('select Current_Date as d from self')", "Current_Date"),
        ("f.sql(f'select {a}, now ( ) from self')", "now"),
        ("pl.sql_expr('localtimestamp')", "localtimestamp"),
        ("q = 'select today() - day from x'\nduckdb.sql(q)", "today"),
        ("connection.execute('select get_current_timestamp()')", "get_current_timestamp"),
    ],
)
def test_a_clock_below_python_is_seen(line: str, words: str) -> None:
    assert [found for _, found in clock_reads(line.encode())] == [words]


@pytest.mark.parametrize(
    "line",
    [
        "np.array(['today', 'now'])",
        "np.datetime64('2024-01-01')",
        "pl.when(pl.col('kind') == 'today').then(1)",
        "f.sql('select day_of(today) from self')",
        'f.sql("select \'now()\' as said, \\"current_date\\" from self -- current_date")',
        "f.sql('select x from self').select(pl.col('current_date'))",
        "'select now()'",
        "f.sql('select nowhere(), known() from self')",
        "def f(",
    ],
)
def test_what_only_looks_like_one_is_not(line: str) -> None:
    assert list(clock_reads(line.encode())) == []


def test_a_docstring_may_speak_of_the_clock() -> None:
    assert list(clock_reads(b'def f(g):\n    """Not now(), not current_date."""\n    return g.sql("select 1")\n')) == []


def test_a_view_that_reads_the_clock_in_sql_is_refused_with_its_line(project: Project) -> None:
    with pytest.raises(
        UndeclaredInput, match=r"reads the clock \(current_date\)(.|\n)*extract\(day from current_date"
    ) as caught:
        project.define(VIEW.format("current_date"), log=False)
    assert "keyword-only parameter" in caught.value.remedy
    project.define(VIEW.format("at"), log=False)
