/** Deutsch. */
import type { Words } from "./en.ts";
import { formatFor } from "./format.ts";

const f = formatFor("de");
const down = (share: number) => f.percent(Math.floor(100 * share) / 100);

export const de: Words = {
  format: f,
  changes: ({ kind, share }) =>
    ({
      none: "Nichts hat sich verändert.",
      masked: `Alles außerhalb der Maske ist identisch (${down(share)} des Bildes).`,
      everywhere: `${share > 0 && share < 0.01 ? "Weniger als 1 %" : f.percent(share)} des Bildes haben sich verändert.`,
      outside: `${f.percent(share)} des Bildes haben sich außerhalb der Maske verändert.`,
      blurred: "Das ganze Bild hat feine Einzelheiten verloren.",
      shifted: `Das ganze Bild ist um ${f.number(100 * share, 1)} % seiner Größe verschoben.`,
    })[kind],
  original: "Original",
  whatChanged: "Was dieser Schritt verändert hat",
  adds: "Kleine Veränderungen summieren sich. Masken, oder von einem früheren Schritt weiterzumachen, halten den Rest scharf.",
  showWhere: "Zeigen, wo",
  hideWhere: "Ausblenden",
  sinceOriginal: (share) =>
    `Was keine Maske berührt hat, ist identisch mit dem Original (${share} des Bildes).`,
};
