/** Tables of the report: a method's line, a metric's column, a value with its interval. */
import { fixed, interval, NOTHING, shown } from "./format.ts";
import { html, type Markup } from "./html.ts";
import { heading, type MetricInfo, metricInfo } from "./metrics.ts";
import { bestOf, estimateOf, groupTitle, isIdentical, type Selection } from "./select.ts";

/** Methods × metrics of one group. Methods of which nothing is known there are left out. */
export function metricTable(
  selection: Selection,
  group: string,
  metrics: readonly MetricInfo[],
  caption: string,
): Markup | null {
  const { results } = selection;
  const methods = selection.methods.filter((method) =>
    metrics.some((metric) => estimateOf(results, { metric: metric.name, method, group })),
  );
  if (methods.length === 0) return null;
  const best = new Map(metrics.map((metric) => [metric.name, bestOf(selection, metric, group)]));
  return table(
    caption,
    ["Method", ...metrics.map(columnHead)],
    methods.map((method) => [
      html`<th scope="row">${method}</th>`,
      ...metrics.map((metric) =>
        cell(selection, metric, method, group, best.get(metric.name)!.includes(method)),
      ),
    ]),
  );
}

/** Kinds × methods of one metric. */
export function kindTable(selection: Selection, metric: MetricInfo): Markup | null {
  const { results, kinds } = selection;
  const has = (method: string, kind: string) =>
    estimateOf(results, { metric: metric.name, method, group: kind }) !== undefined;
  const methods = selection.methods.filter((method) => kinds.some((kind) => has(method, kind)));
  const lines = kinds.filter((kind) => methods.some((method) => has(method, kind)));
  if (lines.length === 0) return null;
  return table(
    `${heading(metric)} by kind of edit`,
    ["Kind", ...methods],
    lines.map((kind) => {
      const best = bestOf(selection, metric, kind);
      return [
        html`<th scope="row">${groupTitle(kind)}</th>`,
        ...methods.map((method) => cell(selection, metric, method, kind, best.includes(method))),
      ];
    }),
  );
}

/** What an edit costs. Aggregates where they are there, else means over the rows, without intervals. */
export function costTable(selection: Selection): Markup | null {
  const { results, methods } = selection;
  const memory = ["memory", "peakMemory", "megabytes"].find((name) =>
    results.aggregates.some((one) => one.metric === name),
  );
  const lines = methods.flatMap((method) => {
    const rows = results.rows.filter((row) => row.method === method);
    const known = (metric: string) => estimateOf(results, { metric, method, group: "all" }) !== undefined;
    const costs = (
      [
        ["seconds", (row) => row.seconds],
        ["unetCalls", (row) => row.unetCalls],
      ] as const satisfies readonly (readonly [string, (row: (typeof rows)[number]) => number])[]
    ).map(([name, of]) => {
      const metric = metricInfo(name);
      if (known(name)) return cell(selection, metric, method, "all", false);
      const mean = rows.reduce((sum, row) => sum + of(row), 0) / rows.length;
      return html`<td>${rows.length === 0 ? NOTHING : shown(mean, metric)}</td>`;
    });
    if (rows.length === 0 && !known("seconds")) return [];
    return [
      [
        html`<th scope="row">${method}</th>`,
        ...costs,
        memory && cell(selection, { ...metricInfo(memory), digits: 0 }, method, "all", false),
        html`<td>${rows.length > 0 ? fixed(rows.length, 0) : NOTHING}</td>`,
      ],
    ];
  });
  if (lines.length === 0) return null;
  return table(
    "Cost of one edit: means over all turns",
    [
      "Method",
      heading(metricInfo("seconds")),
      metricInfo("unetCalls").label,
      ...(memory ? ["Peak memory, MB"] : []),
      "Edits",
    ],
    lines.map((line) => line.filter((part) => part !== undefined)),
  );
}

function columnHead(metric: MetricInfo): Markup {
  const way = { higher: "↑", lower: "↓", one: "→ 1", zero: "→ 0" };
  const words = {
    higher: "higher is better",
    lower: "lower is better",
    one: "nearer to 1 is better",
    zero: "nearer to 0 is better",
  };
  return html`<abbr title="${metric.about}">${heading(metric)}</abbr>${
    metric.better &&
    html`\u00a0<span class="way" title="${words[metric.better]}">${way[metric.better]}</span>`
  }`;
}

function cell(
  { results }: Selection,
  metric: MetricInfo,
  method: string,
  group: string,
  isBest: boolean,
): Markup {
  const where = { metric: metric.name, method, group };
  const estimate = estimateOf(results, where);
  if (isIdentical(results, where)) return html`<td>∞ <span class="interval">identical</span></td>`;
  if (!estimate) return html`<td class="none">${NOTHING}</td>`;
  const value = shown(estimate.value, metric);
  const counts = `${estimate.clusters} items, n = ${estimate.n}`;
  return html`<td title="${counts}">${isBest ? html`<strong>${value}</strong>` : value} <span class="interval">${interval(estimate, metric)}</span></td>`;
}

/** A table that scrolls by itself where the page is narrow. */
export function table(
  caption: string,
  heads: readonly (string | Markup)[],
  lines: readonly (readonly (Markup | string | false | undefined)[])[],
): Markup {
  return html`<div class="scroll" role="region" aria-label="${caption}" tabindex="0"><table><caption>${caption}</caption><thead><tr>${heads.map(
    (head) => html`<th scope="col">${head}</th>`,
  )}</tr></thead><tbody>${lines.map((line) => html`<tr>${line}</tr>`)}</tbody></table></div>`;
}
