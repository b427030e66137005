/** /docs: the API's reference, made from the same description as /openapi.json; no script, no network. */

interface Operation {
  readonly summary?: string;
  readonly description?: string;
  readonly tags?: readonly string[];
  readonly parameters?: readonly { name: string; in: string; required?: boolean; schema?: unknown }[];
  readonly requestBody?: { readonly content?: Readonly<Record<string, { schema?: unknown }>> };
  readonly responses?: Readonly<Record<string, { content?: Readonly<Record<string, { schema?: unknown }>> }>>;
}
export interface ApiDocument {
  readonly info: { readonly title: string; readonly version: string; readonly description?: string };
  readonly paths?: Readonly<Record<string, unknown>>;
  readonly components?: { readonly schemas?: Readonly<Record<string, unknown>> };
}

export function referencePage(document: ApiDocument): string {
  const byTag = new Map<string, string[]>();
  for (const [path, methods] of Object.entries(document.paths ?? {})) {
    for (const [method, operation] of Object.entries(methods as Record<string, Operation>)) {
      const tag = operation.tags?.[0] ?? "Other";
      byTag.set(tag, [...(byTag.get(tag) ?? []), section(method, path, operation)]);
    }
  }
  const schemas = Object.entries(document.components?.schemas ?? {}).map(
    ([name, schema]) =>
      `<details id="${escaped(name)}"><summary>${escaped(name)}</summary>${code(schema)}</details>`,
  );
  const { title, version, description = "" } = document.info;
  return `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${escaped(title)}</title><style>${STYLE}</style><main><h1>${escaped(title)} ${escaped(version)}</h1>
<p>${escaped(description)} The same for programs: <a href="openapi.json">/openapi.json</a>.</p>
${[...byTag].map(([tag, sections]) => `<h2>${escaped(tag)}</h2>${sections.join("")}`).join("")}
<h2>Messages</h2>${schemas.join("")}</main></html>`;
}

function section(method: string, path: string, operation: Operation): string {
  const { summary = "", description, parameters = [], requestBody, responses = {} } = operation;
  const rows = parameters.map((one) => {
    const needed = one.required ? "" : ", optional";
    return `<li><code>${escaped(one.name)}</code> (${one.in}${needed}) ${brief(one.schema)}</li>`;
  });
  const body = Object.entries(requestBody?.content ?? {}).map(
    ([type, { schema }]) => `<li><code>${type}</code> ${brief(schema)}</li>`,
  );
  const answers = Object.entries(responses)
    .filter(([status]) => status !== "default")
    .map(([status, { content = {} }]) => {
      const kinds = Object.entries(content).map(
        ([type, { schema }]) => `<code>${type}</code> ${brief(schema)}`,
      );
      return `<li>${status} ${kinds.join(", ")}</li>`;
    });
  return `<section><h3><b>${method.toUpperCase()}</b> <code>${escaped(path)}</code></h3><p>${escaped(summary)}.${
    description ? ` ${escaped(description)}` : ""
  }</p><ul>${rows.join("")}${body.length ? `<li>Body<ul>${body.join("")}</ul></li>` : ""}<li>Answer<ul>${answers.join("")}</ul></li></ul></section>`;
}

function brief(schema: unknown): string {
  const ref = (schema as { $ref?: string } | undefined)?.$ref?.split("/").at(-1);
  if (ref) return `<a href="#${escaped(ref)}">${escaped(ref)}</a>`;
  const {
    type,
    items,
    enum: values,
  } = (schema ?? {}) as { type?: string; items?: unknown; enum?: unknown[] };
  if (type === "array") return `list of ${brief(items)}`;
  if (values) return values.map((value) => `<code>${escaped(String(value))}</code>`).join(" | ");
  if (type === "string" || type === "number" || type === "integer" || type === "boolean") return type;
  return code(schema);
}

const code = (schema: unknown) => `<pre tabindex="0">${escaped(JSON.stringify(schema ?? {}, null, 2))}</pre>`;
const escaped = (text: string) => text.replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);

const STYLE = `:root{color-scheme:light dark;background:Canvas;color:CanvasText;font:16px/1.5 system-ui,sans-serif}main{max-width:52rem;margin:2rem auto;padding:0 1rem}
h3{font-size:1rem;font-weight:400;margin-bottom:.25rem}section{border-top:1px solid #8884;padding:.25rem 0}p{margin:.25rem 0}
pre{overflow:auto;font-size:.8rem;background:#8881;padding:.5rem}ul{margin:.25rem 0;padding-left:1.25rem}summary{cursor:pointer}`;
