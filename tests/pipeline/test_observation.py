"""A definition is observed before it is trusted: what it reads, what it changes, and on what its values depend."""

from __future__ import annotations

import gzip
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl
import pytest

from tests.conftest import in_part
from workbench.define import load_tree, parse_cell
from workbench.errors import DefinitionFailed, SharedState, UndeclaredInput
from workbench.pipeline.evaluate import Evaluation
from workbench.worker import pool

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from workbench.project import Project
    from workbench.workspace import Workspace

CELL = """\
{imports}
class Spend(FeatureModel):
    user: str
    at: UTC
    total: float = Feature(unit="count", nullable=True)

{top}

@feature_view(entities="user", event_time="at")
def spend(events: pl.LazyFrame) -> LazyFrame[Spend]:
    {body}
    return events.select("user", "at", total={total})
"""


@dataclass(frozen=True)
class Case:
    """A cell: what it does at import, in the function, and in the query."""

    imports: str = ""
    top: str = ""
    body: str = "v = 0"
    total: str = 'pl.lit(float(v)) + pl.col("amount")'

    def text(self, folder: Path) -> str:
        parts = {"imports": self.imports, "top": self.top, "body": self.body, "total": self.total}
        return CELL.format(**{name: part.replace("FOLDER", str(folder)) for name, part in parts.items()})


READ = {
    "Path.open": (Case("from pathlib import Path", body="v = len(Path('FOLDER/f.csv').open().read())"), "f.csv"),
    "csv": (
        Case("from pathlib import Path\nimport csv", body="v = len(list(csv.reader(Path('FOLDER/f.csv').open())))"),
        "f.csv",
    ),
    "json at import": (
        Case("from pathlib import Path\nimport json", top="V = json.load(Path('FOLDER/f.json').open())", body="v = V"),
        "f.json",
    ),
    "gzip": (Case("import gzip", body="v = len(gzip.open('FOLDER/f.gz').read())"), "f.gz"),
    "linecache": (Case("import linecache", body="v = len(linecache.getline('FOLDER/f.csv', 1))"), "f.csv"),
    "configparser": (
        Case("import configparser", body="v = len(configparser.ConfigParser().read('FOLDER/f.csv'))"),
        "f.csv",
    ),
    "sqlite": (Case("import sqlite3", body="v = sqlite3.connect('FOLDER/x.db').total_changes"), "x.db"),
    "listing": (Case("import os", body="v = len(os.listdir('FOLDER'))"), "one of its inputs"),
    "existence": (Case("from pathlib import Path", body="v = Path('FOLDER/f.csv').exists()"), "f.csv"),
    "glob": (Case("import glob", body="v = len(glob.glob('FOLDER/*'))"), "one of its inputs"),
    "swallowed": (
        Case(
            "import gzip",
            body="v = 0\n    try:\n        v = gzip.open('FOLDER/f.gz')\n    except Exception:\n        pass",
        ),
        "f.gz",
    ),
    "in a lambda": (
        Case(
            "import linecache",
            top="def read(x): return x + len(linecache.getline('FOLDER/f.csv', 1))",
            total='pl.col("amount").map_elements(read, return_dtype=pl.Float64)',
        ),
        "f.csv",
    ),
    "read_csv by getattr": (Case(body="v = getattr(pl, 'read' + '_csv')('FOLDER/f.csv').height"), "f.csv"),
    "read_csv at import": (Case(top="T = getattr(pl, 'read' + '_csv')('FOLDER/f.csv')", body="v = T.height"), "f.csv"),
    "duckdb": (
        Case("import duckdb", body="v = duckdb.sql(\"select * from 'FOLDER/f.csv'\").fetchall()[0][0]"),
        "f.csv",
    ),
    "pl.sql": (Case(body="v = pl.sql(\"select * from read_csv('FOLDER/f.csv')\").collect().height"), "f.csv"),
    "frame.sql": (
        Case(body="v = 0; events = events.sql(\"select self.* from self cross join read_csv('FOLDER/f.csv')\")"),
        "f.csv",
    ),
    "deserialize": (Case(body="v = pl.LazyFrame.deserialize('FOLDER/f.csv')"), "f.csv"),
    "network": (
        Case("import urllib.request", body="v = urllib.request.urlopen('http://127.0.0.1:9/')"),
        "uses the network",
    ),
    "program": (
        Case("import subprocess", body="v = subprocess.check_output(['echo', '1'])"),
        r"runs a program \(echo 1",
    ),
    "shell": (Case("import os", body="v = os.popen('echo 1').read()"), "runs a program"),
    "environment": (Case("import os", top="V = len(dict(os.environ))", body="v = V"), r"variables \(all"),
    "expandvars": (Case("import os", body="v = len(os.path.expandvars('$HOME'))"), r"variables \(HOME\)"),
    "user": (Case("import getpass", body="v = len(getpass.getuser())"), "environment variables"),
    "working folder": (Case("import os", body="v = len(os.getcwd())"), "working folder"),
}
"""What reads something undeclared, and what the error says of it."""

