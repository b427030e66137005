/** Words about nodes. */
import type { Drift } from "../../../src/web.ts";
import type { NodeView } from "../backend/backend.ts";

export function nameOf(node: NodeView): string {
  return node.name ?? (node.parent === null ? "original" : node.instruction);
}

export type Level = "still" | "moving" | "far";

/** How a node's drift is shown; the library's own warnings are the last level, half of their reach the one before. */
export function levelOf({ warnings, quietHalf, hidden }: Drift): Level {
  if (warnings.length > 0) return "far";
  return quietHalf.since >= 4 && quietHalf.since > 1.5 * quietHalf.largestStep
    ? "moving"
    : hidden > 0.05
      ? "moving"
      : "still";
}

export function driftWords(drift: Drift): string {
  const level = levelOf(drift);
  if (level === "far") return drift.warnings.join(" ");
  if (level === "moving")
    return "Small changes begin to add up. Masks, or going on from an earlier step, keep the rest sharp.";
  return "No unwanted change adds up here.";
}

/**
 * What can be said for certain about the pixels that no mask allowed to change: since the original, or where an edit on the
 * way had no mask, since the step before.
 */
export function untouchedWords({ parent, drift }: NodeView): string | null {
  if (parent === null || !drift) return null;
  const since = drift.original.outside.pixels > 0 ? ("original" as const) : ("parent" as const);
  const { inside, outside } = drift[since];
  if (outside.pixels === 0) return null;
  const what = since === "original" ? "the original" : "the step before";
  if (outside.changedPixels > 0)
    return `${outside.changedPixels} pixels outside of the masks differ from ${what}.`;
  const share = Math.floor((100 * outside.pixels) / (outside.pixels + inside.pixels));
  return `Untouched pixels: identical to ${what} (${share} % of the picture).`;
}
