/** The report's page, from what the other files make. */
import { createHash } from "node:crypto";
import type { BenchResults } from "../types.ts";
import { driftFigures, type Figure, forestFigures, maskFigures } from "./figures.ts";
import { html, type Markup, raw } from "./html.ts";
import { HEADLINES, inOrder, metricInfo } from "./metrics.ts";
import { groupTitle, metricsOf, type Selection, select } from "./select.ts";
import type { Strips } from "./strips.node.ts";
import { SCRIPT, STYLE } from "./style.ts";
import { costTable, kindTable, metricTable, table } from "./tables.ts";

/** The most kinds tables that stand open. */
const KIND_METRICS = ["success", "SR@1", "psnr"];

interface Section {
  readonly id: string;
  readonly title: string;
  readonly body: Markup;
}

/** The whole page as text. */
export function page(results: BenchResults, { markup, leftOut }: Strips): string {
  const selection = select(results);
  const sections = [
    section("summary", "Summary", summary(selection)),
    section("differences", `Paired differences to ${selection.reference}`, differences(selection)),
    section("groups", "By group", groups(selection)),
    section("curves", "Over the turns", curves(selection)),
    section("masks", "With damaged masks", masks(selection)),
    section("kinds", "By kind of edit", kinds(selection)),
    section("pictures", "Pictures", pictures(markup, leftOut)),
    section("cost", "Cost", cost(selection)),
    section("reading", "How to read this", reading(selection)),
    section("methods", "Methods and settings", methods(results)),
  ].filter((one) => one !== null);
  const name = results.experiment ?? results.dataset.name;
  // The script is allowed by its hash: whatever else might get into the page cannot run, and nothing is loaded from anywhere.
  const hash = createHash("sha256").update(SCRIPT).digest("base64");
  const policy = `default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-${hash}'; base-uri 'none'; form-action 'none'`;
  return html`${raw("<!doctype html>")}
<html lang="en"><head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="referrer" content="no-referrer"><link rel="icon" href="data:,">
<title>${name} – emilie bench</title><style>${raw(STYLE)}</style></head>
<body><header>${head(results, name)}<nav aria-label="Sections"><ul>${sections.map(
    ({ id, title }) => html`<li><a href="#${id}">${title}</a></li>`,
  )}</ul></nav></header>
<main>${sections.map(
    ({ id, title, body }) =>
      html`<section aria-labelledby="${id}"><h2 id="${id}">${title}</h2>${body}</section>
`,
  )}</main><footer><p>Made by emilie bench, ${results.created}.</p></footer><script>${raw(SCRIPT)}</script></body></html>
`.text;
}

function section(id: string, title: string, body: Markup | null): Section | null {
  return body && { id, title, body };
}

function head(results: BenchResults, name: string): Markup {
  const { dataset, model, seeds, scorers, environment } = results;
  const facts: (readonly [string, Markup | string])[] = [
    [
      "Date",
      html`<time datetime="${results.created}">${results.created.slice(0, 16).replace("T", " ")}</time>`,
    ],
    [
      "Dataset",
      html`${dataset.name}, ${dataset.items} items${dataset.licence && `, ${dataset.licence}`} <code>${dataset.hash.slice(0, 16)}</code>`,
    ],
    ["Seeds", seeds.join(", ")],
    ["Model", html`${model.id} <code>${model.fingerprint}</code>`],
    ...scorers.map(
      (one) => [`Scorer ${one.name}`, html`${one.model} <code>${one.hash.slice(0, 16)}</code>`] as const,
    ),
    [
      "Machine",
      Object.entries(environment)
        .map(([key, value]) => `${key} ${value}`)
        .join(" · "),
    ],
  ];
  return html`<h1>${name}</h1><p class="lead">${results.methods.length} methods of iterative editing, ${results.rows.length} edits on ${dataset.name}</p>
<pre aria-label="Command"><code>emilie bench ${results.command.map(quoted).join(" ")}</code></pre>
<dl class="facts">${facts.map(([term, fact]) => html`<dt>${term}</dt><dd>${fact}</dd>`)}</dl>`;
}

/** As it would be typed. */
function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

function summary(selection: Selection): Markup | null {
  const group = selection.groups[0] ?? selection.damages[0];
  if (group === undefined) return null;
  const found = metricsOf(selection.results, group);
  const headlines = found.filter(({ name }) => HEADLINES.includes(name));
  const shown = metricTable(selection, group, headlines.length > 0 ? headlines : found, groupTitle(group));
  return (
    shown &&
    html`<p class="lead">Each value stands over its 95 % interval. Bold: the best value, where the paired interval of its difference ${selection.reference !== undefined && `to ${selection.reference} `}excludes 0${selection.reference !== undefined && `, or all others' do where ${selection.reference} itself is best`}. Bold says nothing about the second best.</p>${shown}`
  );
}

function groups(selection: Selection): Markup | null {
  const all = [...selection.groups, ...selection.damages];
  const tables = all.flatMap((group) => {
    const found = metricsOf(selection.results, group);
    const headlines = found.filter(({ name }) => HEADLINES.includes(name));
    const others = found.filter((metric) => !headlines.includes(metric));
    // The first group's headlines are the summary.
    const open = group === all[0] ? null : metricTable(selection, group, headlines, groupTitle(group));
    const more = metricTable(selection, group, others, `${groupTitle(group)}, further metrics`);
    if (!open && !more) return [];
    return html`<h3>${groupTitle(group)}</h3>${open}${more && folded("Further metrics", more)}`;
  });
  return tables.length > 0 ? html`${tables}` : null;
}

