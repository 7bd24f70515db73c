"""`Overlay`: one feature's two distributions over each other, with how far they are apart."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING

from workbench.widgets.bars import Scale, bars, has_histogram
from workbench.widgets.markdown import fenced, quoted
from workbench.widgets.overlay_svg import HIGHEST_TAIL, LEAST_SCALE, overlay_svg, swatch
from workbench.widgets.overlay_svg import STYLE as HUES
from workbench.widgets.sparkline import fitted, ramp
from workbench.widgets.wording import escaped, figure, plain

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.text import Text

    from workbench.compare import FeatureDrift, Histogram

STYLE = (
    ".wb-overlay{min-width:0}"
    ".wb-overlay svg{display:block;width:100%;max-width:400px;height:auto;margin:4px 0}"
    ".wb-overlay p,.wb-key{margin:0!important;line-height:1.4}"
    ".wb-overlay .wb-dim,.wb-key{color:var(--jp-ui-font-color2,color-mix(in srgb,currentColor 65%,transparent));"
    "font-size:12px}"
    ".wb-overlay .wb-measures{font-variant-numeric:tabular-nums}"
    ".wb-key span{margin-right:16px;white-space:nowrap}"
    ".wb-key svg{vertical-align:-1px}"
) + HUES

COLUMNS = 46
"""The width of the text form."""

_NAMES = (("psi", "PSI"), ("jensen_shannon", "JS"), ("ks", "KS"))
_TRACK = 12
_HELD = "\u00a0"
"""A space at which no line breaks."""


@dataclass(frozen=True, slots=True)
class Overlay:
    """Both distributions of one feature, the measures between them, and what they say in a sentence.

    Parameters
    ----------
    drift
        How far the feature moved.
    labels
        What the reference and the current rows are called.
    """

    drift: FeatureDrift
    labels: tuple[str, str]

    @property
    def title(self) -> str:
        """The feature, its unit, and the segment where it is of one."""
        of = ", ".join(f"{key}={value}" for key, value in self.drift.segment)
        unit = self.drift.unit if self.drift.unit and self.drift.kind != "temporal" else None
        return plain(f"{self.drift.name}{f' ({unit})' if unit else ''}{f', {of}' if of else ''}")

    @property
    def sentence(self) -> str:
        """What happened, without the name that the title has."""
        of = ", ".join(f"{key}={value}" for key, value in self.drift.segment)
        named = f"{self.drift.name} ({of}) " if of else f"{self.drift.name} "
        said = plain(self.drift.sentence.removeprefix(named), limit=400)
        return said[:1].upper() + said[1:]

    def html(self) -> str:
        """Return the picture with its key, measures and sentence."""
        return f"<div class='wb-overlay'><style>{STYLE}</style>{key(self.labels)}{self.inner_html()}</div>"

    def inner_html(self) -> str:
        """Return the picture, measures and sentence alone, for a place that has style, key and title already."""
        measures = " · ".join(f"{name}{_HELD}{value}" for name, value in self._measures())
        return (
            f"{overlay_svg(self.drift, self.labels)}<p>{escaped(self.sentence, limit=400)}</p>"
            f"<p class='wb-dim wb-measures'>{measures}</p>"
        )

    def text(self) -> str:
        """Return the picture in block characters, with measures and sentence."""
        return "\n".join(line for line, _ in self._lines())

    def markdown(self) -> str:
        """Return the sentence, and the picture in block characters."""
        return f"{quoted(self.drift.sentence)}\n\n{fenced('text', self.text())}"

    def __rich__(self) -> Text:
        """Return the text form, the two sides in their colours."""
        from rich.text import Text

        return Text("\n").join([Text(line, style=style) for line, style in self._lines()])

    def _blocks(self, pair: tuple[Histogram, Histogram]) -> list[str]:
        """Return each side's shares as blocks, what lies beyond the bins apart from them as in the picture."""
        wholes = max(1, self.drift.reference.rows), max(1, self.drift.current.rows)
        below, above = (any(getattr(each, end) for each in pair) for end in ("below", "above"))
        inside = [
            [n / rows for n in fitted(each.counts, COLUMNS - 19)] for each, rows in zip(pair, wholes, strict=True)
        ]
        most = HIGHEST_TAIL * max(max(side) for side in inside)
        sides = []
        for each, shares, rows in zip(pair, inside, wholes, strict=True):
            first = [min(most, each.below / rows), 0.0] if below else []
            last = [0.0, min(most, each.above / rows)] if above else []
            sides.append([*first, *shares, *last])
        return ramp(sides)

    def _measures(self) -> list[tuple[str, str]]:
        drift = self.drift
        values = [(said, getattr(drift, name)) for name, said in _NAMES]
        found = [(said, figure(value, digits=2)) for said, value in values if value is not None]
        if drift.wasserstein is not None:
            scaled = drift.wasserstein_scaled
            deviations = f"{_HELD}({figure(scaled, digits=2)}{_HELD}sd)" if scaled else ""
            distance = Scale.of(drift).distance(drift.wasserstein).replace(" ", _HELD)
            found.append(("Wasserstein", f"{distance}{deviations}"))
        return found

    def _lines(self) -> Iterator[tuple[str, str]]:
        """Yield lines and their styles."""
        drift = self.drift
        if has_histogram(drift) and drift.histograms is not None:
            drawn = self._blocks(drift.histograms)
            for label, line, style in zip(self.labels, drawn, ("blue", "dark_orange"), strict=True):
                yield f"{plain(label, limit=13):<14} {line}", style
            low, high = Scale.of(drift).ends(drift.histograms[0])
            yield f"{'':<15}{low}{high:>{max(1, len(drawn[0]) - len(low))}}", "dim"
        rows = bars(drift)
        top = max((LEAST_SCALE, *(share for bar in rows for share in bar.shares)))
        for bar in rows:
            yield f"{plain(bar.label, limit=14):<14} {_track(bar.shares, top)} {bar.said:>{COLUMNS - 16 - _TRACK}}", ""
        yield from ((line, "") for line in textwrap.wrap(self.sentence, COLUMNS))
        measures = " · ".join(f"{name}{_HELD}{value}" for name, value in self._measures())
        yield from ((line, "dim") for line in textwrap.wrap(measures, COLUMNS))


def key(labels: tuple[str, str]) -> str:
    """Return which mark is which side."""
    said = "".join(f"<span>{swatch(side)} {escaped(label, limit=80)}</span> " for side, label in enumerate(labels))
    return f"<p class='wb-key'>{said}</p>"


def _track(shares: tuple[float, float], top: float) -> str:
    """Return what both sides have as blocks, and then what one has more: ``-`` the reference, ``+`` the current."""
    one, two = (round(_TRACK * share / top) if top else 0 for share in shares)
    more = "+" if two > one else "-"
    return f"{'█' * min(one, two)}{more * abs(one - two)}".ljust(_TRACK)
