/** An edit job: the same instruction with one or several seeds. */

import { encodePng } from "../../images/codec.node.ts";
import type { Mask } from "../../images/mask.ts";
import type { EditModel } from "../../method/edit-model.ts";
import { fromJson } from "../../method/settings-derived.ts";
import { packNode } from "../../session/file/pack.node.ts";
import { pngMetadata } from "../../session/picture/picture-path.node.ts";
import type { Node, Session } from "../../session/session.ts";
import type { CanvasInput } from "../../session/tree/canvas-input.ts";
import { unionOf } from "../../session/tree/run.ts";
import { nextSeed } from "../../session/tree/tree.ts";
import type { WorkMask, WorkRegion } from "../queue/work.ts";
import { readMasks } from "./masks.ts";
import { type Watch, watcher } from "./previews.ts";
import type { Params } from "./protocol.ts";
import { nodeOf, type SessionCache } from "./session-cache.ts";

export async function runEdit(
  model: EditModel,
  cache: SessionCache,
  { work, masks, ...subject }: Params<"edit">,
  watch: Watch,
): Promise<Record<string, never>> {
  const session = await cache.get(subject, model, [work.from]);
  const start = nodeOf(session, work.from);
  const from = await canvasFor(session, start, work.canvas);
  if (from !== start) await sendNode(session, from, 0, watch);
  if (work.instruction === "") return {};
  const maskOf = await readMasks(masks);
  const mask = await resolveMask(session, from, work.instruction, work.mask, maskOf, watch.signal);
  const regions = regionsOf(work.regions, maskOf);
  const union = unionOf([mask, ...regions.map((region) => region.mask)]);
  const settings = fromJson(work.settings);
  const seed = BigInt(settings.seed ?? nextSeed(from));
  const begun = performance.now();
  for (let edit = 0; edit < work.variations; edit++) {
    const place = { session, from, mask: union, edit, edits: work.variations, previews: work.previews };
    const node = await session.edit(work.instruction, {
      ...settings,
      seed: seed + BigInt(edit),
      mask,
      regions,
      from,
      signal: watch.signal,
      onProgress: watcher(watch, place, begun),
      onWarning: (text) => watch.send({ type: "remark", text }),
    });
    await sendNode(session, node, edit, watch);
    // Who keeps this one has seen enough.
    if (watch.keep()) break;
  }
  return {};
}

/** The crop or the expansion that the edit begins with. */
export async function canvasFor(
  session: Session,
  from: Node,
  canvas: CanvasInput | undefined,
): Promise<Node> {
  if (!canvas) return from;
  return canvas.kind === "crop"
    ? session.crop(canvas.crop, { from })
    : session.expand(canvas.expand, { from });
}

/** Hands a finished node to the server, with its picture and its drift. */
export async function sendNode(session: Session, node: Node, edit: number, { send }: Watch): Promise<void> {
  const picture = await node.render();
  await session.drift(node);
  const png = await encodePng(picture, await pngMetadata(session, node));
  send({ type: "node", edit, ...(await packNode(session, node)), png });
}

export function regionsOf(
  regions: readonly WorkRegion[],
  maskOf: (id: string) => Mask,
): { instruction: string; weight?: number; mask?: Mask }[] {
  return regions.map(({ instruction, weight, mask }) => ({
    instruction,
    weight,
    mask: mask ? maskOf(mask.id) : undefined,
  }));
}

/** The mask itself; one that the model finds is found once, and serves every variation. */
export async function resolveMask(
  session: Session,
  from: Node,
  instruction: string,
  mask: WorkMask,
  maskOf: (id: string) => Mask,
  signal: AbortSignal,
): Promise<Mask | undefined> {
  if (mask === null) return undefined;
  if ("id" in mask) return maskOf(mask.id);
  return session.relevance(instruction, { ...mask.auto, from, signal });
}
