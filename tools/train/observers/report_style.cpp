#include "tools/train/observers/report_page.h"

namespace slipway {

const char* const kReportStyle = R"(:root {
  --page: #f7f7f5; --card: #ffffff; --text: #1b1b19; --soft: #6d6d66; --line: #e3e3de;
  --s1: #2563eb; --s2: #d9560b; --s3: #0f8a5f; --s4: #7c3aed; --hit: 37 99 235; --miss: 217 70 30;
  color-scheme: light dark;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #121211; --card: #1c1c1a; --text: #ebebe6; --soft: #9d9d94; --line: #33332f;
    --s1: #6ea2ff; --s2: #ff9757; --s3: #4cc99a; --s4: #b394ff; --hit: 76 134 255; --miss: 255 112 67;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--text); font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; }
main { max-width: 1160px; margin: 0 auto; padding: 28px 20px 60px; }
h1 { display: inline; font-size: 30px; letter-spacing: -.02em; margin: 0 12px 0 0; }
h2 { font-size: 19px; margin: 38px 0 12px; }
h2 small, .note, header p, .tile span, .tile small, figcaption small { color: var(--soft); font-weight: 400; }
h2 small { font-size: 14px; margin-left: 6px; }
header p { margin: 6px 0 20px; }
small { font-size: 12.5px; }
.note { margin: 10px 2px; font-size: 14px; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 10px; }
.scroll { overflow-x: auto; padding: 6px 14px; }
.status { display: inline-block; vertical-align: 5px; padding: 2px 11px; border-radius: 20px; font-size: 13px; color: #fff; background: #5d6470; }
.status.good { background: #10794f; } .status.warn { background: #a35a00; } .status.bad { background: #b3261e; }
.message { padding: 10px 16px; white-space: pre-wrap; overflow-wrap: anywhere; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(165px, 1fr)); gap: 12px; }
.tile { padding: 12px 16px; display: flex; flex-direction: column; }
.tile span { font-size: 13px; }
.tile b { font-size: 25px; font-weight: 600; letter-spacing: -.01em; font-variant-numeric: tabular-nums; }
.charts { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(480px, 100%), 1fr)); gap: 14px; }
figure { margin: 0; }
.chart { padding: 12px 14px 6px; position: relative; }
.chart figcaption { display: flex; justify-content: space-between; flex-wrap: wrap; font-weight: 600; margin-bottom: 4px; }
.legend { font-weight: 400; font-size: 13px; color: var(--soft); }
.legend i { display: inline-block; width: 10px; height: 10px; border-radius: 3px; margin: 0 5px 0 10px; background: currentColor; }
.s1 { color: var(--s1); } .s2 { color: var(--s2); } .s3 { color: var(--s3); } .s4 { color: var(--s4); }
svg { display: block; width: 100%; height: auto; }
svg text { font-size: 12px; fill: var(--soft); font-variant-numeric: tabular-nums; }
svg path { fill: none; }
.grid { stroke: var(--line); }
.line { stroke: currentColor; stroke-width: 2; stroke-linejoin: round; stroke-linecap: round; }
.line.faint { stroke-width: 1.2; } .faint { opacity: .45; }
.dots { stroke: currentColor; stroke-width: 6; stroke-linecap: round; }
.pointer { stroke: var(--soft); stroke-dasharray: 3 3; visibility: hidden; }
.tip { position: absolute; pointer-events: none; padding: 5px 10px; border-radius: 7px; font-size: 13px; white-space: nowrap; background: var(--text); color: var(--page); font-variant-numeric: tabular-nums; z-index: 1; }
table { border-collapse: collapse; font-size: 14px; font-variant-numeric: tabular-nums; }
table.wide { width: 100%; }
th, td { text-align: left; padding: 5px 14px 5px 0; border-bottom: 1px solid var(--line); white-space: nowrap; }
thead th { color: var(--soft); font-weight: 500; } tfoot th { font-weight: 600; }
tbody tr:last-child td, tfoot tr th { border-bottom: 0; } tfoot tr th { border-top: 1px solid var(--soft); }
.number { text-align: right; }
th:last-child, td:last-child { padding-right: 0; }
td:first-child { color: var(--soft); } table.wide td:first-child { color: var(--text); }
.matrix th, .matrix td { border: 0; padding: 4px 8px; }
.matrix .hit, .matrix .miss { width: 46px; height: 34px; min-width: 26px; padding: 0 4px; text-align: center; color: var(--text); border: 1px solid var(--card); border-radius: 5px; }
.matrix .hit { background: rgb(var(--hit) / var(--a)); } .matrix .miss { background: rgb(var(--miss) / var(--a)); }
.matrix .strong { color: #fff; }
.matrix .column { text-align: center; min-width: 64px; max-width: 96px; overflow: hidden; text-overflow: ellipsis; }
.matrix .row { text-align: right; font-weight: 500; color: var(--soft); }
.matrix .number { color: var(--soft); padding-left: 16px; }
.matrix.small .hit, .matrix.small .miss { width: 20px; height: 20px; min-width: 18px; border-radius: 3px; }
.matrix.small .column { min-width: 20px; } .matrix.small .column span { writing-mode: vertical-rl; }
.mistakes { display: grid; grid-template-columns: repeat(auto-fill, minmax(168px, 1fr)); gap: 12px; }
.mistakes figure { overflow: hidden; padding: 10px; }
.mistakes img { display: block; width: 100%; height: 146px; object-fit: contain; image-rendering: pixelated; background: #000; border-radius: 6px; margin-bottom: 8px; }
.mistakes figcaption { font-size: 14px; line-height: 1.4; overflow-wrap: anywhere; }
.wrong { color: var(--s2); }
pre { margin: 0; padding: 14px 18px; overflow-x: auto; font: 13px/1.55 ui-monospace, "SF Mono", Menlo, "DejaVu Sans Mono", monospace; tab-size: 2; }
@media print { .charts { grid-template-columns: 1fr 1fr; } .card { break-inside: avoid; } }
)";

// Shows the values under the pointer. Without it the page loses nothing else.
const char* const kReportScript = R"(for (const svg of document.querySelectorAll('svg[data-series]')) {
  const series = JSON.parse(svg.dataset.series), [left, right, last] = svg.dataset.x.split(',').map(Number);
  const pointer = svg.querySelector('.pointer'), tip = document.createElement('div');
  const figure = n => Math.abs(n) >= 1e-3 && Math.abs(n) < 1e6 || n === 0 ? +n.toPrecision(5) : n.toExponential(3);
  tip.className = 'tip';
  svg.addEventListener('pointerleave', () => { tip.remove(); pointer.style.visibility = 'hidden'; });
  svg.addEventListener('pointermove', event => {
    const box = svg.getBoundingClientRect(), scale = box.width / svg.viewBox.baseVal.width;
    const x = ((event.clientX - box.left) / scale - left) / (right - left) * last;
    const lines = [];
    let at = null;
    for (const [name, color, points] of series) {
      let near = -1;
      for (let i = 0; i < points.length; i += 2)
        if (near < 0 || Math.abs(points[i] - x) < Math.abs(points[near] - x)) near = i;
      if (near < 0) continue;
      if (at === null || Math.abs(points[near] - x) < Math.abs(at - x)) at = points[near];
      lines.push([name, points[near], points[near + 1]]);
    }
    if (at === null) return;
    const nearby = lines.filter(line => Math.abs(line[1] - at) <= 0.5);
    tip.replaceChildren(...['epoch ' + figure(at), ...nearby.map(line => line[0] + ': ' + figure(line[2]))].map(text => {
      const row = document.createElement('div');
      row.textContent = text;
      return row;
    }));
    svg.parentElement.append(tip);
    const place = (left + at / last * (right - left)) * scale + svg.offsetLeft;
    const wide = svg.parentElement.clientWidth;
    tip.style.left = (place + 12 + tip.offsetWidth > wide ? place - 12 - tip.offsetWidth : place + 12) + 'px';
    tip.style.top = (svg.parentElement.querySelector('figcaption').offsetHeight + 24) + 'px';
    pointer.style.visibility = 'visible';
    pointer.setAttribute('transform', 'translate(' + (left + at / last * (right - left)) + ' 0)');
  });
}
)";

}  // namespace slipway
