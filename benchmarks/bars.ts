/** Bars from 0, in groups, each with its number beside it, as SVG without script. */
import { html, type Markup } from "../packages/bench/src/report/html.ts";
import { seriesLook } from "../packages/bench/src/report/palette.ts";
import { at } from "../packages/bench/src/report/scale.ts";

export interface Bar {
  readonly name: string;
  /** Which of the colours; the first is what the figure is about. */
  readonly look: number;
  readonly value: number;
  /** What stands beside it, as "4.5 s". */
  readonly text: string;
}

export interface BarGroup {
  readonly title: string;
  readonly bars: readonly Bar[];
}

const WIDTH = 520;
const ROW = 22;
const TITLE = 24;
const LETTER = 6.6;

/** The bars, without a heading. Every group has a scale of its own: the longest bar of each is as long as there is room. */
export function bars(groups: readonly BarGroup[], label: string): Markup {
  const all = groups.flatMap((group) => group.bars);
  const left = 14 + LETTER * Math.max(...all.map(({ name }) => name.length));
  const room = WIDTH - left - 14 - LETTER * Math.max(...all.map(({ text }) => text.length));
  let y = 4;
  const drawn = groups.map(({ title, bars }) => {
    const longest = Math.max(...bars.map(({ value }) => value)) || 1;
    const top = y;
    y += TITLE + bars.length * ROW + 6;
    return html`<text class="axis" x="0" y="${top + 14}">${title}</text>${bars.map((bar, i) =>
      drawBar(bar, top + TITLE + i * ROW, left, (room * bar.value) / longest),
    )}`;
  });
  return html`<svg class="fig" viewBox="0 0 ${WIDTH} ${y}" role="img" aria-label="${label}" font-size="12.5">${drawn}</svg>`;
}

function drawBar({ name, look, text }: Bar, y: number, left: number, length: number): Markup {
  const { className } = seriesLook(look);
  const middle = y + ROW / 2 - 2;
  return html`<g class="${className}"><text class="${className}" x="${at(left - 8)}" y="${middle}" dy="0.34em" text-anchor="end"${look === 0 && html` font-weight="700"`}>${name}</text><rect x="${at(left)}" y="${y}" width="${at(Math.max(1, length))}" height="${ROW - 6}" rx="2"/><text x="${at(left + length + 7)}" y="${middle}" dy="0.34em">${text}</text></g>`;
}
