/** From a request to a piece of work: names resolved, masks stored, so that it can be done at any later time. */
import { EmilieError } from "../errors.ts";
import type { Size } from "../images/model-image.ts";
import { InputError } from "../input/input-error.ts";
import { pickSettings } from "../method/settings-derived.ts";
import type { Manifest } from "../session/file/schema.ts";
import { type CanvasInput, canvasInput, changeOf } from "../session/tree/canvas-input.ts";
import { MAX_SEED, SEED_RANGE } from "../tensor/noise.ts";
import { defined } from "../util/defined.ts";
import { keepMask } from "./mask-files.ts";
import { maskOfNode, readMaskPiece } from "./mask-pieces.ts";
import type { Parts } from "./parts.ts";
import type { EditWork, RelevanceWork, ReplayWork, WorkMask, WorkRegion } from "./queue/work.ts";
import type { EditRequest, MaskRef, RelevanceRequest, ReplayRequest } from "./schemas/index.ts";
import { pictureOf } from "./sessions.ts";
import type { SessionRecord } from "./store/store.ts";
import { descendants, findNode, pathOf, shownNodes } from "./store/tree.ts";
import { sizesOf } from "./view.ts";
import type { Border, MaskSource } from "./worker/protocol.ts";

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
  checkSeeds(request.seed, variations);
  const canvas = canvasOfRequest(request);
  if (instruction === undefined) checkOnlyCanvas(request, canvas);
  const ground = groundOf(manifest, from, canvas);
  const resolve = maskResolver(parts, session, uploads, ground);
  const mask =
    request.mask ?? (canvas?.kind === "expand" && instruction !== undefined ? { border: true } : undefined);
  return {
    kind: "edit",
    ...{ from, canvas, instruction: instruction ?? "", variations, previews },
    mask: mask ? await resolve(mask as MaskRef) : null,
    regions: (await resolveRegions(request.regions, resolve)) ?? [],
    settings: pickSettings(request),
    warnings: resolve.warnings,
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
  const record = await parts.store.read(session);
  const { manifest } = record;
  if (findNode(manifest, node).parent === null) {
    throw new EmilieError("option.invalid", "the original has no recipe to change: choose an edit");
  }
  const { mask } = request;
  // What a step may change is chosen on the picture that it starts from.
  const ground = groundOf(manifest, findNode(manifest, node).parent!);
  const resolve = maskResolver(parts, session, uploads, ground);
  return {
    kind: "replay",
    from: node,
    instruction: request.instruction,
    canvas: canvasOfRequest(request),
    mask: mask ? await resolve(mask) : mask,
    regions: await resolveRegions(request.regions, resolve),
    settings: pickSettings(request),
    warnings: resolve.warnings,
    nodes: replayedNodes(record, node, request.until),
    previews: request.previews ?? DEFAULT_PREVIEWS,
  };
}

