/** Nothing is fetched, and light or dark is the reader's choice. */
export const style = `
:root {
  color-scheme: light dark;
  --paper: #ffffff; --card: #f6f7f9; --ink: #1b2430; --soft: #5a6675; --line: #dde2e8;
  --hit: #a3620a; --mended: #0f766e; --bad: #c0262d; --there: #5b63b7;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #12161c; --card: #1a2028; --ink: #e6eaef; --soft: #9aa6b4; --line: #2c343f;
    --hit: #e0a24a; --mended: #3fc7b5; --bad: #ff7078; --there: #8d94ee;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--paper); color: var(--ink); overflow-wrap: break-word;
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif;
  font-variant-numeric: tabular-nums;
}
main { max-width: 900px; margin: 0 auto; padding: 40px 24px 56px; }
h1 { font-size: 28px; line-height: 1.2; letter-spacing: -0.01em; margin: 0 0 8px; }
h2 { font-size: 18px; margin: 36px 0 12px; }
.lead { color: var(--soft); font-size: 16px; margin: 0; max-width: 70ch; }
.verdict { font-size: 17px; font-weight: 650; margin: 20px 0 0; padding: 12px 16px; border-radius: 8px; background: var(--card); border-left: 4px solid var(--tone); }
.good { --tone: var(--mended); } .poor { --tone: var(--bad); } .open { --tone: var(--hit); }
.facts { display: grid; grid-template-columns: repeat(auto-fit, minmax(120px, 1fr)); gap: 12px; margin: 20px 0 0; }
.facts div { display: flex; flex-direction: column-reverse; background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: 10px 14px; }
.facts dt { color: var(--soft); font-size: 13px; }
.facts dd { margin: 0; font-size: 24px; font-weight: 650; line-height: 1.2; }
.strip { display: grid; grid-template-columns: 1fr auto; gap: 2px 12px; margin: 0 0 14px; }
.strip h3 { margin: 0; font-size: 14px; color: var(--tone); }
.strip p { margin: 0; font-size: 13px; color: var(--soft); }
.strip svg { grid-column: 1 / -1; width: 100%; height: 44px; display: block; border-bottom: 1px solid var(--line); }
.strip path { fill: var(--tone); }
.hit { --tone: var(--hit); } .mended { --tone: var(--mended); } .surfaced { --tone: var(--bad); } .there { --tone: var(--there); }
.axis { display: flex; justify-content: space-between; color: var(--soft); font-size: 13px; }
table { border-collapse: collapse; width: 100%; font-size: 14px; }
th, td { padding: 7px 8px; text-align: left; border-bottom: 1px solid var(--line); vertical-align: top; }
th, td:last-child { white-space: nowrap; }
th:first-child { padding-left: 0; } th:last-child, td:last-child { text-align: right; padding-right: 0; }
tbody th { font-weight: 600; } td { color: var(--soft); } td:last-child { color: var(--ink); font-weight: 600; }
code { font-size: 13px; background: var(--card); padding: 1px 5px; border-radius: 4px; }
footer { margin-top: 36px; color: var(--soft); font-size: 13px; }
@media (max-width: 600px) { main { padding: 28px 16px 40px; } }
`