function kinds(selection: Selection): Markup | null {
  const names = inOrder(
    selection.results.aggregates
      .filter(({ group, turn, against }) => selection.kinds.includes(group) && turn === null && !against)
      .map(({ metric }) => metric),
  );
  const main = KIND_METRICS.filter((name) => names.includes(name));
  const open = main.length > 0 ? main : names.slice(0, 1);
  const tables = open.map((name) => kindTable(selection, metricInfo(name)));
  const more = names
    .filter((name) => !open.includes(name))
    .map((name) => kindTable(selection, metricInfo(name)));
  if (tables.every((one) => one === null)) return null;
  return html`${tables}${more.length > 0 && folded("Further metrics", html`${more}`)}`;
}

function curves(selection: Selection): Markup | null {
  const parts = selection.groups.map((group) => figuresOf(groupTitle(group), driftFigures(selection, group)));
  return parts.some((part) => part !== null)
    ? html`<p class="lead">Lines are means, bands their 95 % intervals. Point at a mark for its numbers.</p>${parts}`
    : null;
}

function masks(selection: Selection): Markup | null {
  const shown = figuresOf(
    null,
    selection.damages.flatMap((damage) => maskFigures(selection, damage)),
  );
  return (
    shown &&
    html`<p class="lead">Each method is given masks that are ever further from the true one, from the true mask on. The nearer a curve lies to the lower left corner, the better. Bands are the intervals of what is on the upright axis.</p>${shown}`
  );
}

function differences(selection: Selection): Markup | null {
  const parts = [...selection.groups, ...selection.damages].flatMap((group, i) => {
    const names = metricsOf(selection.results, group).map(({ name }) => name);
    const figures = forestFigures(
      selection,
      group,
      names.filter((name) => HEADLINES.includes(name) || !name.includes("@")),
    );
    if (figures.length === 0) return [];
    return i === 0
      ? figuresOf(groupTitle(group), figures)
      : folded(groupTitle(group), html`${figuresOf(null, figures)}`);
  });
  return parts.length > 0
    ? html`<p class="lead">Each method against ${selection.reference} on the same items, turns and seeds. A filled mark: its interval excludes 0.</p>${parts}`
    : null;
}

function figuresOf(title: string | null, figures: readonly Figure[]): Markup | null {
  if (figures.length === 0) return null;
  const grid = (some: readonly Figure[]) =>
    html`<div class="figures">${some.map(
      (figure) => html`<figure><figcaption>${figure.title}</figcaption>${figure.svg}</figure>`,
    )}</div>`;
  const main = figures.filter((figure) => figure.main);
  const rest = figures.filter((figure) => !figure.main);
  return html`${title !== null && html`<h3>${title}</h3>`}${main.length > 0 && grid(main)}${rest.length > 0 && folded("Further figures", grid(rest))}`;
}

function pictures(markup: readonly Markup[], leftOut: number): Markup | null {
  if (markup.length === 0) return null;
  return html`<p class="lead">Items are taken in turn from the dataset's parts, by their place in it and not by how well they went; first seed. Thumbnails are compressed.${leftOut > 0 && ` ${leftOut} more would have made the file too large to mail.`}</p><p><button class="difference" type="button" aria-pressed="false" hidden>Difference to the truth, three times as bright</button></p>${markup}`;
}

function cost(selection: Selection): Markup | null {
  const { peakMemoryMB } = selection.results.environment;
  const shown = costTable(selection);
  return (
    shown &&
    html`${shown}${peakMemoryMB !== undefined && html`<p class="lead">Peak memory of the whole run: ${peakMemoryMB} MB.</p>`}`
  );
}

function reading(selection: Selection): Markup {
  // SR@1, SR@2 and so on are said once.
  const names = selection.results.aggregates.map(({ metric }) =>
    metric.replace(/^(SR|SR-strict|CR)@\d+$/, "$1"),
  );
  const described = inOrder(names)
    .map(metricInfo)
    .filter(({ about }) => about !== "");
  return html`${folded(
    "What each metric is",
    html`<dl>${described.map((metric) => html`<dt>${metric.label}</dt><dd>${metric.about}</dd>`)}</dl>`,
  )}${folded(
    "What the intervals are",
    html`<p>95 % intervals over scenes, because turns and seeds of one picture are not independent: Student's interval over the scenes' means, lengthened where they are skewed; for rates in which no two scenes differ, the exact bound. Fewer than four scenes carry none, which is shown as [–], and nothing that rests on them is bold.${selection.results.intervals === undefined && " This file was made before that rule, with a percentile bootstrap over scenes: its intervals are Student's, from the bootstrap's width."} A difference is paired: both methods on the same item, turn and seed, subtracted first. Two intervals that overlap say little about a difference; the paired one says it.</p><p>Intervals hold for one metric at a time. Among dozens of comparisons a few exclude 0 by chance.</p>`,
  )}${folded(
    "What is not measured",
    html`<ul><li>What people prefer. emilie study asks them.</li><li>Other checkpoints and other pictures than those named above.</li><li>Quality by NIQE, BRISQUE or PIQE: they get better as pictures fall apart in this way.</li><li>Whether training another time would give the same: intervals are over items and seeds of sampling, with one checkpoint.</li></ul>`,
  )}`;
}

function methods(results: BenchResults): Markup {
  const named = table(
    "What was compared, and whose method it is",
    ["Method", "Title", "Reference", "Settings"],
    results.methods.map(({ name, title, reference, settings }) => [
      html`<th scope="row">${name}</th>`,
      html`<td>${title}</td>`,
      html`<td>${reference}</td>`,
      html`<td><code>${Object.entries(settings)
        .map(([key, value]) => `${key}=${value}`)
        .join(" ")}</code></td>`,
    ]),
  );
  return html`<div class="left">${named}</div>`;
}

function folded(title: string, body: Markup): Markup {
  return html`<details><summary>${title}</summary>${body}</details>`;
}
