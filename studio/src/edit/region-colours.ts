/** Each place of an edit has a colour and a number, on the picture and on its chip. Told apart by colour-blind people too. */
const COLOURS = ["#e0326f", "#1f7fd6", "#c77700", "#128a5b", "#8250df", "#b5431f"];

export const colourOf = (index: number): string => COLOURS[index % COLOURS.length]!;
