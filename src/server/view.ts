/** What is kept, as the API shows it. */
import type { Size } from "../images/model-image.ts";
import type { Manifest, StoredNode } from "../session/file/schema.ts";
import { changesOf } from "../session/tree/changes.ts";
import { pictureSizes } from "../session/tree/recipe.ts";
import { instructionOf, isUnderstood } from "../session/tree/tree-node.ts";
import { withoutPaths } from "./private-paths.ts";
import type { Job } from "./queue/queue.ts";
import type { JobInfo, Node, Progress, Session, SessionSummary } from "./schemas/index.ts";
import type { SessionRecord } from "./store/store.ts";
import { binnedNodes, redoTarget, shownNodes, undoTarget } from "./store/tree.ts";

/** `sizes` are those of the pictures of the session's nodes (pictureSizes). */
export function nodeView(node: StoredNode, sizes: ReadonlyMap<string, Size>): Node {
  const { id, parent, name, recipe, changed, refused = [], phrases = [], cost, drift } = node;
  return {
    id,
    parent,
    name: name ?? null,
    instruction: instructionOf(recipe),
    recipe: recipe as Node["recipe"],
    width: sizes.get(id)!.width,
    height: sizes.get(id)!.height,
    canvas: recipe?.canvas ?? null,
    hasMask: recipe?.canvas
      ? recipe.canvas.kind === "expand"
      : (recipe?.regions.every(({ mask }) => mask !== null) ?? false),
    changed,
    understood: isUnderstood(refused, recipe),
    refused,
    phrases,
    cost,
    drift: drift ?? null,
    changes: changesOf(node) ?? null,
  };
}

/** The sizes of the pictures of a session's nodes. */
export function sizesOf({ nodes, picture }: Manifest): Map<string, Size> {
  return pictureSizes(nodes, picture);
}

export function summaryView(record: SessionRecord): SessionSummary {
  const { info, manifest } = record;
  const { id, name, created, modified, model } = info;
  const { width, height } = manifest.picture;
  const [root] = manifest.nodes;
  return {
    ...{ id, name, created, modified, model, width, height },
    root: root!.id,
    head: manifest.head,
    nodeCount: shownNodes(record).length,
    workingSize: manifest.workingSize ?? null,
    familiar: info.familiar ?? null,
    binned: info.binned ?? null,
  };
}

export function sessionView(record: SessionRecord): Session {
  const sizes = sizesOf(record.manifest);
  return {
    ...summaryView(record),
    nodes: shownNodes(record).map((node) => nodeView(node, sizes)),
    bin: binnedNodes(record).map((node) => nodeView(node, sizes)),
    ...steps(record),
  };
}

export function steps(record: SessionRecord): { canUndo: boolean; canRedo: boolean } {
  return { canUndo: undoTarget(record) !== null, canRedo: redoTarget(record) !== null };
}

export function jobView(job: Job, position: number | null, progress: Progress | null): JobInfo {
  const { id, session, work, state, created, started, finished, attempts } = job;
  return {
    ...{ id, session, kind: work.kind, state, from: work.from },
    instruction: work.instruction || (work.kind === "edit" && work.canvas?.kind) || "",
    variations: work.kind === "edit" ? work.variations : 1,
    ...{ created, started, finished, position, attempts, progress },
    nodes: [...job.nodes],
    replaced: job.replaced ? { ...job.replaced } : null,
    relevance: job.relevance,
    kept: job.kept,
    warnings: warningsOf(job),
    error: job.error && { ...job.error, message: withoutPaths(job.error.message) },
  };
}

/** What was noticed when the request came, and while it was carried out. */
export function warningsOf({ work, remarks = [] }: Job): string[] {
  const first = work.kind === "relevance" ? [] : (work.warnings ?? []);
  return [...new Set([...first, ...remarks].map(withoutPaths))];
}