DEPENDS = {
    "today": (Case("import datetime as d", body="v = d.date.today().toordinal()"), "clock"),
    "now, whatever it changes": (
        Case("import datetime as d", total='pl.when(pl.col("at") > d.datetime.now(d.UTC)).then(1.0).otherwise(0.0)'),
        "clock",
    ),
    "time": (Case("import time", body="v = time.time() // 86400"), "clock"),
    "monotonic": (Case("import time", body="v = time.monotonic()"), "clock"),
    "local time": (Case("import datetime as d", body="v = d.datetime.fromtimestamp(0).hour"), "time zone"),
    "offset": (Case("import time", body="v = time.timezone"), "time zone"),
    "hash": (Case(body="v = hash('a') % 1000"), "hash"),
    "processors": (Case("import os", body="v = os.cpu_count()"), "machine"),
    "locale": (Case("import locale", body="v = len(str(locale.getlocale()))"), "locale"),
    "numpy": (Case("import numpy as np", body="v = np.random.rand()"), "random numbers"),
    "generator": (Case("import numpy as np", body="v = np.random.default_rng().random()"), "random numbers"),
    "uuid": (Case("import uuid", body="v = uuid.uuid4().int % 1000"), "chance"),
    "shuffle": (Case(total='pl.col("amount").shuffle()'), "random numbers"),
}
"""What gives other values elsewhere, and on what it depends."""

CHANGES = {
    "namespace": (
        Case(
            top="@pl.api.register_expr_namespace('fees')\nclass Fees:\n    def __init__(self, e): self.e = e\n    def gross(self): return self.e * 2",  # noqa: E501
            total='pl.col("amount").fees.gross()',
        ),
        "namespace 'Expr.fees'",
    ),
    "method": (Case(top="pl.Expr.dbl = lambda self: self * 2", total='pl.col("amount").dbl()'), "Expr.dbl"),
    "constant": (Case("import math", top="math.tau = 3.0", body="v = math.tau"), "math.tau"),
    "option": (Case(top="pl.Config.set_fmt_float('full')"), "option of Polars"),
    "variable": (Case("import os", top="os.environ['X'] = '1'"), "the variable X"),
    "seed": (Case("import random", top="random.seed(1)", body="v = random.random()"), "random state"),
    "numpy's seed": (Case("import numpy as np", top="np.random.seed(1)"), "random state of numpy"),
    "logging": (Case("import logging", top="logging.basicConfig(level=10)"), "root logger"),
    "decimals": (Case("import decimal", top="decimal.getcontext().prec = 5"), "decimal context"),
}
"""What changes something for all code in its process, and its name."""

CALLED = {
    "seed": (Case("import random", body="random.seed(1); v = random.random()"), "random state of random"),
    "numpy's seed": (
        Case("import numpy as np", body="np.random.seed(7); v = np.random.rand()"),
        "random state of numpy",
    ),
    "option": (Case(body="v = 0; pl.Config.set_fmt_float('full')"), "option of Polars"),
    "variable": (Case("import os", body="v = 0; getattr(os, 'env' + 'iron')['X'] = '1'"), "the variable X"),
    "warnings": (Case("import warnings", body="v = 0; warnings.filterwarnings('ignore')"), "warnings"),
    "locale": (Case("import locale", body="v = 0; locale.setlocale(locale.LC_ALL, 'C')"), "locale"),
    "namespace": (
        Case(
            top="class Fees:\n    def __init__(self, e): self.e = e",
            body="v = 0; pl.api.register_expr_namespace('fees')(Fees)",
        ),
        "namespace 'Expr.fees'",
    ),
}
"""What does so when the function is called."""

