"""`card_text`: the result card for a terminal, drawn by rich, eighty columns wide or as many as there are."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from workbench.render.card import SENTENCES, groups
from workbench.render.format import LONG, amount, dtype, format_elapsed, moment_text, plain, span, unit_text, within
from workbench.render.sparkline import blocks, instead
from workbench.render.terminal import FittedGrid
from workbench.shares import percent

if TYPE_CHECKING:
    from collections.abc import Iterator

    import polars as pl
    from rich.console import Console, ConsoleOptions

    from workbench.checks import Check, State
    from workbench.profile import FeatureProfile
    from workbench.render.card import Card

ROWS = 5
"""How many failing rows of one check are printed."""
FEATURES = 40


@dataclass(frozen=True, slots=True)
class _Signs:
    """The characters to draw with; what is passed or failed is always said by a word as well."""

    passed: str = "✓ pass"
    failed: str = "✗ FAIL"
    not_checked: str = "? not checked"
    dot: str = " · "
    arrow: str = "→"
    rule: str = "─"
    ascii_only: bool = False

    def text(self, text: str) -> str:
        """Return `text` with what the terminal cannot show replaced."""
        if not self.ascii_only:
            return text
        return text.replace("–", "-").replace("…", "...").replace("±", "+-").encode("ascii", "replace").decode()  # noqa: RUF001


_ASCII = _Signs("ok   pass", "FAIL", "?    not checked", dot=" | ", arrow="to", rule="-", ascii_only=True)


@dataclass(frozen=True, slots=True)
class CardText:
    """A card that rich can print; ASCII alone where the terminal's encoding has no more."""

    card: Card

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Any]:
        """Yield the card's parts."""
        yield from _card(self.card, _ASCII if options.ascii_only else _Signs(), options.max_width)


def card_text(card: Card) -> CardText:
    """Return `card` as a rich renderable. Colours only repeat what words say."""
    return CardText(card)


def _card(card: Card, signs: _Signs, width: int) -> Iterator[Any]:
    from rich.rule import Rule
    from rich.table import Table
    from rich.text import Text

    top = Table.grid(expand=True, padding=(0, 1))
    top.add_column(ratio=1, overflow="fold")
    top.add_column(justify="right", no_wrap=True)
    top.add_row(Text(signs.text(plain(card.view)), style="bold"), Text(_state(card), style=_tone(card)))
    yield top
    if card.description:
        yield Text(signs.text(plain(card.description, limit=LONG)))
    where = [card.branch, card.commit[:8], f"view {card.view_id[:12]}", *([card.owner] if card.owner else [])]
    yield Text(signs.text(signs.dot.join(plain(part) for part in where)), style="dim")
    yield Text(signs.text(_facts(card, signs)))
    if card.features:
        yield Text()
        yield from _features(card, signs, width)
    yield Rule(characters=signs.rule, style="dim")
    marked = max((len(_mark(check.state, signs)[0]) for check in card.checks), default=0)
    for check in card.ranked:
        yield from _check(check, signs, marked)
    yield from _messages(card, signs)


def _state(card: Card) -> str:
    if card.status.endswith("reused"):
        return card.status
    return f"{card.status} {'after' if card.status == 'failed' else 'in'} {format_elapsed(card.seconds)}"


def _tone(card: Card) -> str:
    return {"pass": "green", "fail": "bold red", "not checked": "yellow"}[card.state]


def _facts(card: Card, signs: _Signs) -> str:
    facts = [f"{card.rows:,} row{'' if card.rows == 1 else 's'}"]
    if card.entities is not None:
        facts.append(f"{card.entities:,} {'entity' if card.entities == 1 else 'entities'}")
    if card.period is not None:
        facts.append(f"{span(card.period, arrow=signs.arrow)} UTC")
    if card.against_main:
        facts.append(f"against main: {plain(card.against_main)}")
    return signs.dot.join(facts)


