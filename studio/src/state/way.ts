/** The way that one came, for going back and forward in the tree. */
import { get } from "./store.ts";

/** Where the head was seen last below each node: where going forward leads. */
const towards = new Map<string, string>();

/** The child of a node that the head was last below; undefined where it was not. */
export const cameFrom = (node: string): string | undefined => towards.get(node);

/** Keeps the way to where the head is, for going forward again. */
export function rememberWay(): void {
  const { session } = get();
  const byId = new Map(session?.nodes.map((node) => [node.id, node]));
  for (let at = byId.get(session?.head ?? ""); at?.parent; at = byId.get(at.parent))
    towards.set(at.parent, at.id);
}

/** The deepest step that one came back from above `node`; undefined where one was not below it. */
export function lastSeenBelow(node: string): string | undefined {
  let at: string | undefined;
  for (let next = towards.get(node); next && next !== at; next = towards.get(next)) at = next;
  return at;
}
