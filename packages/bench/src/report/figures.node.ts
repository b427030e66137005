/** A run's figures as files, and its tables as Markdown: what stands in docs/results is made, never typed. */

import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { writeAtomically } from "../library.ts";
import type { BenchResults } from "../types.ts";
import { driftFigures, type Figure, forestFigures, maskFigures } from "./figures.ts";
import { escapeText } from "./html.ts";
import { runMarkdown } from "./markdown.ts";
import { HEADLINES } from "./metrics.ts";
import { figureStyle } from "./palette.ts";
import { select } from "./select.ts";

/**
 * Writes the run's main figures as .svg files and its tables as tables.md into `folder`, which is made if it is missing.
 * The same results give the same bytes. Returns the paths. Throws io.failed when the disk refuses.
 */
export async function writeFigures(results: BenchResults, folder: string): Promise<string[]> {
  await mkdir(folder, { recursive: true });
  const selection = select(results);
  const { groups, damages } = selection;
  const figures = [
    ...groups.flatMap((group) => driftFigures(selection, group)),
    ...damages.flatMap((damage) => maskFigures(selection, damage)),
    ...[...groups, ...damages].flatMap((group) => forestFigures(selection, group, HEADLINES)),
  ].filter(({ main }) => main);
  const written: string[] = [];
  const write = async (name: string, text: string) => {
    const path = join(folder, name);
    await writeAtomically(path, [Buffer.from(text)]);
    written.push(path);
  };
  for (const figure of figures) await write(`${figure.name}.svg`, standalone(figure));
  await write("tables.md", runMarkdown(selection));
  return written;
}

/** Room around the drawing and for the title, in its own units. */
const MARGIN = 14;
const TITLE = 46;

/** An SVG file that brings its own page, light or dark as the reader's screen, so that it can be read on any other. */
export function standalone({ title, about, svg }: Figure): string {
  const [, width, height] = /viewBox="0 0 ([\d.]+) ([\d.]+)"/.exec(svg.text)!.map(Number);
  const [w, h] = [width! + 2 * MARGIN, height! + 2 * MARGIN + TITLE];
  const inner = svg.text.replace(
    '<svg class="fig"',
    `<svg x="${MARGIN}" y="${MARGIN + TITLE}" width="${width}" height="${height}"`,
  );
  const heading = /^<svg[^>]*aria-label="([^"]*)"/.exec(svg.text)![1];
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" class="fig" viewBox="0 0 ${w} ${h}" width="${w}" height="${h}" ` +
    `font-family="system-ui,-apple-system,'Segoe UI',Roboto,'Noto Sans',sans-serif"><title>${heading}</title>` +
    `<style>${figureStyle()}</style><rect class="page" x="0.5" y="0.5" width="${w - 1}" height="${h - 1}" rx="8"/>` +
    `<text x="${MARGIN + 4}" y="${MARGIN + 17}" font-size="15" font-weight="600">${escapeText(title)}</text>` +
    `<text class="axis" x="${MARGIN + 4}" y="${MARGIN + 35}" font-size="12.5">${escapeText(about)}</text>${inner}</svg>\n`
  );
}