def _features(card: Card, signs: _Signs, width: int) -> Iterator[Any]:
    """Yield a line a feature, its type and unit in a column, or where that is too wide in a line of their own."""
    from rich.text import Text

    heads = ["feature", "type", "distribution", "median", "5 – 95%", "null"]  # noqa: RUF001
    styles = ["bold", "dim", "cyan", "", "", ""]
    rows = [
        [plain(each.name), plain(_dtype(each)), plain(_distribution(each, signs)), *_measures(each)]
        for feature in card.features[:FEATURES]
        for each in feature.lines
    ]
    rows = [[signs.text(cell) for cell in row] for row in rows]
    heads = [signs.text(head) for head in heads]
    needs = sum(max(map(len, column)) + 1 for column in zip(heads, *rows, strict=True)) - 1
    cells = [[Text(cell, style=style) for cell, style in zip(row, styles, strict=True)] for row in rows]
    if needs > width:
        cells = [[Text("\n").join(row[:2]), *row[2:]] for row in cells]
        heads.remove("type")
    last = len(heads)
    right, whole = range(last - 3, last), range(last - 4, last)
    yield FittedGrid([Text(head, style="dim") for head in heads], cells, right=right, whole=whole, gap=1)
    if len(card.features) > FEATURES:
        yield Text(f"and {len(card.features) - FEATURES} more", style="dim")


def _dtype(feature: FeatureProfile) -> str:
    short = re.sub(
        r"^(U?)(Int|Float)(?=\d)", lambda found: (found[1] or found[2][0]).lower(), dtype(feature)
    ).removesuffix(" UTC")
    unit = unit_text(feature.unit) if feature.unit else None
    return " ".join(filter(None, (short, unit, within(feature.tolerance))))


def _distribution(feature: FeatureProfile, signs: _Signs) -> str:
    if len(feature.categories) > 1:
        total = feature.sampled or feature.rows - feature.nulls
        value, count = feature.categories[0]
        return f"{plain(value, limit=9)} {percent(count, total)}"
    return blocks(feature, width=14, ascii_only=signs.ascii_only) or plain(instead(feature), limit=18)


def _measures(feature: FeatureProfile) -> tuple[str, str, str]:
    nulls = percent(feature.nulls, feature.rows)
    if not feature.quantiles:
        return "", "", nulls
    low, high = feature.quantiles["p05"], feature.quantiles["p95"]
    ends = [amount(value, feature, near=high - low) for value in (low, high)]
    middle = " – ".join(ends) if low < high else ""  # noqa: RUF001
    return amount(feature.quantiles["p50"], feature), middle, nulls


def _mark(state: State, signs: _Signs) -> tuple[str, str]:
    """Return the sign of a check's state, and its style."""
    return {
        "pass": (signs.passed, "green"),
        "fail": (signs.failed, "bold red"),
        "not checked": (signs.not_checked, "yellow"),
    }[state]


def _check(check: Check, signs: _Signs, width: int) -> Iterator[Any]:
    from rich.table import Table
    from rich.text import Text

    line = Table.grid(padding=(0, 1))
    line.add_column(width=width, no_wrap=True)
    line.add_column(overflow="fold")
    mark, style = _mark(check.state, signs)
    said = Text.assemble((signs.text(plain(check.name)), "bold"), "  ", signs.text(plain(check.detail, limit=LONG)))
    line.add_row(Text(mark, style=style), said)
    yield line
    if check.failures is not None and not check.failures.is_empty():
        yield from _rows(check, check.failures, signs)


def _rows(check: Check, failures: pl.DataFrame, signs: _Signs) -> Iterator[Any]:
    from rich.padding import Padding
    from rich.text import Text

    shown = 0
    for said, rows in groups(failures, ROWS):
        if said:
            yield Padding(Text(signs.text(plain(said, limit=LONG))), (0, 0, 0, 2))
        heads = [Text(signs.text(plain(name)), style="dim") for name in rows.columns]
        cells = [
            [Text(signs.text(_cell(value, name))) for name, value in row.items()] for row in rows.iter_rows(named=True)
        ]
        yield Padding(FittedGrid(heads, cells), (0, 0, 0, 4 if said else 2))
        shown += rows.height
    total = max(sum(check.counts.values()), failures.height)
    if total > shown:
        yield Padding(Text(f"{shown} of {total:,}", style="dim"), (0, 0, 0, 2))


def _cell(value: object, name: str) -> str:
    if value is None:
        return "-"
    return plain(moment_text(value) if isinstance(value, datetime) else value, limit=LONG if name in SENTENCES else 80)


def _messages(card: Card, signs: _Signs) -> Iterator[Any]:
    from rich.text import Text

    warnings = list(card.warnings[:8])
    if not card.rows and card.status != "failed":
        warnings.insert(0, "The view has no rows.")
    for text in warnings:
        yield Text(signs.text(f"! {plain(text, limit=LONG)}"), style="yellow")
    for text in card.notes[:8]:
        yield Text(signs.text(plain(text, limit=LONG)), style="dim")
    if card.run:
        said = "pending" if card.run == "queued" else plain(card.run, limit=500)
        yield Text(signs.text(f"MLflow run: {said}"), style="dim")
