"""The result card's style sheet: JupyterLab's colours where it has them, the page's own where not."""

from __future__ import annotations

STYLE = """
.wb-card{--wb-ink:var(--jp-ui-font-color1,currentColor);
--wb-dim:var(--jp-ui-font-color2,color-mix(in srgb,currentColor 62%,transparent));
--wb-line:var(--jp-border-color2,color-mix(in srgb,currentColor 18%,transparent));
--wb-soft:color-mix(in srgb,currentColor 4.5%,transparent);
--wb-good:var(--jp-success-color1,#3d9a45);--wb-bad:var(--jp-error-color1,#d9403a);
--wb-warn:var(--jp-warn-color1,#d9822b);--wb-hue:var(--jp-brand-color1,#3b82d6);
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
.wb-card .wb-where>span+span::before{content:"·";margin:0 7px}
.wb-card code,.wb-card .wb-mono{font:12px/1.5 var(--wb-mono);color:inherit;background:none;padding:0;border:0}
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
.wb-card .wb-feature{font:600 12.5px/1.4 var(--wb-mono);display:block}
.wb-card .wb-sub{display:block;font-size:11px;line-height:1.4;color:var(--wb-dim)}
.wb-card .wb-dist{width:190px}
.wb-card .wb-spark{display:block;width:100%;min-width:96px;max-width:190px;height:30px;overflow:visible}
.wb-card .wb-bar{fill:var(--wb-hue);fill-opacity:.85}
.wb-card .wb-tail{fill:var(--wb-dim);opacity:.45}
.wb-card .wb-ends{display:flex;justify-content:space-between;gap:8px;max-width:190px;font-size:10.5px;line-height:1.35;
color:var(--wb-dim);font-variant-numeric:tabular-nums}
.wb-card .wb-ends span{overflow:hidden;text-overflow:ellipsis;white-space:nowrap}
.wb-card .wb-ends span+span{flex:none}
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
"""
"""Every rule is scoped to ``.wb-card``; the tripled class outweighs JupyterLab's own rules for tables in outputs."""
