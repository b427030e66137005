/** A replay job: a step with changes, then what followed it with its own recipes. Each node is handed over as it is done. */

import type { EditModel } from "../../method/edit-model.ts";
import { fromJson } from "../../method/settings-derived.ts";
import type { Session } from "../../session/session.ts";
import { checkChanges, type ReplayChanges, stepAgain } from "../../session/tree/replay.ts";
import { readMasks } from "./masks.ts";
import { type Watch, watcher } from "./previews.ts";
import type { Params, Result } from "./protocol.ts";
import { regionsOf, resolveMask, sendNode } from "./run-edit.ts";
import { nodeOf, type SessionCache } from "./session-cache.ts";

export async function runReplay(
  model: EditModel,
  cache: SessionCache,
  { work, masks, ...subject }: Params<"replay">,
  watch: Watch,
): Promise<Result<"replay">> {
  const session = await cache.get(subject, model, work.nodes);
  const begun = performance.now();
  const replaced: Record<string, string> = {};
  for (const [edit, oldId] of work.nodes.entries()) {
    const old = nodeOf(session, oldId);
    const from = nodeOf(session, replaced[old.parent!.id] ?? old.parent!.id);
    const changes = edit === 0 ? await changesOf(session, work, masks, watch.signal) : {};
    // What is covered is only known for certain when the step is done; the old step's place is near enough for a preview.
    if (edit === 0) checkChanges(old, changes);
    const mask = changes.mask === undefined ? old.mask : undefined;
    const place = { session, from, mask, edit, edits: work.nodes.length, previews: work.previews };
    const onProgress = watcher(watch, place, begun);
    const onWarning = (text: string) => watch.send({ type: "remark", text });
    const options = { signal: watch.signal, onProgress, onWarning };
    const node = await stepAgain(session, old, from, changes, options);
    replaced[oldId] = node.id;
    await sendNode(session, node, edit, watch);
  }
  return { replaced };
}

async function changesOf(
  session: Session,
  work: Params<"replay">["work"],
  masks: Params<"replay">["masks"],
  signal: AbortSignal,
): Promise<ReplayChanges> {
  const maskOf = await readMasks(masks);
  const old = session.nodes.get(work.from)!;
  const { instruction = old.recipe!.regions[0]?.instruction ?? "", settings, canvas } = work;
  const place = () => resolveMask(session, old.parent!, instruction, work.mask!, maskOf, signal);
  return {
    ...fromJson(settings),
    ...(canvas?.kind === "crop" ? { crop: canvas.crop } : canvas && { expand: canvas.expand }),
    instruction: work.instruction,
    mask: work.mask === undefined ? undefined : work.mask === null ? null : await place(),
    regions: work.regions && regionsOf(work.regions, maskOf),
  };
}
