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
  return quietHalf.original >= 4 && quietHalf.original > 1.5 * quietHalf.largestStep
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

/** What can be said for certain about the pixels that no mask allowed to change. */
export function untouchedWords(node: NodeView): string | null {
  const outside = node.drift?.original.outside;
  if (node.parent === null || !outside || outside.pixels === 0) return null;
  const share = Math.round((100 * outside.pixels) / (outside.pixels + node.drift!.original.inside.pixels));
  return outside.changedPixels === 0
    ? `Untouched pixels: identical (${share} % of the picture)`
    : `${outside.changedPixels} pixels outside of all masks differ`;
}
