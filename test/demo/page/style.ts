/** The colours, light and dark. */
export const colours = `
:root {
  color-scheme: light dark;
  --paper: #ffffff; --card: #f6f7f9; --ink: #1b2430; --soft: #5a6675; --line: #dde2e8; --faint: #edf0f3;
  --with: #0f766e; --without: #a3620a; --retry: #a21caf;
  --bad: #c0262d; --outage: #7c83d1;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #12161c; --card: #1a2028; --ink: #e6eaef; --soft: #9aa6b4; --line: #2c343f; --faint: #222933;
    --with: #3fc7b5; --without: #e0a24a; --retry: #e879f9;
    --bad: #ff7078; --outage: #8d94ee;
  }
}`

/** What is drawn of a lane. */
export const chart = `
.with { --tone: var(--with); } .without { --tone: var(--without); } .retry { --tone: var(--retry); }
.bars { fill: var(--tone); } .ground { stroke: var(--line); } .grid { stroke: var(--faint); }
.kills { stroke: var(--soft); stroke-width: 1; }
.outage { fill: var(--outage); opacity: 0.35; }
.error { fill: var(--bad); fill-opacity: 0.8; }
.crash path { stroke: var(--bad); stroke-width: 1.6; fill: none; } .crash .fall { stroke-width: 1; stroke-dasharray: 2 2; opacity: 0.55; }
path.stall { stroke: var(--soft); fill: none; } text.stall { fill: var(--soft); font-size: 11px; }
.axis text { fill: var(--soft); font-size: 11px; }`

/** The style sheet of the report: nothing is fetched, and light or dark is the reader's choice. */
export const style: string = `${colours}
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--paper); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif;
  font-variant-numeric: tabular-nums;
}
main { max-width: 1180px; margin: 0 auto; padding: 40px 24px 56px; }
h1 { font-size: 28px; line-height: 1.2; letter-spacing: -0.01em; margin: 0 0 8px; }
h2 { font-size: 18px; margin: 40px 0 12px; }
p { margin: 0 0 12px; max-width: 76ch; }
a { color: var(--with); }
.lead { font-size: 16px; } .soft { color: var(--soft); }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 300px), 1fr)); gap: 16px; margin: 24px 0 0; }
.card { background: var(--card); border: 1px solid var(--line); border-top: 3px solid var(--tone); border-radius: 8px; padding: 16px 20px; }
.card h2 { margin: 0 0 8px; font-size: 15px; color: var(--tone); }
.card dl { display: grid; grid-template-columns: repeat(3, auto); justify-content: space-between; gap: 8px 20px; margin: 0; }
.card div { display: flex; flex-direction: column-reverse; }
.card dt { color: var(--soft); font-size: 13px; } .card dd { margin: 0; font-size: 22px; font-weight: 650; line-height: 1.2; }
.bad { color: var(--bad); font-weight: 650; }
.legend { display: flex; flex-wrap: wrap; gap: 6px 22px; padding: 0; margin: 0 0 12px; list-style: none; color: var(--soft); font-size: 13px; }
.legend svg { width: 22px; height: 14px; vertical-align: -2px; margin-right: 6px; overflow: visible; }
.client { display: grid; grid-template-columns: 128px minmax(0, 1fr) 172px; column-gap: 16px; align-items: center; border-top: 1px solid var(--line); padding: 8px 0; }
.client h3 { grid-column: 1 / -1; margin: 2px 0 2px; font-size: 15px; }
.kind { white-space: nowrap; font-size: 13px; font-weight: 600; color: var(--tone); }
.facts { font-size: 13px; color: var(--soft); line-height: 1.4; }
.facts b { color: var(--ink); font-weight: 650; } .facts .bad { color: var(--bad); }
.client svg { width: 100%; height: auto; display: block; overflow: visible; }
${chart}
.scroll {
  overflow-x: auto;
  background:
    linear-gradient(to right, var(--paper) 40%, transparent) left / 40px 100% no-repeat local,
    linear-gradient(to left, var(--paper) 40%, transparent) right / 40px 100% no-repeat local,
    linear-gradient(to right, rgba(100, 116, 139, 0.5), transparent) left / 14px 100% no-repeat scroll,
    linear-gradient(to left, rgba(100, 116, 139, 0.5), transparent) right / 14px 100% no-repeat scroll;
}
table { border-collapse: collapse; width: 100%; font-size: 14px; }
.swipe { display: none; }
th, td { padding: 7px 12px; text-align: right; border-bottom: 1px solid var(--line); white-space: nowrap; }
th:first-child, td:first-child, th:nth-child(2), td:nth-child(2) { text-align: left; }
thead th { color: var(--soft); font-weight: 600; font-size: 13px; }
tbody th { font-weight: 600; }
tbody td:nth-child(2) { color: var(--tone); font-weight: 600; }
td small { color: var(--soft); }
dl.words { display: grid; grid-template-columns: max-content 1fr; gap: 6px 20px; margin: 0; font-size: 14px; }
dl.words dt { font-weight: 600; } dl.words dd { margin: 0; color: var(--soft); max-width: 76ch; }
footer { margin-top: 40px; color: var(--soft); font-size: 13px; }
@media (max-width: 760px) {
  main { padding: 28px 16px 40px; }
  .client { grid-template-columns: minmax(0, 1fr); } .facts { margin-bottom: 10px; } .facts br { display: none; } .spacer { display: none; }
  /* A lane is 840 units wide: so drawn, its words are as big as those beside it. */
  text.stall, .axis text { font-size: 26px; } .axis { margin-top: 10px; padding-bottom: 6px; }
  .axis text.odd { display: none; }
  .swipe { display: block; }
  dl.words { grid-template-columns: minmax(0, 1fr); gap: 0; } dl.words dd { margin-bottom: 8px; }
}
@media print { main { max-width: none; padding: 0; } .client { break-inside: avoid; } }
`
