/** The style of every page. Colours keep a contrast of 4.5:1 and more in both schemes. */
export const STYLE = `
:root {
  color-scheme: light dark;
  --ground: #f4f1ec; --card: #fffefb; --ink: #221f1b; --soft: #5f5850; --line: #e0d9ce;
  --accent: #b0400c; --accent-ink: #ffffff; --accent-deep: #8f3208;
  --warn: #fdf1d4; --warn-line: #d9a520; --warn-ink: #4d3800; --code: #f1ece3;
  --pick: #fbf3ea; --danger: #a51d1d; --danger-ink: #ffffff;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #161412; --card: #201d1a; --ink: #ece6de; --soft: #b3a99d; --line: #3a342e;
    --accent: #ff9c66; --accent-ink: #251003; --accent-deep: #ffb68c;
    --warn: #35290d; --warn-line: #a37c1c; --warn-ink: #f6e3b4; --code: #2b2723;
    --pick: #2a231c; --danger: #ff9d93; --danger-ink: #2d0703;
  }
}
*, ::before, ::after { box-sizing: border-box; }
body {
  margin: 0; min-height: 100vh; padding: 3rem 1rem; background: var(--ground); color: var(--ink);
  font: 1rem/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif;
}
.card {
  max-width: 38rem; margin: 0 auto; padding: 1.75rem 2.25rem 2.25rem; background: var(--card);
  border: 1px solid var(--line); border-radius: 14px; box-shadow: 0 10px 30px rgb(60 40 20 / 7%);
  overflow-wrap: anywhere;
}
header { display: flex; align-items: center; gap: .55rem; color: var(--soft); font-size: .9rem; font-weight: 600; }
.mark { color: var(--accent); flex: none; }
h1 { margin: 1.1rem 0 .6rem; font-size: 1.55rem; line-height: 1.25; letter-spacing: -.01em; text-wrap: balance; }
h2 { margin: 1.7rem 0 .5rem; font-size: 1.05rem; }
p { margin: .6rem 0; }
a { color: var(--accent); text-underline-offset: .15em; }
a:hover { color: var(--accent-deep); }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 3px; border-radius: 6px; }
.soft { color: var(--soft); }
.small { font-size: .9rem; }
code { font: .92em/1.5 ui-monospace, "SF Mono", Menlo, Consolas, "Liberation Mono", monospace; }
dl { margin: 1.2rem 0; border: 1px solid var(--line); border-radius: 10px; }
dl > div { padding: .7rem 1rem; overflow: hidden; }
dl > div + div { border-top: 1px solid var(--line); }
dt { color: var(--soft); font-size: .85rem; }
dd { margin: 0; }
dd.big { font-size: 1.15rem; font-weight: 650; }
dd.big code { font-size: 1em; font-weight: 600; }
.scopes { list-style: none; margin: .5rem 0; padding: 0; }
.scopes li { padding: .6rem 0; border-top: 1px solid var(--line); }
.scopes li:first-child { border-top: 0; }
.scopes strong { margin-right: .5rem; }
.level {
  display: inline-block; padding: 0 .55em; border: 1px solid var(--line); border-radius: 99px;
  color: var(--soft); font-size: .78rem; white-space: nowrap;
}
.level.strong { border-color: var(--accent); color: var(--accent); font-weight: 600; }
.scopes span.what { display: block; color: var(--soft); font-size: .93rem; }
fieldset { margin: 0; padding: 0; border: 0; min-width: 0; }
legend { padding: 0; font-weight: 700; }
.choices > legend { margin: 1.7rem 0 .6rem; font-size: 1.05rem; }
.choice { border: 1px solid var(--line); border-radius: 10px; margin-top: .6rem; }
.pick { display: flex; gap: .75rem; padding: .8rem 1rem; cursor: pointer; border-radius: 10px; }
.pick strong { display: block; }
.what { color: var(--soft); font-size: .93rem; }
input[type="radio"] { flex: none; width: 1.15rem; height: 1.15rem; margin: .2rem 0 0; accent-color: var(--accent); }
.reveal { padding: 0 1rem .5rem; }
.reveal .scopes { border-top: 1px solid var(--line); margin-top: 0; }
.area { border-top: 1px solid var(--line); padding: .7rem 0 .5rem; }
.area legend { float: left; width: 100%; margin-bottom: .35rem; }
.area .what { margin: .35rem 0 0; }
.area .if-none { display: none; }
.levels { clear: both; display: flex; flex-wrap: wrap; gap: .4rem; }
.levels label {
  display: inline-flex; align-items: center; gap: .4rem; min-height: 2.75rem; padding: .3rem .9rem .3rem .7rem;
  border: 1px solid var(--line); border-radius: 99px; cursor: pointer;
}
.levels input { margin: 0; }
@supports selector(:has(*)) {
  .choice:has(> .pick input:checked) { border-color: var(--accent); background: var(--pick); }
  .choice:not(:has(> .pick input:checked)) > .reveal { display: none; }
  .levels label:has(:checked) { border-color: var(--accent); box-shadow: inset 0 0 0 1px var(--accent); }
  .area .if-read, .area .if-write { display: none; }
  .area:has([value="none"]:checked) .if-none, .area:has([value="read"]:checked) .if-read,
  .area:has([value="write"]:checked) .if-write { display: block; }
}
.card.wide { max-width: 46rem; }
.who { display: flex; flex-wrap: wrap; align-items: center; gap: .2rem 1rem; }
.who p { margin: 0; flex: 1 1 auto; }
button.quiet { flex: none; border-width: 1px; font-weight: 500; min-height: 2.75rem; padding: .3rem .9rem; }
button.danger { border-color: var(--danger); color: var(--danger); }
button.danger:hover { background: var(--danger); color: var(--danger-ink); }
.done { padding: .7rem 1rem; border: 1px solid var(--accent); border-radius: 10px; background: var(--pick); }
.connection { margin: 1.4rem 0; padding: 1.1rem 1.3rem .5rem; border: 1px solid var(--line); border-radius: 12px; scroll-margin-top: 1rem; }
.connection h2 { display: flex; flex-wrap: wrap; align-items: center; gap: .3rem .7rem; margin: 0; font-size: 1.2rem; }
.connection h2 .level { font-weight: 500; }
.facts { display: flex; flex-wrap: wrap; margin: .8rem 0; }
.facts > div { flex: 1 1 9rem; padding: .6rem 1rem; }
.facts > div + div { border-top: 0; border-left: 1px solid var(--line); }
details { border-top: 1px solid var(--line); }
details.last { margin-top: 1.6rem; }
summary { padding: .7rem 0; min-height: 2.75rem; font-weight: 600; cursor: pointer; }
details > form, details > ol { margin: 0 0 1rem; }
.timeline { padding: 0; list-style: none; }
.timeline > li { padding: .5rem 0 .5rem .9rem; border-left: 3px solid var(--line); }
.timeline > li.failure { border-left-color: var(--warn-line); }
.timeline ul { margin: 0; padding: 0; list-style: none; }
.timeline time { color: var(--soft); font-size: .88rem; }
.past { color: var(--soft); }
.visually-hidden { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
.warning {
  margin: 1.2rem 0; padding: .8rem 1rem; border: 1px solid var(--warn-line); border-left-width: 5px;
  border-radius: 10px; background: var(--warn); color: var(--warn-ink);
}
.warning p { margin: .2rem 0 0; }
.actions { display: flex; flex-wrap: wrap; gap: .75rem; margin: 1.6rem 0 1rem; }
button, .button {
  flex: 1 1 12rem; min-height: 3rem; padding: .6rem 1.2rem; border: 2px solid var(--soft); border-radius: 10px;
  background: transparent; color: var(--ink); font: inherit; font-weight: 650; text-align: center; cursor: pointer;
}
button:hover { border-color: var(--ink); }
button.primary, .button.primary { border-color: var(--accent); background: var(--accent); color: var(--accent-ink); }
button.primary:hover, .button.primary:hover { border-color: var(--accent-deep); background: var(--accent-deep); color: var(--accent-ink); }
.button { display: inline-block; flex: none; text-decoration: none; line-height: 1.5rem; }
.copy {
  display: block; margin: .5rem 0; padding: .7rem .9rem; border: 1px solid var(--line); border-radius: 10px;
  background: var(--code); user-select: all;
}
.copy.url { font-size: 1.1rem; font-weight: 600; }
@media (max-width: 30rem) {
  body { padding: 0; background: var(--card); }
  .card { padding: 1.1rem 1.15rem 2rem; border: 0; border-radius: 0; box-shadow: none; }
  h1 { font-size: 1.35rem; }
  .actions { flex-direction: column; }
  button, .button { flex: none; width: 100%; }
  button.quiet { width: auto; }
  .connection { padding: .9rem .9rem .3rem; }
  .facts { display: block; }
  .facts > div { display: flex; justify-content: space-between; gap: 1rem; padding: .45rem .9rem; }
  .facts > div + div { border-left: 0; border-top: 1px solid var(--line); }
}
@media (forced-colors: active) { button, .button, .card, .warning, .choice { border-color: ButtonText; } }
`
