/** The style of every page. Colours keep a contrast of 4.5:1 and more in both schemes. */
export const STYLE = `
:root {
  color-scheme: light dark;
  --ground: #f4f1ec; --card: #fffefb; --ink: #221f1b; --soft: #5f5850; --line: #e0d9ce;
  --accent: #b0400c; --accent-ink: #ffffff; --accent-deep: #8f3208;
  --warn: #fdf1d4; --warn-line: #d9a520; --warn-ink: #4d3800; --code: #f1ece3;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #161412; --card: #201d1a; --ink: #ece6de; --soft: #b3a99d; --line: #3a342e;
    --accent: #ff9c66; --accent-ink: #251003; --accent-deep: #ffb68c;
    --warn: #35290d; --warn-line: #a37c1c; --warn-ink: #f6e3b4; --code: #2b2723;
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
}
@media (forced-colors: active) { button, .button, .card, .warning { border-color: ButtonText; } }
`