HONEST: Mapping[str, Case] = {
    "arithmetic": Case(total='pl.col("amount") * 2'),
    "constant": Case(top="K = {'a': 1.5}", body="v = K['a']"),
    "lookup table": Case(
        top="T = pl.DataFrame({'user': ['u1', 'u2'], 'factor': [1.0, 2.0]})",
        body="events = events.join(T.lazy(), on='user', how='left')",
        total='pl.col("factor")',
    ),
    "lambda": Case(total='pl.col("amount").map_elements(lambda x: x + len(str(x)), return_dtype=pl.Float64)'),
    "date": Case(
        "import datetime as d",
        total='pl.when(pl.col("at") > d.datetime(2024, 1, 1, 1, tzinfo=d.UTC)).then(1.0).otherwise(0.0)',
    ),
    "generator with a seed": Case("import numpy as np", body="v = np.random.default_rng(7).random()"),
    "shuffle with a seed": Case(total='pl.col("amount").shuffle(seed=7)'),
    "zone": Case(
        "import datetime as d\nfrom zoneinfo import ZoneInfo",
        body="v = d.datetime(2024, 1, 1, tzinfo=ZoneInfo('Europe/Berlin')).utcoffset().seconds",
    ),
    "zone in Polars": Case(total='pl.col("at").dt.convert_time_zone("Europe/Berlin").dt.hour().cast(float)'),
    "set": Case(top="S = {'u1', 'u2', 'u3', 'u4'}", total='pl.col("user").is_in(S).cast(float)'),
    "duckdb on a frame": Case(
        "import duckdb",
        body="df = events.select('amount').collect(); v = duckdb.sql('select sum(amount) from df').fetchall()[0][0]",
    ),
    "inexact decimals": Case("import decimal", top="THIRD = decimal.Decimal(1) / 3", body="v = float(THIRD / 7)"),
    "a thread that is named": Case(
        "import threading",
        top="def named(x): return x + len(threading.current_thread().name) * 0",
        total='pl.col("amount").map_elements(named, return_dtype=pl.Float64)',
    ),
    "sql": Case(body="v = 0; events = events.sql('select * from self')"),
    "groups": Case(body="v = 0; events = events.group_by('user', 'at').agg(pl.col('amount').sum())"),
    "groups, collected": Case(
        body="v = 0; events = events.group_by('user', 'at').agg(pl.col('amount').sum()).collect().lazy()"
    ),
    "pandas": Case("import pandas as pd", body="v = pd.Timestamp('2024-01-01', tz='Europe/Berlin').day_of_year"),
    "nothing left": Case(body="v = 0; events = events.filter(pl.col('amount') > 1e9)"),
    "window": Case(
        body="v = 0; events = windowed(events, by='user', time='at', windows=['1h'], s=pl.col('amount').sum())",
        total='pl.col("s_1h")',
    ),
    "helper": Case("from .helpers import doubled", total='doubled(pl.col("amount"))'),
}
HELPERS = "import polars as pl\n\nTWO = 2\n\n\ndef doubled(value: pl.Expr) -> pl.Expr:\n    return value * TWO\n"