function replayedNodes(record: SessionRecord, node: string, until?: string): string[] {
  const shown = shownNodes(record).map(({ id }) => id);
  const below = descendants(record.manifest, node).filter((id) => id === node || shown.includes(id));
  if (until === undefined) return below;
  const way = pathOf(record.manifest, until).map(({ id }) => id);
  if (way.includes(node)) return below.filter((id) => way.includes(id));
  throw new EmilieError("option.invalid", "until: expected a node that follows the changed step");
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

/** Throws option.invalid where the seeds of the variations, which count up from the first, leave their range. */
export function checkSeeds(seed: number | string | bigint | undefined, variations: number): void {
  const last = BigInt(seed ?? 0) + BigInt(variations - 1);
  if (last <= MAX_SEED) return;
  throw new EmilieError(
    "option.invalid",
    `the seeds of ${variations} pictures count up from the first, to ${last}; a seed is ${SEED_RANGE}, got ${seed}`,
  );
}

async function resolveRegions(
  regions: EditRequest["regions"],
  resolve: MaskResolver,
): Promise<WorkRegion[] | undefined> {
  if (!regions) return undefined;
  const resolved: WorkRegion[] = [];
  for (const { instruction, mask, weight } of regions) {
    const place = mask ? await resolve(mask) : null;
    resolved.push({ instruction, weight, mask: place as WorkRegion["mask"] });
  }
  return resolved;
}

/** What the masks of a request are made for. */
interface Ground {
  /** The node whose picture it is; undefined while it is yet to be cropped or expanded. */
  readonly from: string | undefined;
  readonly size: Size;
  /** What the expansion before it has added. */
  readonly border: Border | undefined;
}

function groundOf(manifest: Manifest, from: string, input?: CanvasInput): Ground {
  const sizes = sizesOf(manifest);
  const canvas = input && changeOf(input, sizes.get(from)!);
  if (canvas) {
    const border = canvas.kind === "expand" ? { before: sizes.get(from)!, canvas } : undefined;
    return { from: undefined, size: canvas, border };
  }
  const last = pathOf(manifest, from).findLast(({ recipe }) => recipe?.canvas);
  const made = last?.recipe?.canvas;
  const border = made?.kind === "expand" ? { before: sizes.get(last!.parent!)!, canvas: made } : undefined;
  return { from, size: sizes.get(from)!, border };
}

function canvasOfRequest({ crop, expand }: Pick<EditRequest, "crop" | "expand">): CanvasInput | undefined {
  if (crop && expand) {
    throw new EmilieError(
      "option.invalid",
      "a request has crop or expand, not both: make the other a request of its own",
    );
  }
  return canvasInput(crop, expand);
}

/** Throws option.invalid where nothing is asked for, or settings of an edit that is none. */
function checkOnlyCanvas(request: EditRequest, canvas: CanvasInput | undefined): void {
  if (!canvas)
    throw new InputError("instruction", "missing", "say what should change, or give crop or expand");
  const { crop: _, expand: __, from: ___, previews: ____, ...edit } = request;
  const [idle] = Object.keys(defined(edit));
  if (idle === undefined) return;
  throw new EmilieError(
    "option.invalid",
    `${idle}: without an instruction nothing is computed; add one, or leave this out`,
  );
}

interface MaskResolver {
  (mask: MaskRef): Promise<WorkMask>;
  /** What there was to say of the masks so far. */
  readonly warnings: string[];
}

function maskResolver(
  parts: Parts,
  session: string,
  uploads: UploadedParts,
  { from, size, border }: Ground,
): MaskResolver {
  const { store } = parts;
  const warnings: string[] = [];
  const keep = async (source: MaskSource): Promise<WorkMask> => {
    const kept = await keepMask(parts, session, source, size);
    warnings.push(...kept.warnings);
    return { id: kept.id };
  };
  return Object.assign(resolve, { warnings });

  async function resolve(mask: MaskRef): Promise<WorkMask> {
    if ("auto" in mask) return { auto: mask.auto };
    if ("id" in mask) {
      await readMaskPiece(store, session, mask.id, size);
      return { id: mask.id };
    }
    if ("box" in mask) return keep({ box: mask.box });
    if ("border" in mask) {
      if (border) return keep({ border });
      throw new EmilieError(
        "option.invalid",
        "the mask is the border that an expansion has added, and there is none before this edit: expand the picture first",
      );
    }
    if ("at" in mask || "around" in mask) {
      if (from === undefined) {
        throw new EmilieError(
          "option.invalid",
          "a mask by at or around follows the edges of a picture that this request has yet to crop or expand: do that first",
        );
      }
      const select = "at" in mask ? { point: mask.at } : { box: mask.around };
      return keep({ select, picture: await pictureOf(parts, session, from) });
    }
    if ("node" in mask) {
      const { manifest } = await store.read(session);
      const place = await maskOfNode(store, session, findNode(manifest, mask.node));
      return place && keep(place);
    }
    const { part, ...reading } = mask;
    const upload = uploads.get(part);
    if (upload) return keep({ upload, ...reading });
    throw new EmilieError("option.invalid", `the request names the part "${part}", which it does not have`);
  }
}
