"""Style sheets of the interactive view: JupyterLab's colours, light and dark; and those of the two sides."""

from __future__ import annotations

BLUE, ORANGE = "#0072B2", "#D55E00"
"""Okabe and Ito's blue and vermilion, which are distinct for any colour vision, on light and dark."""

ENDED = "The interactive view ended with its kernel; run the cell again."

STYLE = """
.wb-explore{--wb-ink:var(--jp-ui-font-color1,currentColor);--wb-dim:var(--jp-ui-font-color2,#767676);
--wb-line:var(--jp-border-color2,#8884);--wb-ground:var(--jp-layout-color1,Canvas);
--wb-soft:color-mix(in srgb,currentColor 6%,transparent);
color:var(--wb-ink);font:13px/1.45 var(--jp-ui-font-family,system-ui,sans-serif);border-top:1px solid var(--wb-line);
padding:8px 1px 0 0;margin:4px 0 0!important;box-sizing:border-box;max-width:100%;overflow:clip!important}
.wb-explore .jupyter-widgets{margin-left:0;margin-right:0;box-sizing:border-box}
.wb-explore .widget-html{min-width:0;max-width:100%}
.wb-explore .slider-container{margin-right:10px}
.wb-explore .widget-html-content{min-width:0;max-width:100%;line-height:1.45;font-size:13px;color:var(--wb-ink)}
.wb-explore :is(.wb-bar,.wb-main){display:flex;flex-flow:row wrap;gap:4px 14px;align-items:flex-start;overflow:visible}
.wb-explore .wb-bar>*{margin:0;flex:0 1 auto}
.wb-explore .wb-bar{align-items:center}
.wb-explore .wb-list{flex:1 1 210px;max-width:340px;min-width:180px}
.wb-explore .wb-list select{box-sizing:border-box;margin:0}
.wb-explore .wb-list .widget-select>.widget-label{position:absolute;width:1px;height:1px;overflow:hidden;
clip-path:inset(50%)}
.wb-explore .wb-list>*{margin-left:0;margin-right:0}
.wb-explore .wb-drawn{flex:3 1 340px;min-width:0}
.wb-explore :is(select,input,button):focus-visible,.wb-explore .wb-rows:focus-visible,
.wb-explore .noUi-handle:focus-visible{outline:2px solid var(--jp-brand-color1,#1976d2);outline-offset:1px}
.wb-explore .widget-label,.wb-explore .widget-readout{color:var(--wb-ink)}
.wb-explore h4{margin:.5em 0 .1em;font-size:13px;font-weight:600}
.wb-explore .wb-key{display:inline-flex;flex-wrap:wrap;gap:2px 18px;font-size:12px}
.wb-explore .wb-key svg{vertical-align:-2px;margin-right:6px}
.wb-explore .wb-none,.wb-explore .wb-dim{color:var(--wb-dim);margin:.3em 0;font-size:12px}
.wb-explore .wb-note p{margin:.3em 0;padding:5px 10px;border-left:3px solid var(--jp-warn-color1,#b26200);
background:var(--wb-soft)}
.wb-explore .wb-rows{overflow:auto;max-height:420px;border:1px solid var(--wb-line);border-radius:4px}
.wb-explore.wb-explore.wb-explore table{border-collapse:separate;border-spacing:0;font-size:12px;margin:0;
font-variant-numeric:tabular-nums}
.wb-explore.wb-explore.wb-explore tr{background:none}
.wb-explore.wb-explore.wb-explore :is(th,td){padding:2px 12px 2px 8px;text-align:left;white-space:nowrap;
border:0;border-bottom:1px solid var(--wb-soft);font-weight:400;color:var(--wb-ink);max-width:none}
.wb-explore.wb-explore.wb-explore thead th{font-weight:600;background:var(--wb-ground)}
.wb-explore.wb-explore.wb-explore thead tr+tr th{font-weight:400;color:var(--wb-dim)}
.wb-explore .wb-rows thead{position:sticky;top:0;z-index:1}
.wb-explore.wb-explore.wb-explore .wb-first{border-left:1px solid var(--wb-line)}
.wb-explore.wb-explore.wb-explore .wb-same{color:var(--wb-dim)}
.wb-explore.wb-explore.wb-explore .wb-other{background:color-mix(in srgb,#D55E00 13%,transparent)}
.wb-explore .wb-rows i{color:var(--wb-dim)}
.wb-explore .jupyter-widgets-disconnected::before{content:none}
.wb-explore.jupyter-widgets-disconnected::before{content:'ENDED';font:inherit;color:var(--wb-dim)}
.wb-explore.jupyter-widgets-disconnected :is(.wb-bar,.wb-list){opacity:.5;pointer-events:none}
.wb-picture{width:100%;min-height:40px}
.wb-picture .vega-embed{width:100%;padding:0!important;overflow:visible}
.wb-picture .vega-embed svg{overflow:visible;max-width:100%}
.wb-picture svg text{fill:var(--jp-ui-font-color1,currentColor)!important;
font-family:var(--jp-ui-font-family,system-ui,sans-serif)!important}
.wb-picture svg :is(.role-axis-domain,.role-axis-tick,.role-axis-grid) line{
stroke:var(--jp-ui-font-color2,#888)!important}
""".replace("ENDED", ENDED)
"""Scoped to ``.wb-explore``; the tripled class outweighs JupyterLab's own rules for tables in outputs."""

_GONE = ".jp-OutputArea-child:has(.wb-summary)+.jp-OutputArea-child .jp-OutputArea-output:not(:has(*))"
AFTERWARDS = (
    f"{_GONE}{{font-size:0;padding:4px 0}}"
    f"{_GONE}::after{{font-size:13px;color:var(--jp-ui-font-color2,#767676);"
    "content:'The interactive view needs its kernel; if the kernel has ended, run the cell again.'}"
    f"{_GONE}.jupyter-widgets::after{{content:'{ENDED}'}}"
)
"""What is said in place of the view without a kernel, where JupyterLab waits, or says that a model was not found."""
