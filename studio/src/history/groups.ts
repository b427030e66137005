/** Variations: siblings that differ in their seed alone. They are one row of the tree. */
import type { NodeView } from "../backend/backend.ts";

const keyOf = ({ parent, regions, settings }: NodeView): string => {
  const { seed: _, ...rest } = settings ?? { seed: "" };
  return JSON.stringify([parent, regions, rest]);
};

/** The ids of a step and its variations, in the order they were made. */
export function groupOf(nodes: readonly NodeView[], id: string): string[] {
  const node = nodes.find((one) => one.id === id);
  if (!node?.settings) return [id];
  const key = keyOf(node);
  return nodes.filter((one) => one.settings && keyOf(one) === key).map((one) => one.id);
}

/**
 * The rows of the tree: of variations that nothing was made from, one stands for all, the head or else the first; those with a star
 * have a row of their own. `sizes` says how many each row stands for.
 */
export function folded(
  nodes: readonly NodeView[],
  head: string,
  stars: readonly string[],
): { nodes: NodeView[]; sizes: Map<string, number> } {
  const groups = new Map<string, NodeView[]>();
  for (const node of nodes) {
    if (node.settings) groups.set(keyOf(node), [...(groups.get(keyOf(node)) ?? []), node]);
  }
  const parents = new Set(nodes.map(({ parent }) => parent));
  const hidden = new Set<string>();
  const sizes = new Map<string, number>();
  for (const group of groups.values()) {
    if (group.length < 2) continue;
    const own = (node: NodeView) => parents.has(node.id) || stars.includes(node.id) || node.id === head;
    const rows = group.filter(own);
    const shown = rows.length > 0 ? rows : [group[0]!];
    for (const node of group) if (!shown.includes(node)) hidden.add(node.id);
    sizes.set((shown.find(({ id }) => id === head) ?? shown[0]!).id, group.length);
  }
  return { nodes: nodes.filter(({ id }) => !hidden.has(id)), sizes };
}