@pytest.fixture(scope="module")
def workspace(opened: Project) -> Workspace:
    return opened._workspace


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with files that no source declares."""
    folder = tmp_path_factory.mktemp("undeclared")
    for name, text in {"f.csv": "a,b\n1,2\n", "f.json": "3"}.items():
        (folder / name).write_text(text)
    (folder / "f.gz").write_bytes(gzip.compress(b"3"))
    return folder


def prepare(workspace: Workspace, text: str) -> None:
    """Do what a cell does before its view is computed; no branch moves."""
    cell = parse_cell(text)
    files = {"features/spend.py": cell.module, "features/helpers.py": HELPERS}
    tree = workspace.repository.tree_with(workspace.repository.resolve("main"), files)
    Evaluation(
        load_tree(workspace.repository, tree, cache=workspace.hidden), workspace.sources, workspace.cache
    ).prepare("spend")


@pytest.mark.parametrize(("case", "said"), in_part(READ, 10))
def test_what_is_read_and_not_declared_is_refused(case: Case, said: str, workspace: Workspace, data: Path) -> None:
    with pytest.raises(UndeclaredInput, match=said) as caught:
        prepare(workspace, case.text(data))
    assert caught.value.remedy


@pytest.mark.parametrize(("case", "said"), in_part(DEPENDS, 6))
def test_values_that_differ_elsewhere_are_refused(case: Case, said: str, workspace: Workspace, data: Path) -> None:
    with pytest.raises(UndeclaredInput, match=f"depend on .*{said}") as caught:
        prepare(workspace, case.text(data))
    assert caught.value.remedy


@pytest.mark.parametrize(("case", "said"), in_part(CHANGES, 4))
def test_what_changes_the_process_is_refused(case: Case, said: str, workspace: Workspace, data: Path) -> None:
    loaded = set(sys.modules)
    with pytest.raises(SharedState, match=said):
        prepare(workspace, case.text(data))
    assert not [name for name in set(sys.modules) - loaded if name.endswith(".spend")]


@pytest.mark.parametrize(("case", "said"), in_part(CALLED, 4))
def test_what_changes_the_process_when_it_is_called_is_refused_and_not_run_here(
    case: Case, said: str, workspace: Workspace, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workbench.pipeline.evaluate.build", lambda *_: pytest.fail("it ran in this process"))
    with pytest.raises(SharedState, match=said) as caught:
        prepare(workspace, case.text(data))
    assert caught.value.remedy


@pytest.mark.parametrize("case", in_part(HONEST, 8))
def test_honest_definitions_pass(case: Case, workspace: Workspace, data: Path) -> None:
    prepare(workspace, case.text(data))


def test_a_refused_cell_shows_its_line_and_leaves_nothing(project: Project, data: Path) -> None:
    tip = subprocess.run(["git", "rev-parse", "exp/first"], cwd=project.root, check=True, capture_output=True).stdout
    with pytest.raises(UndeclaredInput) as caught:
        project.define(READ["Path.open"][0].text(data), log=False)
    assert caught.value.lines[0].startswith("cell, line 11")
    again = subprocess.run(["git", "rev-parse", "exp/first"], cwd=project.root, check=True, capture_output=True).stdout
    assert again == tip


def test_what_was_observed_is_not_observed_again(
    workspace: Workspace, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = HONEST["arithmetic"].text(data).replace("* 2", "* 7")
    prepare(workspace, text)
    monkeypatch.setattr(type(pool()), "worker", lambda *_: pytest.fail("a process was started"))
    prepare(workspace, text)


def test_what_a_cell_did_to_the_kernel_is_no_part_of_a_definition(
    workspace: Workspace, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pl.Expr, "tripled", lambda self: self * 3, raising=False)
    text = Case(total='pl.col("amount").tripled()').text(data)
    prepare(workspace, text)  # not known yet: a few rows may be too few
    with pytest.raises(DefinitionFailed, match="not in a new process: AttributeError"):
        evaluate(workspace, text)


def evaluate(workspace: Workspace, text: str) -> None:
    cell = parse_cell(text)
    tree = workspace.repository.tree_with(workspace.repository.resolve("main"), {"features/spend.py": cell.module})
    Evaluation(
        load_tree(workspace.repository, tree, cache=workspace.hidden), workspace.sources, workspace.cache
    ).evaluate("spend")


def test_a_view_that_raises_on_a_few_rows_is_tried_on_all_before_it_runs_here(
    workspace: Workspace, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workbench.compute.trial.ROWS", 50)
    monkeypatch.setattr("workbench.pipeline.evaluate.build", lambda *_: pytest.fail("it ran in this process"))
    late = "v = events.filter(pl.col('event_id') == 190).collect()['amount'][0]; linecache.getline('FOLDER/f.csv', 1)"
    with pytest.raises(UndeclaredInput, match=r"f\.csv"):
        prepare(workspace, Case("import linecache", body=late).text(data))


def test_a_view_that_needs_more_rows_is_tried_on_all_of_them(workspace: Workspace, data: Path) -> None:
    case = Case(body="v = events.filter(pl.col('event_id') == 190).collect()['amount'][0]")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("workbench.compute.trial.ROWS", 50)
        evaluate(workspace, case.text(data))
