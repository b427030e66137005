/** Calls that only look: a node's picture, what differs between two, where an instruction would act. */
import { EmilieError } from "../../errors.ts";
import { encodePng } from "../../images/codec.node.ts";
import type { Picture } from "../../images/picture.ts";
import type { EditModel } from "../../method/edit-model.ts";
import { pngMetadata } from "../../session/picture/picture-path.node.ts";
import { sharedPictures } from "../../session/tree/shared-area.ts";
import { pieceOfMask } from "./masks.ts";
import type { Params, Result } from "./protocol.ts";
import { nodeOf, type SessionCache } from "./session-cache.ts";

export async function render(
  model: EditModel,
  cache: SessionCache,
  { node: nodeId, ...subject }: Params<"render">,
): Promise<Result<"render">> {
  const session = await cache.get(subject, model, [nodeId]);
  const node = nodeOf(session, nodeId);
  return { png: await encodePng(await node.render(), await pngMetadata(session, node)) };
}

export async function compare(
  model: EditModel,
  cache: SessionCache,
  { a, b, ...subject }: Params<"compare">,
): Promise<Result<"compare">> {
  const session = await cache.get(subject, model, [a, b]);
  return session.compare(nodeOf(session, a), nodeOf(session, b));
}

export async function understand(
  model: EditModel,
  cache: SessionCache,
  { node, instruction, ...subject }: Params<"understand">,
  signal: AbortSignal,
): Promise<Result<"understand">> {
  const session = await cache.get(subject, model, [node]);
  return session.understand(instruction, { from: nodeOf(session, node), signal });
}

/** Black where nothing differs; `gain` levels of light for each level of difference. */
export async function difference(
  model: EditModel,
  cache: SessionCache,
  { a, b, gain, ...subject }: Params<"difference">,
): Promise<Result<"difference">> {
  const session = await cache.get(subject, model, [a, b]);
  const shared = await sharedPictures(nodeOf(session, a), nodeOf(session, b));
  if (!shared)
    throw new EmilieError("option.invalid", `nodes ${a} and ${b} show nothing of the picture in common`);
  const [one, other] = shared;
  const data = new Uint8ClampedArray(one.data.length);
  for (let i = 0; i < data.length; i++) {
    data[i] = i % 4 === 3 ? 255 : gain * Math.abs(one.data[i]! - other.data[i]!);
  }
  const picture: Picture = { width: one.width, height: one.height, data };
  return { png: await encodePng(picture) };
}

export async function findRelevance(
  model: EditModel,
  cache: SessionCache,
  { work, ...subject }: Params<"relevance">,
  signal: AbortSignal,
): Promise<Result<"relevance">> {
  const session = await cache.get(subject, model, [work.from]);
  const from = nodeOf(session, work.from);
  const { map, mask } = await session.relevanceMap(work.instruction, {
    ...work.options,
    seed: BigInt(work.seed),
    from,
    signal,
  });
  // A grey picture has 256 levels, which is what anybody sees of a map; exact ones would be four times the size.
  const levels = { ...map, data: map.data.map((v) => Math.fround(Math.round(v * 255) / 255)) };
  return { map: await pieceOfMask(levels), mask: await pieceOfMask(mask) };
}
