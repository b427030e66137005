/** From a request to a piece of work: names resolved, masks stored, so that it can be done at any later time. */
import { EmilieError } from "../errors.ts";
import { keepMask, maskOfNode, readMaskPiece } from "./mask-files.ts";
import type { Parts } from "./parts.ts";
import type {
  EditWork,
  RelevanceWork,
  ReplayWork,
  WorkMask,
  WorkRegion,
  WorkSettings,
} from "./queue/work.ts";
import type { EditRequest, MaskRef, RelevanceRequest, ReplayRequest } from "./schemas/index.ts";
import { descendants, findNode } from "./store/tree.ts";

/** Parts of a multipart request by their names. */
export type UploadedParts = ReadonlyMap<string, Uint8Array>;
const DEFAULT_PREVIEWS = 6;

export async function editWork(
  parts: Parts,
  session: string,
  request: EditRequest,
  uploads: UploadedParts,
): Promise<EditWork> {
  const { manifest } = await parts.store.read(session);
  const { from = manifest.head, instruction, variations = 1, previews = DEFAULT_PREVIEWS } = request;
  findNode(manifest, from);
  return {
    kind: "edit",
    ...{ from, instruction, variations, previews },
    mask: request.mask ? await resolveMask(parts, session, request.mask, uploads) : null,
    regions: (await resolveRegions(parts, session, request.regions, uploads)) ?? [],
    settings: settingsOf(request),
    moveHead: variations === 1,
  };
}

export async function replayWork(
  parts: Parts,
  session: string,
  node: string,
  request: ReplayRequest,
  uploads: UploadedParts,
): Promise<ReplayWork> {
  const { manifest } = await parts.store.read(session);
  if (findNode(manifest, node).parent === null) {
    throw new EmilieError("option.invalid", "the original has no recipe to change: choose an edit");
  }
  const { mask } = request;
  return {
    kind: "replay",
    from: node,
    instruction: request.instruction,
    mask: mask ? await resolveMask(parts, session, mask, uploads) : mask,
    regions: await resolveRegions(parts, session, request.regions, uploads),
    settings: settingsOf(request),
    nodes: descendants(manifest, node),
    previews: request.previews ?? DEFAULT_PREVIEWS,
  };
}

export async function relevanceWork(
  parts: Parts,
  session: string,
  { instruction, from, seed = 0, ...options }: RelevanceRequest,
): Promise<RelevanceWork> {
  const { manifest } = await parts.store.read(session);
  const node = from ?? manifest.head;
  findNode(manifest, node);
  return { kind: "relevance", from: node, instruction, seed, options };
}

function settingsOf(request: ReplayRequest): WorkSettings {
  const { seed, preset, steps, sampler, textGuidance, imageGuidance, control, strength, base } = request;
  const { guidanceInterval, reuse, gate, window } = request;
  if (seed !== undefined && BigInt(seed) >= 2n ** 64n - 16n) {
    throw new EmilieError("option.invalid", `the seed must be a whole number below 2⁶⁴ − 16, got ${seed}`);
  }
  const all = {
    seed: seed?.toString(),
    preset,
    steps,
    sampler,
    textGuidance,
    imageGuidance,
    guidanceInterval,
    reuse,
    control,
    strength,
    gate,
    base,
    window,
  };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined)) as WorkSettings;
}

async function resolveRegions(
  parts: Parts,
  session: string,
  regions: EditRequest["regions"],
  uploads: UploadedParts,
): Promise<WorkRegion[] | undefined> {
  if (!regions) return undefined;
  const resolved: WorkRegion[] = [];
  for (const { instruction, mask, weight } of regions) {
    const place = mask ? await resolveMask(parts, session, mask, uploads) : null;
    resolved.push({ instruction, weight, mask: place as WorkRegion["mask"] });
  }
  return resolved;
}

async function resolveMask(
  parts: Parts,
  session: string,
  mask: MaskRef,
  uploads: UploadedParts,
): Promise<WorkMask> {
  const { store } = parts;
  if ("auto" in mask) return { auto: mask.auto };
  if ("id" in mask) {
    await readMaskPiece(store, session, mask.id);
    return { id: mask.id };
  }
  if ("box" in mask) return { id: (await keepMask(parts, session, { box: mask.box })).id };
  if ("node" in mask) {
    const { manifest } = await store.read(session);
    const place = await maskOfNode(store, session, findNode(manifest, mask.node));
    return place && { id: (await keepMask(parts, session, place)).id };
  }
  const bytes = uploads.get(mask.part);
  if (bytes) return { id: (await keepMask(parts, session, { upload: bytes })).id };
  throw new EmilieError(
    "option.invalid",
    `the request names the part "${mask.part}", which it does not have`,
  );
}
