/** The page's own style: nothing is fetched. Light and dark follow the reader's system. */
export const STYLE = `
:root { color-scheme: light dark; --paper: #fff; --card: #f6f7f9; --ink: #16202b; --quiet: #5b6876; --line: #dfe4ea; --verified: #0f7f63; --refused: #d2572c; --recorded: #8fa3b8; --anchor: #5a4fcf;
  --good: #0f7f63; --good-paper: #e4f5ef; --bad: #b3261e; --bad-paper: #fdeceb; --open: #8a5a00; --open-paper: #fdf3dd; }
@media (prefers-color-scheme: dark) { :root { --paper: #11161c; --card: #1a212a; --ink: #e7edf4; --quiet: #9aa8b7; --line: #2c3642; --verified: #3cc79f; --refused: #f28b5f; --recorded: #5f7287; --anchor: #a59dff;
  --good: #3cc79f; --good-paper: #12302a; --bad: #ff9d94; --bad-paper: #3a1917; --open: #f0c26a; --open-paper: #352a12; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.5 system-ui, "Segoe UI", Roboto, "Helvetica Neue", "DejaVu Sans", sans-serif; }
main { max-width: 68rem; margin: 0 auto; padding: 1.5rem 1.25rem 4rem; }
h1 { font-size: 1.05rem; font-weight: 600; color: var(--quiet); margin: 0 0 1rem; overflow-wrap: anywhere; }
h2 { font-size: 1.2rem; margin: 2.75rem 0 .75rem; }
p { margin: .5rem 0; max-width: 46rem; }
.quiet { color: var(--quiet); }
p.verdict { max-width: none; } .verdict { border-radius: 14px; padding: 1.1rem 1.4rem; font-size: 1.4rem; line-height: 1.35; font-weight: 600; display: flex; gap: .9rem; align-items: flex-start; }
.verdict .sign { flex: none; width: 2rem; height: 2rem; border-radius: 50%; display: grid; place-items: center; color: var(--paper); font-size: 1.15rem; margin-top: .05rem; }
.holds { background: var(--good-paper); } .holds .sign { background: var(--good); }
.violated { background: var(--bad-paper); } .violated .sign { background: var(--bad); }
.unchecked { background: var(--open-paper); } .unchecked .sign { background: var(--open); }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(8rem, 1fr)); gap: .75rem; margin-top: 1rem; }
.figure { background: var(--card); border-radius: 12px; padding: .8rem 1rem; }
.figure b { display: block; font-size: 1.55rem; line-height: 1.2; font-variant-numeric: tabular-nums; }
.figure span { color: var(--quiet); font-size: .88rem; }
.scroll { overflow-x: auto; }
svg { display: block; width: 100%; min-width: 34rem; height: auto; }
svg .verified, .key .verified { fill: var(--verified); background: var(--verified); } svg .refused, .key .refused { fill: var(--refused); background: var(--refused); }
svg .recorded, .key .recorded { fill: var(--recorded); background: var(--recorded); } svg .anchor { fill: var(--anchor); } .key .anchored { background: var(--anchor); transform: rotate(45deg) scale(.8); border-radius: 0; }
svg .grid { stroke: var(--line); } svg .tick { fill: var(--quiet); font-size: 12px; font-variant-numeric: tabular-nums; }
.key { display: flex; flex-wrap: wrap; gap: .35rem 1.25rem; font-size: .88rem; color: var(--quiet); margin-bottom: .5rem; }
.key i { display: inline-block; width: .75rem; height: .75rem; border-radius: 3px; margin-right: .45rem; vertical-align: -1px; }
table { border-collapse: collapse; width: 100%; font-size: .93rem; font-variant-numeric: tabular-nums; }
th { text-align: left; font-weight: 600; color: var(--quiet); font-size: .84rem; }
th, td { padding: .45rem .9rem .45rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
td.n, th.n { text-align: right; white-space: nowrap; } td.nowrap { white-space: nowrap; }
code, pre { font-family: ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; font-size: .86em; }
pre { background: var(--card); border-radius: 12px; padding: .9rem 1.1rem; overflow-x: auto; margin: .75rem 0; }
.bar { height: .55rem; border-radius: 4px; background: var(--refused); min-width: 2px; } .bar.VERIFIED { background: var(--verified); } .bar.RECORDED { background: var(--recorded); }
.claims { list-style: none; padding: 0; margin: 0; } .claims li { padding: .5rem 0 .5rem 2rem; border-bottom: 1px solid var(--line); position: relative; }
.claims li::before { position: absolute; left: .15rem; font-weight: 700; } .claims .yes::before { content: "\\2713"; color: var(--good); } .claims .no::before { content: "\\2717"; color: var(--bad); } .claims .open::before { content: "?"; color: var(--open); }
.claims .no { color: var(--bad); font-weight: 600; }
.finding { border-left: 3px solid var(--bad); padding: .15rem 0 .15rem 1rem; margin: 1rem 0; } .finding.open { border-color: var(--open); }
.finding h3 { margin: 0; font-size: 1rem; } .finding ul { margin: .3rem 0; padding-left: 1.1rem; } .finding li { overflow-wrap: anywhere; }
.state { display: inline-block; padding: 0 .55rem; border-radius: 999px; font-size: .84rem; font-weight: 600; background: var(--card); } .state.OK { background: var(--good-paper); color: var(--good); }
.state.WARNING { background: var(--open-paper); color: var(--open); } .state.CRITICAL { background: var(--bad-paper); color: var(--bad); }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .3rem 1.25rem; margin: 0; } dt { color: var(--quiet); } dd { margin: 0; overflow-wrap: anywhere; }
@media (max-width: 40rem) { main { padding: 1rem .9rem 3rem; } .verdict { font-size: 1.15rem; padding: .9rem 1rem; } dl { grid-template-columns: 1fr; gap: 0; } dd { margin-bottom: .5rem; } .figure b { font-size: 1.3rem; } .wide { display: none; } }
@media print { body { background: #fff; } .scroll { overflow: visible; } }
`;
