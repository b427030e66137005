/** Picture strips: the source, then for each turn the truth and what each method made of it. */

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { convertPicture } from "../library.ts";
import type { BenchDataset, BenchItem, BenchResults, ResultRow } from "../types.ts";
import { html, type Markup, raw } from "./html.ts";

export interface StripOptions {
  /** Where the sources and truths are. Without it a strip shows the methods alone. */
  readonly dataset?: BenchDataset;
  /** How many items are shown at most; default 8. */
  readonly items?: number;
  /** Bytes that pictures may take in the page; default 3.4 million, which keeps it small enough to mail. */
  readonly budget?: number;
}

/** Turns of a long session that are shown. */
const SHOWN_TURNS = [1, 2, 3, 4, 5, 10, 15, 20, 25, 50];
/** The widest picture of a strip, in pixels. */
const WIDTH = 160;
const QUALITY = 72;

export interface Strips {
  readonly markup: readonly Markup[];
  /** Items that did not fit. */
  readonly leftOut: number;
}

/**
 * Strips of items taken in turn from the dataset's parts, as they stand in it: by their place, never by how well they went.
 * A picture that is missing or damaged leaves an empty frame.
 */
export async function strips(
  results: BenchResults,
  folder: string,
  { dataset, items: most = 8, budget = 3_400_000 }: StripOptions,
): Promise<Strips> {
  const rows = results.rows.filter((row) => row.picture !== "" && row.seed === results.seeds[0]);
  const chosen = sample(rows, most);
  const markup: Markup[] = [];
  let left = budget;
  for (const id of chosen) {
    const item = dataset?.items.find((one) => one.id === id);
    const own = rows.filter((row) => row.item === id);
    const { text, bytes } = await strip(own, results, folder, item);
    if (bytes > left) break;
    left -= bytes;
    markup.push(text);
  }
  return { markup, leftOut: chosen.length - markup.length };
}

/** Ids of items, one of each part in turn. */
function sample(rows: readonly ResultRow[], most: number): string[] {
  const parts = new Map<string | null, Set<string>>();
  for (const { part, item } of rows) parts.set(part, (parts.get(part) ?? new Set()).add(item));
  const lists = [...parts.values()].map((ids) => [...ids]);
  const longest = Math.max(0, ...lists.map((list) => list.length));
  const mixed = Array.from({ length: longest }, (_, i) =>
    lists.flatMap((list) => list.slice(i, i + 1)),
  ).flat();
  return mixed.slice(0, most);
}

interface Thumbnail {
  readonly tag: Markup;
  readonly bytes: number;
}

async function strip(
  rows: readonly ResultRow[],
  results: BenchResults,
  folder: string,
  item: BenchItem | undefined,
): Promise<{ text: Markup; bytes: number }> {
  const all = [...new Set(rows.map(({ turn }) => turn))].sort((a, b) => a - b);
  const turns =
    all.length <= 6 ? all : all.filter((turn) => SHOWN_TURNS.includes(turn) || turn === all.at(-1));
  const methods = results.methods
    .map(({ name }) => name)
    .filter((name) => rows.some((row) => row.method === name));
  let bytes = 0;
  const picture = async (path: string | undefined, alt: string): Promise<Markup> => {
    const made = await thumbnail(path, alt);
    bytes += made.bytes;
    return made.tag;
  };
  const head = turns.map((turn) => {
    const row = rows.find((one) => one.turn === turn)!;
    const remarks = [
      row.kind,
      row.global === null ? null : row.global ? "global" : "local",
      row.masked && "mask",
    ];
    return html`<th scope="col"><span class="turn">${turn}</span> ${row.instruction}<span class="remark">${remarks.filter(Boolean).join(" · ")}</span></th>`;
  });
  const lines: Markup[] = [];
  if (item) {
    const source = await picture(item.image, `source of ${item.id}`);
    const truths: Markup[] = [];
    for (const turn of turns) {
      const target = item.turns[turn - 1]?.target;
      const tag = await picture(target, `truth after turn ${turn}`);
      truths.push(html`<td${target && html` class="truth"`} data-turn="${turn}">${tag}</td>`);
    }
    lines.push(
      html`<tr><th scope="row">truth</th><td>${source}<span class="remark">source</span></td>${truths}</tr>`,
    );
  }
  for (const method of methods) {
    const cells: Markup[] = [];
    for (const turn of turns) {
      const row = rows.find((one) => one.method === method && one.turn === turn);
      const path = row && join(folder, row.picture);
      const verdict = row?.collapsed
        ? "collapsed"
        : row?.success === true
          ? "right"
          : row?.success === false
            ? "wrong"
            : "";
      const tag = await picture(path, `${method}, turn ${turn}: ${row?.instruction ?? "not run"}`);
      cells.push(
        html`<td class="result" data-turn="${turn}">${tag}${verdict && html`<span class="remark ${verdict}">${MARKS[verdict]} ${verdict}</span>`}</td>`,
      );
    }
    lines.push(html`<tr><th scope="row">${method}</th>${item && html`<td></td>`}${cells}</tr>`);
  }
  const id = rows[0]!.item;
  const part = rows[0]!.part;
  const text = html`<figure class="strip"><figcaption>${id}${part && part !== id && html` <span class="remark">${part}</span>`}</figcaption><div class="scroll" role="region" aria-label="Pictures of ${id}" tabindex="0"><table><thead><tr><td></td>${item && html`<td></td>`}${head}</tr></thead><tbody>${lines}</tbody></table></div></figure>`;
  return { text, bytes };
}

const MARKS: Readonly<Record<string, string>> = { right: "✓", wrong: "✗", collapsed: "✗✗" };

async function thumbnail(path: string | undefined, alt: string): Promise<Thumbnail> {
  const empty = {
    tag: html`<span class="frame" role="img" aria-label="no picture: ${alt}"></span>`,
    bytes: 0,
  };
  if (path === undefined) return empty;
  try {
    const small = await convertPicture(await readFile(path), {
      format: "webp",
      width: WIDTH,
      quality: QUALITY,
    });
    const data = Buffer.from(small).toString("base64");
    const tag = html`<img alt="${alt}" width="128" height="128" src="data:image/webp;base64,${raw(data)}">`;
    return { tag, bytes: data.length };
  } catch {
    return empty;
  }
}
