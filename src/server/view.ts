/** What is kept, as the API shows it. */
import type { StoredNode } from "../session/file/schema.ts";
import { changesOf } from "../session/tree/changes.ts";
import { isUnderstood } from "../session/tree/tree-node.ts";
import { withoutPaths } from "./private-paths.ts";
import type { Job } from "./queue/queue.ts";
import type { JobInfo, Node, Progress, Session, SessionSummary } from "./schemas/index.ts";
import type { SessionRecord } from "./store/store.ts";
import { binnedNodes, redoTarget, shownNodes, undoTarget } from "./store/tree.ts";

export function nodeView(node: StoredNode): Node {
  const { id, parent, name, recipe, changed, refused = [], cost, drift } = node;
  return {
    id,
    parent,
    name: name ?? null,
    instruction: recipe?.regions.map((region) => region.instruction).join(" + ") ?? "",
    recipe: recipe as Node["recipe"],
    hasMask: recipe?.regions.every(({ mask }) => mask !== null) ?? false,
    changed,
    understood: isUnderstood(refused, recipe),
    refused,
    cost,
    drift: drift ?? null,
    changes: changesOf(node) ?? null,
  };
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
  return {
    ...summaryView(record),
    nodes: shownNodes(record).map(nodeView),
    bin: binnedNodes(record).map(nodeView),
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
    instruction: work.instruction ?? "",
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
