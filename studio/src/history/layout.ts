/**
 * The tree as rows and lanes, like a version history: the oldest child goes on in its parent's lane, every further branch
 * stands indented above it, so that no two lines cross and a chain of fifty edits is a straight line.
 */
import { type HierarchyNode, stratify } from "d3-hierarchy";

export interface Item {
  readonly id: string;
  readonly parent: string | null;
}

export interface Row<T> {
  readonly node: T;
  readonly row: number;
  readonly lane: number;
  /** Where the line to the parent comes from; null for the original. */
  readonly from: { readonly row: number; readonly lane: number } | null;
  /** On the path from the original to the head. */
  readonly strong: boolean;
  readonly depth: number;
}

/** `items` in the order they were made, the original first. */
export function layoutTree<T extends Item>(items: readonly T[], head: string): Row<T>[] {
  if (items.length === 0) return [];
  const root = stratify<T>()
    .id(({ id }) => id)
    .parentId(({ parent }) => parent)([...items]);
  const path = new Set(
    root
      .find(({ data }) => data.id === head)
      ?.ancestors()
      .map(({ data }) => data.id),
  );
  const rows: Row<T>[] = [];
  const visit = (node: HierarchyNode<T>, lane: number, from: Row<T> | null) => {
    const row: Row<T> = {
      node: node.data,
      row: rows.length,
      lane,
      from: from && { row: from.row, lane: from.lane },
      strong: path.has(node.data.id),
      depth: node.depth,
    };
    rows.push(row);
    const [main, ...branches] = node.children ?? [];
    for (const branch of branches.reverse()) visit(branch, lane + 1, row);
    if (main) visit(main, lane, row);
  };
  visit(root, 0, null);
  return rows;
}

/** Where an arrow key goes in the tree. */
export function neighbour<T extends Item>(
  items: readonly T[],
  at: string,
  key: "up" | "down" | "left" | "right",
): string | null {
  const node = items.find(({ id }) => id === at);
  if (!node) return null;
  if (key === "up") return node.parent;
  const children = items.filter(({ parent }) => parent === at);
  if (key === "down") return children[0]?.id ?? null;
  const siblings = items.filter(({ parent }) => parent === node.parent);
  return siblings[siblings.indexOf(node) + (key === "right" ? 1 : -1)]?.id ?? null;
}
