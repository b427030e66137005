/** Tables in Markdown, with the numbers that the report shows. */
import { excludesZero, interval, NOTHING, shown, signed } from "./format.ts";
import { HEADLINES, heading, type MetricInfo, metricInfo } from "./metrics.ts";
import {
  bestOf,
  differenceTurn,
  estimateOf,
  groupTitle,
  isIdentical,
  metricsOf,
  type Selection,
} from "./select.ts";

/** Methods × metrics of a group. Bold: best, and its paired interval excludes 0. Empty where nothing is known. */
export function markdownTable(selection: Selection, group: string, metrics: readonly MetricInfo[]): string {
  const { results } = selection;
  const methods = selection.methods.filter((method) =>
    metrics.some((metric) => estimateOf(results, { metric: metric.name, method, group })),
  );
  if (methods.length === 0) return "";
  const lines = methods.map((method) => [
    method,
    ...metrics.map((metric) => {
      const where = { metric: metric.name, method, group };
      const estimate = estimateOf(results, where);
      if (!estimate) return isIdentical(results, where) ? "∞ (identical)" : NOTHING;
      const value = shown(estimate.value, metric);
      const best = bestOf(selection, metric, group).includes(method);
      return `${best ? `**${value}**` : value} ${interval(estimate, metric)}`;
    }),
  ]);
  return rows(["method", ...metrics.map(heading)], lines);
}

/** Paired differences to the reference in a group: methods × metrics. Bold: the interval excludes 0. */
export function markdownDifferences(
  selection: Selection,
  group: string,
  metrics: readonly MetricInfo[],
): string {
  const { results, methods, reference } = selection;
  if (reference === undefined) return "";
  const turns = metrics.map((metric) => differenceTurn(selection, metric.name, group, reference));
  const kept = metrics.filter((_, i) => turns[i] !== undefined);
  const lines = methods.flatMap((method) => {
    const cells = kept.map((metric) => {
      const turn = differenceTurn(selection, metric.name, group, reference);
      const estimate = estimateOf(results, { metric: metric.name, method, group, turn, against: reference });
      if (!estimate) return NOTHING;
      const value = signed(estimate.value, metric);
      const certain = excludesZero(estimate);
      return `${certain ? `**${value}**` : value} ${interval(estimate, metric)}`;
    });
    return cells.every((cell) => cell === NOTHING) ? [] : [[method, ...cells]];
  });
  return lines.length === 0 ? "" : rows(["method", ...kept.map(heading)], lines);
}

/** Everything of a run: levels and differences of each group, then kinds. */
export function runMarkdown(selection: Selection): string {
  const { results, groups, kinds, damages, reference } = selection;
  const parts = [
    "<!-- Written by benchmarks/report-figures.ts. -->",
    `Run on ${results.dataset.name} with ${results.model.id}: \`emilie bench ${results.command.join(" ").replaceAll(/[`\s]+/g, " ")}\``,
    "Values with 95 % intervals over scenes; [–]: too few scenes for one. Bold: the best value, where the paired interval of its difference " +
      `${reference === undefined ? "" : `to ${reference} `}excludes 0.`,
  ];
  for (const group of [...groups, ...damages]) {
    const found = metricsOf(results, group);
    const headlines = found.filter(({ name }) => HEADLINES.includes(name));
    const others = found.filter((metric) => !headlines.includes(metric));
    parts.push(`## ${groupTitle(group)}`, markdownTable(selection, group, headlines));
    if (others.length > 0) parts.push(markdownTable(selection, group, others));
    const differences = markdownDifferences(selection, group, headlines);
    if (differences) parts.push(`Differences to ${reference}, paired:`, differences);
  }
  if (kinds.length > 0) parts.push("## By kind of edit", kindsMarkdown(selection));
  return `${parts.filter(Boolean).join("\n\n")}\n`;
}

function kindsMarkdown(selection: Selection): string {
  const { results, kinds, methods } = selection;
  const metric = KIND_METRICS.map(metricInfo).find(({ name }) =>
    kinds.some((kind) =>
      methods.some((method) => estimateOf(results, { metric: name, method, group: kind })),
    ),
  );
  if (!metric) return "";
  const lines = kinds.map((kind) => [
    groupTitle(kind),
    ...methods.map((method) => {
      const estimate = estimateOf(results, { metric: metric.name, method, group: kind });
      return estimate ? `${shown(estimate.value, metric)} ${interval(estimate, metric)}` : NOTHING;
    }),
  ]);
  return `${heading(metric)}:\n\n${rows(["kind", ...methods], lines)}`;
}

/** By the first of these that is known, kinds are compared. */
const KIND_METRICS = ["success", "SR@1", "psnr", "l2"];

function rows(heads: readonly string[], lines: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map(escaped).join(" | ")} |`;
  const rule = `|---|${heads
    .slice(1)
    .map(() => "---:|")
    .join("")}`;
  return [line(heads), rule, ...lines.map(line)].join("\n");
}

/** A name may hold what Markdown or HTML would take for its own. */
function escaped(text: string): string {
  return text.replaceAll("|", "\\|").replaceAll("<", "&lt;").replaceAll("\n", " ");
}
