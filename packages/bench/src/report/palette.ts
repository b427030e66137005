/**
 * Colours of methods and of figures. Series follow Okabe and Ito (2008), told apart with any colour vision; yellow is left
 * out, which nobody sees on white, and each colour is darkened for light pages and lightened for dark ones. From the eighth
 * on they come again with dashes. Labels stand at the curves, so that colour never carries anything alone.
 */
export interface Theme {
  readonly page: string;
  readonly ink: string;
  readonly muted: string;
  readonly grid: string;
  readonly series: readonly string[];
}

export const LIGHT: Theme = {
  page: "#ffffff",
  ink: "#1c1c1c",
  muted: "#5f5f5f",
  grid: "#e3e3e3",
  series: ["#0062a3", "#c64b00", "#00805d", "#a8447e", "#2a8fc7", "#a87400", "#5b5b5b"],
};

export const DARK: Theme = {
  page: "#161719",
  ink: "#ececec",
  muted: "#a6a6a6",
  grid: "#34363a",
  series: ["#5cb3f0", "#ff8a4a", "#3fc9a0", "#e68fc2", "#9cd5f7", "#e6b450", "#b5b5b5"],
};

const DASHES = ["", "6 3", "2 3"];

/** Rules for everything that chart.ts and forest.ts draw. Colours are written out: not every viewer of SVG knows variables. */
export function figureStyle(): string {
  return `${rules(LIGHT)}@media (prefers-color-scheme:dark){${rules(DARK)}}@media print{${rules(LIGHT)}}`;
}

function rules({ page, ink, muted, grid, series }: Theme): string {
  const lines = series.map((colour, i) => `.s${i}{stroke:${colour};fill:${colour}}`).join("");
  return (
    `.fig text{fill:${ink};stroke:none}.fig .axis{fill:${muted}}.fig .grid{stroke:${grid}}.fig .zero{stroke:${muted}}` +
    `.fig .hollow{fill:${page}}.fig .page{fill:${page};stroke:${grid}}${lines}` +
    series.map((colour, i) => `.fig text.s${i}{fill:${colour}}`).join("")
  );
}

/** The class that colours the series, and its dashes. */
export function seriesLook(index: number): { readonly className: string; readonly dash: string } {
  const { length } = LIGHT.series;
  return { className: `s${index % length}`, dash: DASHES[Math.floor(index / length) % DASHES.length]! };
}
