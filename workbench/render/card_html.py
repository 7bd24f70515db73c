"""`card_html`: the result card as one self-contained piece of HTML, for any notebook front end."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from workbench.render.card import SENTENCES, groups
from workbench.render.format import (
    LONG,
    amount,
    dtype,
    escape_html,
    figure,
    format_elapsed,
    moment_text,
    span,
    unit_text,
    within,
)
from workbench.render.sparkline import ends, instead, sparkline
from workbench.render.table import COLOURS, DARK
from workbench.shares import percent

if TYPE_CHECKING:
    import polars as pl

    from workbench.checks import Check, State
    from workbench.profile import FeatureProfile
    from workbench.render.card import Card


STYLE = (
    """
.wb-card{--wb-ink:var(--jp-ui-font-color1,currentColor);
--wb-dim:var(--jp-ui-font-color2,color-mix(in srgb,currentColor 70%,transparent));
--wb-line:var(--jp-border-color2,color-mix(in srgb,currentColor 18%,transparent));
--wb-soft:color-mix(in srgb,currentColor 4.5%,transparent);
--wb-good:GOOD;--wb-bad:BAD;
--wb-warn:WARN;--wb-hue:var(--jp-brand-color1,#3b82d6);
--wb-mono:var(--jp-code-font-family,ui-monospace,SFMono-Regular,Menlo,Consolas,monospace);
container-type:inline-size;max-width:940px;margin:4px 0 8px;color:var(--wb-ink);
font:13px/1.5 var(--jp-ui-font-family,system-ui,-apple-system,"Segoe UI",sans-serif);
border:1px solid var(--wb-line);border-left:3px solid var(--wb-good);border-radius:6px;overflow:hidden}
.wb-card.wb-broken{border-left-color:var(--wb-bad)}
.wb-card.wb-unseen{border-left-color:var(--wb-warn)}
.wb-card *{box-sizing:border-box}
.wb-card .wb-head,.wb-card .wb-facts,.wb-card .wb-part,.wb-card .wb-foot{padding:10px 16px}
.wb-card .wb-facts,.wb-card .wb-part,.wb-card .wb-foot{border-top:1px solid var(--wb-line)}
.wb-card .wb-top{display:flex;flex-wrap:wrap;gap:2px 12px;align-items:baseline;justify-content:space-between}
.wb-card .wb-name{font:600 16px/1.4 var(--wb-mono);overflow-wrap:anywhere}
.wb-card .wb-state{display:flex;flex-wrap:wrap;gap:0 14px;white-space:nowrap}
.wb-card .wb-state b{font-weight:600}
.wb-card .wb-about{margin:1px 0 4px;max-width:72ch}
.wb-card .wb-where{color:var(--wb-dim);font-size:12px;overflow-wrap:anywhere}
.wb-card :is(.wb-bare,svg+.wb-line){display:none}
.wb-card code,.wb-card .wb-mono{font:12px/1.5 var(--wb-mono);color:inherit;background:none;padding:0;border:0}
.wb-card.wb-card.wb-card code{background:none;padding:0}
.wb-card .wb-facts{display:flex;flex-wrap:wrap;gap:6px 34px;margin:0;background:var(--wb-soft)}
.wb-card .wb-facts div{min-width:0}
.wb-card .wb-facts .wb-label,.wb-card .wb-facts b{display:block}
.wb-card .wb-facts .wb-label{font-size:11px;line-height:1.4;color:var(--wb-dim)}
.wb-card .wb-facts b{font-weight:600;font-variant-numeric:tabular-nums;overflow-wrap:anywhere}
.wb-card .wb-wide{overflow-x:auto}
.wb-card.wb-card.wb-card table{border-collapse:collapse;width:100%;margin:0;font-size:13px;border:0;table-layout:auto}
.wb-card.wb-card.wb-card tr{background:none}
.wb-card.wb-card.wb-card :is(th,td){text-align:left;vertical-align:middle;padding:5px 18px 5px 0;border:0;
font-weight:400;max-width:none;white-space:normal}
.wb-card.wb-card.wb-card :is(th,td):last-child{padding-right:0}
.wb-card.wb-card.wb-card thead th{font-size:11px;color:var(--wb-dim);padding-top:0;padding-bottom:3px;
white-space:nowrap}
.wb-card.wb-card.wb-card tbody tr+tr :is(th,td){border-top:1px solid var(--wb-soft)}
.wb-card.wb-card.wb-card .wb-num{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
.wb-card .wb-feature{font:600 12.5px/1.4 var(--wb-mono)}
.wb-card .wb-unit{white-space:nowrap}
.wb-card .wb-sub{font-size:11px;line-height:1.4;color:var(--wb-dim)}
.wb-card .wb-dist{width:190px}
.wb-card .wb-spark{display:block;width:100%;min-width:96px;max-width:190px;height:30px;overflow:visible}
.wb-card .wb-bar{fill:var(--wb-hue);fill-opacity:.85}
.wb-card .wb-tail{fill:var(--wb-dim);opacity:.45}
.wb-card .wb-ends{display:flex;justify-content:space-between;gap:8px;max-width:190px;font-size:10.5px;line-height:1.35;
color:var(--wb-dim);font-variant-numeric:tabular-nums}
.wb-card .wb-ends span{overflow:hidden;text-overflow:ellipsis;white-space:nowrap}
.wb-card .wb-ends .wb-high{flex:none}
.wb-card .wb-none{color:var(--wb-dim)}
.wb-card.wb-card.wb-card .wb-list{list-style:none;margin:0;padding:0}
.wb-card .wb-list>li{display:grid;grid-template-columns:20px minmax(0,1fr) auto;column-gap:4px;padding:2px 0;margin:0;
align-items:baseline}
.wb-card .wb-mark{font-weight:700}
.wb-card .wb-pass .wb-mark{color:var(--wb-good)}
.wb-card .wb-fail .wb-mark,.wb-card .wb-fail .wb-said b{color:var(--wb-bad)}
.wb-card .wb-heed .wb-mark,.wb-card .wb-heed .wb-said b{color:var(--wb-warn)}
.wb-card .wb-note .wb-mark{color:var(--wb-dim)}
.wb-card .wb-said{overflow-wrap:anywhere}
.wb-card .wb-said b{font-weight:600;margin-right:8px}
.wb-card .wb-time{color:var(--wb-dim);font-size:11px;font-variant-numeric:tabular-nums;padding-left:12px}
.wb-card .wb-rows{grid-column:2/-1;margin:4px 0 6px;padding:6px 10px;border-radius:4px;background:var(--wb-soft)}
.wb-card.wb-card.wb-card .wb-rows :is(th,td){font-size:12px;padding:2px 16px 2px 0;vertical-align:baseline}
.wb-card.wb-card.wb-card .wb-rows td.wb-mono{white-space:nowrap}
.wb-card .wb-rows td:last-child{min-width:160px}
.wb-card .wb-why{margin:0 0 3px;overflow-wrap:anywhere}
.wb-card .wb-wide+.wb-why{margin-top:9px}
.wb-card .wb-more{margin:4px 0 0;font-size:11px;color:var(--wb-dim)}
.wb-card .wb-foot{display:flex;flex-wrap:wrap;gap:2px 18px;justify-content:space-between;font-size:12px;
color:var(--wb-dim)}
.wb-card a{color:var(--jp-content-link-color,var(--wb-hue));text-decoration:none}
.wb-card a:hover,.wb-card a:focus{text-decoration:underline}
@container (max-width:560px){
.wb-card .wb-head,.wb-card .wb-facts,.wb-card .wb-part,.wb-card .wb-foot{padding-left:11px;padding-right:11px}
.wb-card .wb-extra{display:none}
.wb-card .wb-dist,.wb-card .wb-ends{width:120px}
.wb-card .wb-facts{gap:6px 20px}
.wb-card.wb-card.wb-card :is(th,td){padding-right:12px}}
@container (max-width:420px){.wb-card .wb-middle{display:none}}
""".replace("GOOD", COLOURS["good"][0])
    .replace("WARN", COLOURS["warn"][0])
    .replace("BAD", COLOURS["bad"][0])
    + f".wb-card{DARK}"
)
"""Every rule is scoped to ``.wb-card``; the tripled class outweighs JupyterLab's own rules for tables in outputs."""


ROWS = 8
"""How many failing rows are drawn for one check; the check itself keeps up to 20."""
FEATURES = 60
MESSAGES = 8
MARKS: dict[State, tuple[str, str, str]] = {
    "pass": ("pass", "✓", "passed"),
    "fail": ("fail", "✗", "failed"),
    "not checked": ("heed", "?", "not checked"),
}
"""Of each state of a check: its style, its sign, its word."""


def card_html(card: Card) -> str:
    """Return `card` as HTML: inline style and SVG, no script, nothing fetched, every value escaped.

    Its size grows with the number of features, never with the rows. Where a page takes style and drawings away, as
    GitHub and untrusted notebooks do, it reads in order: blocks stay blocks, and what the class ``wb-bare`` hides, the
    punctuation between parts that stand apart, and ``wb-line``, the drawing as a line of characters, are there.
    """
    label = escape_html(f"{card.view}: {card.status}, {card.verdict}")
    broken = {"pass": "", "fail": " wb-broken", "not checked": " wb-unseen"}[card.state]
    parts = [_head(card), _facts(card), _features(card), _checks(card), _messages(card), _foot(card)]
    style = "".join(STYLE.splitlines())
    inside = f"<style>{style}</style>{''.join(parts)}"
    return f'<div class="wb-card{broken}" role="group" aria-label="{label}">{inside}</div>'


def _bare(text: str) -> str:
    """Return what stands between two parts where they are not set apart by style."""
    return f'<span class="wb-bare">{text}</span>'


def _head(card: Card) -> str:
    where = [
        f"<span>{escape_html(card.branch)}</span>",
        f'<span>commit <code title="{escape_html(card.commit)}">{escape_html(card.commit[:8])}</code></span>',
        f'<span>view <code title="{escape_html(card.view_id)}">{escape_html(card.view_id[:12])}</code></span>',
    ]
    if card.owner:
        where.append(f"<span>{escape_html(card.owner)}</span>")
    about = f'<div class="wb-about">{escape_html(card.description, limit=LONG)}</div>' if card.description else ""
    return (
        '<div class="wb-head"><div class="wb-top"><b class="wb-name" role="heading" aria-level="4">'
        f"{escape_html(card.view)}</b>{_bare(' · ')}{_state(card)}</div>"
        f'{about}<div class="wb-where">{" · ".join(where)}</div></div>'
    )


def _state(card: Card) -> str:
    took = {"computed": f" in {format_elapsed(card.seconds)}", "failed": f" after {format_elapsed(card.seconds)}"}
    kind, mark, _ = MARKS[card.state]
    said = f"{escape_html(card.status)}{took.get(card.status, '')}"
    return (
        f'<span class="wb-state"><span class="wb-none">{said}</span>{_bare(" · ")}<span class="wb-{kind}">'
        f'<span class="wb-mark" aria-hidden="true">{mark}</span> '
        f"<b>{escape_html(card.verdict)}</b></span></span>"
    )


def _facts(card: Card) -> str:
    facts = [("rows", f"{card.rows:,}")]
    if card.entities is not None:
        facts.append(("entities", f"{card.entities:,}"))
    if card.period is not None:
        facts.append(("period (UTC)", span(card.period)))
    if card.against_main:
        facts.append(("against main", card.against_main))
    label = '<span class="wb-label">'
    listed = "".join(
        f"<div>{label}{escape_html(name)}{_bare(': ')}</span><b>{escape_html(value)}</b></div>" for name, value in facts
    )
    return f'<div class="wb-facts">{listed}</div>'


def _features(card: Card) -> str:
    if not card.features:
        return ""
    rows = "".join(_feature(line) for feature in card.features[:FEATURES] for line in feature.lines)
    hidden = len(card.features) - FEATURES
    more = f'<p class="wb-more">and {hidden:,} more features</p>' if hidden > 0 else ""
    return (
        '<div class="wb-part"><div class="wb-wide"><table><thead><tr><th scope="col">feature</th>'
        '<th scope="col">distribution</th><th scope="col" class="wb-num wb-middle">median</th>'
        '<th scope="col" class="wb-num wb-extra" title="5th to 95th percentile">5 – 95%</th>'  # noqa: RUF001
        '<th scope="col" class="wb-num wb-extra">distinct</th><th scope="col" class="wb-num">null</th></tr></thead>'
        f"<tbody>{rows}</tbody></table></div>{more}</div>"
    )


def _feature(feature: FeatureProfile) -> str:
    unit = f' · <span class="wb-unit">{escape_html(unit_text(feature.unit), limit=60)}</span>' if feature.unit else ""
    if feature.tolerance is not None:
        unit += f' · <span title="values this close are the same value">{within(feature.tolerance)}</span>'
    name = (
        f'<div class="wb-feature">{escape_html(feature.name).replace("_", "_<wbr>")}</div>'
        f'<div class="wb-sub">{escape_html(dtype(feature), limit=60)}{unit}</div>'
    )
    quantiles = feature.quantiles
    low, high = quantiles.get("p05"), quantiles.get("p95")
    middle = ""
    if low is not None and high is not None and low < high:
        middle = f"{amount(low, feature, near=high - low)} – {amount(high, feature, near=high - low)}"  # noqa: RUF001
    distinct = "" if feature.distinct is None else figure(feature.distinct)
    return (
        f'<tr><th scope="row">{name}</th><td class="wb-dist">{_distribution(feature)}</td>'
        f'<td class="wb-num wb-middle">{amount(quantiles["p50"], feature) if quantiles else ""}</td>'
        f'<td class="wb-num wb-extra">{middle}</td><td class="wb-num wb-extra">{distinct}</td>'
        f'<td class="wb-num">{_absent(feature)}</td></tr>'
    )


def _absent(feature: FeatureProfile) -> str:
    """Return the share of nulls, and whatever else is no usable value."""
    nulls = percent(feature.nulls, feature.rows)
    said = [nulls if feature.nulls else f'<span class="wb-none">{nulls}</span>']
    said += [f'<div class="wb-sub">NaN {percent(feature.nans, feature.rows)}</div>'] if feature.nans else []
    said += [f'<div class="wb-sub">inf {percent(feature.infinities, feature.rows)}</div>'] if feature.infinities else []
    return "".join(said)


def _distribution(feature: FeatureProfile) -> str:
    drawing = sparkline(feature)
    if not drawing:
        return f'<span class="wb-none">{escape_html(instead(feature), limit=60)}</span>'
    if feature.histogram is None:
        shown = feature.categories[:2]
        total = feature.sampled or feature.rows - feature.nulls
        left = " · ".join(f"{escape_html(value, limit=20)} {percent(count, total)}" for value, count in shown)
        rest = (feature.distinct or 0) - len(shown)
        right = f"+{figure(rest)}" if rest > 0 else ""
        return drawing + _ends(left, right, " · ")
    low, high = ends(feature, feature.histogram)
    left = f"{'‹ ' if feature.histogram.below else ''}{amount(low, feature, near=high - low)}"  # noqa: RUF001
    right = f"{amount(high, feature, near=high - low)}{' ›' if feature.histogram.above else ''}"  # noqa: RUF001
    return drawing + _ends(left, right, " to ")


def _ends(left: str, right: str, between: str) -> str:
    """Return what stands below a drawing, at both its ends."""
    after = f'{_bare(between)}<span class="wb-high">{right}</span>' if right else ""
    return f'<div class="wb-ends"><span>{left}</span>{after}</div>'


def _checks(card: Card) -> str:
    if not card.checks:
        return ""
    items = "".join(_check(check) for check in card.ranked)
    return f'<div class="wb-part"><ul class="wb-list" aria-label="checks">{items}</ul></div>'


def _check(check: Check) -> str:
    kind, mark, word = MARKS[check.state]
    rows = "" if check.failures is None or check.failures.is_empty() else _rows(check, check.failures)
    return (
        f'<li class="wb-{kind}"><span class="wb-mark" role="img" aria-label="{word}" title="{word}">{mark}</span> '
        f'<span class="wb-said"><b>{escape_html(check.name)}{"" if check.passed else f" {word}"}</b>'
        f"{_bare(': ') if check.detail else ''}{escape_html(check.detail, limit=LONG)}"
        f'</span>{_bare(" · ")}<span class="wb-time">{format_elapsed(check.seconds)}</span>{rows}</li>'
    )


def _rows(check: Check, failures: pl.DataFrame) -> str:
    parts = []
    for said, rows in groups(failures, ROWS):
        parts += [f'<p class="wb-why">{escape_html(said, limit=LONG)}</p>'] if said else []
        head = "".join(f'<th scope="col">{escape_html(name, limit=63)}</th>' for name in rows.columns)
        body = "".join(
            "<tr>" + "".join(_cell(value, name) for name, value in row.items()) + "</tr>"
            for row in rows.iter_rows(named=True)
        )
        parts.append(
            '<div class="wb-wide"><table aria-label="failing rows">'
            f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
        )
    total, shown = max(sum(check.counts.values()), failures.height), min(ROWS, failures.height)
    more = f'<p class="wb-more">{shown} of {total:,} failing rows</p>' if total > shown else ""
    return f'<div class="wb-rows">{"".join(parts)}{more}</div>'


def _cell(value: object, name: str) -> str:
    if value is None:
        return '<td class="wb-none">–</td>'  # noqa: RUF001
    if isinstance(value, datetime):
        value = moment_text(value)
    if name in SENTENCES:
        return f"<td>{escape_html(value, limit=LONG)}</td>"
    return f'<td class="wb-mono">{escape_html(value, limit=160)}</td>'


def _messages(card: Card) -> str:
    warnings = _few(card.warnings)
    if not card.rows and card.status != "failed":
        warnings.insert(0, "The view has no rows.")
    items = [_message("heed", "!", "warning", text) for text in warnings]
    items += [_message("note", "i", "note", text) for text in _few(card.notes)]
    if not items:
        return ""
    return f'<div class="wb-part"><ul class="wb-list" aria-label="messages">{"".join(items)}</ul></div>'


def _message(kind: str, mark: str, word: str, text: str) -> str:
    return (
        f'<li class="wb-{kind}"><span class="wb-mark" role="img" aria-label="{word}" title="{word}">{mark}</span> '
        f'<span class="wb-said">{escape_html(text, limit=LONG)}</span></li>'
    )


def _few(texts: tuple[str, ...]) -> list[str]:
    more = [f"and {len(texts) - MESSAGES} more"] if len(texts) > MESSAGES else []
    return [*texts[:MESSAGES], *more]


def _foot(card: Card) -> str:
    return f'<div class="wb-foot">{_run(card.run)}</div>' if card.run else ""


def _run(run: str) -> str:
    if run == "queued":
        return "<span>MLflow run: pending</span>"
    if run.startswith(("http://", "https://")):
        href = escape_html(run, limit=2000)
        return f'<a href="{href}" target="_blank" rel="noopener noreferrer">Open the MLflow run</a>'
    return f'<span>MLflow run <code title="{escape_html(run)}">{escape_html(run[:12])}</code></span>'
