"""How the page of a path looks: on wide and narrow screens, light and dark, and on paper."""

from __future__ import annotations

from typing import Final

STYLE: Final = """
:root{--paper:#fff;--ink:#1b2430;--soft:#566273;--line:#c9d2dd;--box:#f3f7fc;--edge:#2f6fb4;
color-scheme:light dark}
@media screen and (prefers-color-scheme:dark){:root{--paper:#12171e;--ink:#e8edf3;--soft:#a9b5c4;
--line:#3a4656;--box:#1d2631;--edge:#7ab3ee}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.5 system-ui,-apple-system,
"Segoe UI",Roboto,"Noto Sans","DejaVu Sans",sans-serif;overflow-wrap:anywhere}
main{max-width:62rem;margin:0 auto;padding:1.5rem 1rem 2rem}
h1{font-size:1.7rem;line-height:1.2;margin:0}
h2{font-size:1.2rem;margin:2rem 0 .5rem}
h3{font-size:1rem;margin:1.25rem 0 .4rem;border-bottom:1px solid var(--line)}
small,.summary,.legend,footer,dt,li>span{color:var(--soft);font-weight:400}
.summary{margin:.3rem 0 0}
.legend,footer,dl{font-size:.9rem}
figure{margin:1.25rem 0 0}
svg{display:block;width:100%;height:auto;margin:.75rem 0 0;font-family:inherit}
.narrow,.paper{display:none}
.box{fill:var(--box);stroke:var(--edge);stroke-width:1.3}
.edge{fill:none;stroke:var(--edge);stroke-width:1.7}
.soft{stroke-dasharray:6 4}
.head{fill:var(--edge)}
text{fill:var(--ink);font-size:13px}
.title{font-size:14px;font-weight:600}
.step{font-size:14px;font-weight:700;stroke:var(--paper);stroke-width:5;paint-order:stroke}
text.small{fill:var(--soft);font-size:12px}
ul{margin:0;padding:0;list-style:none}
li{padding:.45rem 0;break-inside:avoid}
dl{margin:.15rem 0 0}
dl div{display:flex;gap:.5rem}
dt{flex:0 0 4.6rem}
dd{margin:0;min-width:0}
code{color:var(--soft);font-size:.85em}
footer{margin-top:2rem}
@media (max-width:719px){.wide{display:none}.narrow{display:block}}
@media print{@page{margin:14mm}
body{font-size:10.5pt}
main{max-width:none;padding:0}
.wide{display:block;position:absolute;left:-9999px;top:0;width:1px;height:1px}
.narrow{display:none}.paper{display:block}
.sheet{break-inside:avoid;margin:0 auto}
h2,h3{break-after:avoid}
.box{print-color-adjust:exact;-webkit-print-color-adjust:exact}}
"""
