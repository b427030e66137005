/** Words about nodes. */
import type { NodeView } from "../backend/backend.ts";
import { t } from "../words/index.ts";

export function nameOf(node: NodeView): string {
  if (node.name) return node.name;
  if (node.canvas) return t.reframe.step(node.canvas.kind, node.canvas.width, node.canvas.height);
  return node.parent === null ? t.original : node.instruction;
}

/** How a step is marked: what the library says of it, and whether small changes add up on the way to it. */
export type Level = "kept" | "changed" | "adding" | "wrong";

export function levelOf({ changes, drift }: NodeView): Level | null {
  if (!changes) return null;
  return changes.level === "changed" && drift && drift.warnings.length > 0 ? "adding" : changes.level;
}

export function changesWords(node: NodeView): string {
  const said = node.changes ? t.changes(node.changes) : "";
  return levelOf(node) === "adding" ? `${said} ${t.adds}` : said;
}

/** What can be said for certain of pixels that no mask on the way from the original allowed to change; null: an edit had no mask. */
export function untouchedWords({ parent, drift }: NodeView): string | null {
  if (parent === null || !drift) return null;
  const { inside, outside } = drift.original;
  if (outside.pixels === 0 || outside.changedPixels > 0) return null;
  const share = Math.floor((100 * outside.pixels) / (outside.pixels + inside.pixels)) / 100;
  return t.sinceOriginal(t.format.percent(share));
}
