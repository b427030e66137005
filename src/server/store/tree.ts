/** What can be done to a session's tree without its model: these change a draft, and say what they did. */
import { EmilieError } from "../../errors.ts";
import type { Piece } from "../../session/file/container.node.ts";
import { type Manifest, type StoredNode, VERSION } from "../../session/file/schema.ts";
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

/** Without what is in the bin. */
export function shownNodes({ manifest, info }: SessionRecord): StoredNode[] {
  const bin = new Set(info.bin);
  return manifest.nodes.filter(({ id }) => !bin.has(id));
}

export function binnedNodes({ manifest, info }: SessionRecord): StoredNode[] {
  return manifest.nodes.filter(({ id }) => info.bin?.includes(id));
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
export function redoTarget(record: SessionRecord): string | null {
  const { manifest, info } = record;
  const children = shownNodes(record)
    .filter(({ parent }) => parent === manifest.head)
    .map(({ id }) => id);
  const towards = info.towards[manifest.head];
  return towards !== undefined && children.includes(towards) ? towards : (children.at(-1) ?? null);
}

/** Adds a node that was computed; one that is there already stays as it is. Throws where its parent was deleted. */
export function addNode(draft: Draft, node: StoredNode, pieces: readonly Piece[]): void {
  if (draft.manifest.nodes.some(({ id }) => id === node.id)) {
    // What is asked for again is wanted again.
    if (draft.info.bin?.includes(node.id)) restoreNode(draft, node.id);
    return;
  }
  findNode(draft.manifest, node.parent!);
  // As of now: a file of an earlier version knows nothing of what the node may hold.
  draft.manifest = { ...draft.manifest, version: VERSION, nodes: [...draft.manifest.nodes, node] };
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
  const bin = (draft.info.bin ?? []).filter((one) => !gone.includes(one));
  touch(draft, { towards: Object.fromEntries(towards), bin });
  return gone;
}

/** Puts a node and everything made from it into the session's bin; a head among them moves to the node's parent. */
export function binNode(draft: Draft, id: string): string[] {
  const { parent } = findNode(draft.manifest, id);
  if (parent === null) {
    throw new EmilieError("option.invalid", "the original cannot be deleted: every edit starts from it");
  }
  const gone = descendants(draft.manifest, id);
  if (gone.includes(draft.manifest.head)) draft.manifest = { ...draft.manifest, head: parent };
  touch(draft, { bin: [...new Set([...(draft.info.bin ?? []), ...gone])] });
  return gone;
}

/** Takes a node out of the bin, with everything that it was made from and that was made from it. */
export function restoreNode(draft: Draft, id: string): void {
  const back = [...pathOf(draft.manifest, id).map((node) => node.id), ...descendants(draft.manifest, id)];
  touch(draft, { bin: (draft.info.bin ?? []).filter((one) => !back.includes(one)) });
}

/** The session as it is taken away: without what is in the bin. */
export function withoutBin(record: SessionRecord): SessionRecord["manifest"] {
  return { ...record.manifest, nodes: shownNodes(record) };
}

export function touch(draft: Draft, change: Partial<Draft["info"]> = {}): void {
  draft.info = { ...draft.info, ...change, modified: Date.now() };
}
