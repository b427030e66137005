/** What can be done to a session's tree without its model: these change a draft, and say what they did. */
import { EmilieError } from "../../errors.ts";
import type { Piece } from "../../session/file/container.node.ts";
import type { Manifest, StoredNode } from "../../session/file/schema.ts";
import type { Draft, SessionRecord } from "./store.ts";

export function findNode(manifest: Manifest, id: string): StoredNode {
  const node = manifest.nodes.find((one) => one.id === id);
  if (node) return node;
  throw new EmilieError(
    "server.missing",
    `There is no node ${JSON.stringify(id.slice(0, 40))} in this session.`,
  );
}

/** The node and everything made from it, each after its parent. */
export function descendants({ nodes }: Manifest, id: string): string[] {
  const found = new Set([id]);
  for (const node of nodes) if (node.parent !== null && found.has(node.parent)) found.add(node.id);
  return [...found];
}

/** From the original to the node, both included. */
export function pathOf(manifest: Manifest, id: string): StoredNode[] {
  const path: StoredNode[] = [];
  for (let at: string | null = id; at !== null; at = path[0]!.parent) path.unshift(findNode(manifest, at));
  return path;
}

export function setHead(draft: Draft, id: string): void {
  const path = pathOf(draft.manifest, id);
  const towards = { ...draft.info.towards };
  for (const node of path.slice(1)) towards[node.parent!] = node.id;
  draft.manifest = { ...draft.manifest, head: id };
  touch(draft, { towards });
}

export function undoTarget({ manifest }: SessionRecord): string | null {
  return findNode(manifest, manifest.head).parent;
}

/** The child that the head came from, else the one made last. */
export function redoTarget({ manifest, info }: SessionRecord): string | null {
  const children = manifest.nodes.filter(({ parent }) => parent === manifest.head).map(({ id }) => id);
  const towards = info.towards[manifest.head];
  return towards !== undefined && children.includes(towards) ? towards : (children.at(-1) ?? null);
}

/** Adds a node that was computed; one that is there already stays as it is. Throws where its parent was deleted. */
export function addNode(draft: Draft, node: StoredNode, pieces: readonly Piece[]): void {
  if (draft.manifest.nodes.some(({ id }) => id === node.id)) return;
  findNode(draft.manifest, node.parent!);
  draft.manifest = { ...draft.manifest, nodes: [...draft.manifest.nodes, node] };
  draft.pieces.push(...pieces);
  touch(draft);
}

export function renameNode(draft: Draft, id: string, name: string): StoredNode {
  const node = findNode(draft.manifest, id);
  const { name: _, ...rest } = node;
  const renamed = name === "" ? rest : { ...node, name };
  const nodes = draft.manifest.nodes.map((one) => (one === node ? renamed : one));
  draft.manifest = { ...draft.manifest, nodes };
  touch(draft);
  return renamed;
}

/** Deletes a node and everything made from it; a head among them moves to the node's parent. */
export function deleteNode(draft: Draft, id: string): string[] {
  const { parent } = findNode(draft.manifest, id);
  if (parent === null) {
    throw new EmilieError("option.invalid", "the original cannot be deleted: every edit starts from it");
  }
  const gone = descendants(draft.manifest, id);
  const nodes = draft.manifest.nodes.filter((node) => !gone.includes(node.id));
  const head = gone.includes(draft.manifest.head) ? parent : draft.manifest.head;
  draft.manifest = { ...draft.manifest, nodes, head };
  const towards = Object.entries(draft.info.towards).filter(
    ([a, b]) => !gone.includes(a) && !gone.includes(b),
  );
  touch(draft, { towards: Object.fromEntries(towards) });
  return gone;
}

export function touch(draft: Draft, change: Partial<Draft["info"]> = {}): void {
  draft.info = { ...draft.info, ...change, modified: Date.now() };
}
