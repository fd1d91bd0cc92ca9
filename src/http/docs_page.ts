/** The OpenAPI document as one page of HTML: no script, nothing from elsewhere. */
import { html, raw } from "hono/html";

/** The parts of a document that the page shows. */
interface Document {
  readonly info: { readonly title: string; readonly description?: string };
  readonly tags?: readonly { readonly name: string; readonly description?: string }[];
  readonly paths?: object;
  readonly components?: { readonly schemas?: object };
}

interface Operation {
  readonly summary?: string;
  readonly tags?: readonly string[];
  readonly parameters?: readonly { name?: string; in?: string; required?: boolean }[];
  readonly requestBody?: { readonly content?: object };
  readonly responses?: Readonly<Record<string, { readonly description?: string }>>;
}

const STYLE = `
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { max-width: 60rem; margin: 0 auto; padding: 2rem 1rem; }
summary { cursor: pointer; padding: .4rem 0; }
summary span { display: block; margin-left: 5.6rem; }
summary b { display: inline-block; width: 4.5rem; font-family: ui-monospace, monospace; }
code, pre { font-family: ui-monospace, monospace; font-size: .875rem; }
pre { overflow: auto; padding: .75rem; background: color-mix(in srgb, currentColor 7%, transparent); }
details > div { padding: 0 0 1rem 5.6rem; } h3 { font-size: 1rem; margin: .75rem 0 .25rem; } dl { margin: 0; }
dt { font-family: ui-monospace, monospace; } dd { margin: 0 0 .25rem 1.5rem; }`;

/** Renders the page. */
export function docsPage(document: Document): string {
  const operations = Object.entries(document.paths ?? {}).flatMap(([path, item]) =>
    Object.entries<Operation>(item).map(([method, operation]) => ({ path, method, operation }))
  );
  const tags = new Map(document.tags?.map((tag) => [tag.name, tag.description ?? ""]));
  for (const { operation: { tags: [name = ""] = [] } } of operations) {
    if (!tags.has(name)) tags.set(name, "");
  }
  const page = html`
    <!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width">
        <title>${document.info.title} API</title>
        <style>${raw(STYLE)}</style>
      </head>
      <body>
        <main>
          <h1>${document.info.title} API</h1>
          <p>${document.info.description ?? ""}</p>
          <p>The document itself is <a href="openapi.json">openapi.json</a>. Errors are
          <code>application/problem+json</code> with a stable <code>code</code>.</p>
          ${[...tags].map(([name, description]) =>
            html`<h2>${name}</h2><p>${description}</p>${
              operations.filter(({ operation }) => (operation.tags?.[0] ?? "") === name).map(
                operationPart,
              )
            }`
          )}
          <h2>schemas</h2>
          ${Object.entries(document.components?.schemas ?? {}).map(schemaPart)}
        </main>
      </body>
    </html>
  `;
  return String(page);
}

function operationPart(
  { path, method, operation }: { path: string; method: string; operation: Operation },
) {
  const { parameters = [], requestBody, responses = {} } = operation;
  return html`
    <details>
      <summary><b>${method.toUpperCase()}</b> <code>${path}</code><span>${inline(
        operation.summary ?? "",
      )}</span></summary>
      <div>
    ${parameters.length > 0
      ? html`
        <h3>Parameters</h3>
        <dl>${parameters.map(parameterPart)}</dl>
      `
      : ""}
    ${requestBody
      ? html`
        <h3>Body</h3>
        <pre>${JSON.stringify(requestBody.content ?? {}, null, 2)}</pre>
      `
      : ""}
    <h3>Answers</h3><dl>${Object.entries(responses).map(([status, { description }]) =>
      html`
        <dt>${status}</dt>
        <dd>${inline(description ?? "")}</dd>
      `
    )}</dl></div>
    </details>
  `;
}

function schemaPart([name, schema]: [string, unknown]) {
  const text = JSON.stringify(schema, null, 2);
  return html`
    <details>
      <summary><code>${name}</code></summary>
      <pre>${text}</pre>
    </details>
  `;
}

function parameterPart(parameter: { name?: string; in?: string; required?: boolean }) {
  const { name = "", required = false } = parameter;
  return html`
    <dt>${name}</dt>
    <dd>${parameter.in ?? ""}${required ? ", required" : ""}</dd>
  `;
}

/** Text with names between backticks. */
function inline(text: string) {
  return text.split("`").map((part, index) => index % 2 === 1 ? html`<code>${part}</code>` : part);
}
