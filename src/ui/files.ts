/** The browser's files, inside the module graph: no build step, no folder to find. */
import api from "./browser/api.js" with { type: "text" };
import app from "./browser/app.js" with { type: "text" };
import chartCss from "./browser/chart.css" with { type: "text" };
import chart from "./browser/chart.js" with { type: "text" };
import dom from "./browser/dom.js" with { type: "text" };
import job from "./browser/job.js" with { type: "text" };
import overview from "./browser/overview.js" with { type: "text" };
import style from "./browser/style.css" with { type: "text" };

const script = (text: string) => ({ type: "text/javascript", text });

/** By name below `/ui/assets/`. */
export const files: ReadonlyMap<string, { readonly type: string; readonly text: string }> = new Map(
  [
    ["api.js", script(api)],
    ["app.js", script(app)],
    ["chart.js", script(chart)],
    ["dom.js", script(dom)],
    ["job.js", script(job)],
    ["overview.js", script(overview)],
    ["chart.css", { type: "text/css", text: chartCss }],
    ["style.css", { type: "text/css", text: style }],
  ],
);

/** The one page; what it shows is a matter of its address. */
export const shell = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Perdura</title>
<link rel="icon" href="data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E%3Ccircle cx='8' cy='8' r='6' fill='none' stroke='%230067b8' stroke-width='3'/%3E%3C/svg%3E">
<link rel="stylesheet" href="/ui/assets/style.css">
<link rel="stylesheet" href="/ui/assets/chart.css">
<script type="module" src="/ui/assets/app.js"></script>
</head>
<body>
<a class="skip" href="#main">Skip to content</a>
<header>
<a class="brand" href="/ui/">Perdura</a>
<nav aria-label="Pages"><a href="/ui/">Jobs</a><a href="/ui/machines/job">Machine</a><a href="/docs">API</a></nav>
<span class="live" id="live" role="status">connecting</span>
<button type="button" id="theme" aria-label="Light or dark">◐</button>
</header>
<main id="main" tabindex="-1"><noscript>These pages need JavaScript; the API does not: see /docs.</noscript></main>
<div id="toast" role="alert"></div>
</body>
</html>
`;
