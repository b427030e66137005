/** The draft as a request, and back: what is asked for, and the words and places of a step. */
import { moveMask } from "../../../src/web.ts";
import type { EditRequest, EditSettings, NodeView } from "../backend/backend.ts";
import { isSamePlace, placeOf } from "../canvas/align.ts";
import { isBlank, place, toMask } from "../painting/layer.ts";
import { paint, paintedOf } from "../painting/regions.ts";
import { resetRegions, touched } from "./mask.ts";
import { firstRegion, get, set } from "./store.ts";
import type { Draft, LayerCopy, Queued, RegionView, Settings } from "./types.ts";

/** Where the picture lies that is shown. */
export function placeNow(): Draft["place"] {
  const session = get().session!;
  return placeOf([...session.nodes, ...session.bin], session.head);
}

/** Words, places, references and seed as they stand; masks as copies. */
export function draftNow(): Draft {
  const { regions, painted, references, settings } = get();
  const layers = new Map<number, LayerCopy>();
  for (const { id, masked } of regions) {
    const own = masked ? paintedOf(id)?.layer : undefined;
    if (own) layers.set(id, { width: own.width, height: own.height, data: own.data.slice() });
  }
  return { regions, painted, references, seed: settings.seed, layers, place: placeNow() };
}

/** Whether nothing was changed since the draft was taken. */
export function stands({ regions, painted, references }: Draft): boolean {
  const now = get();
  return regions === now.regions && painted === now.painted && references === now.references;
}

/** Whether two drafts say the same, as one that was kept and one that was asked for. */
export function isSameDraft(a: Draft, b: Draft): boolean {
  const words = ({ regions }: Draft) =>
    JSON.stringify(regions.map(({ id, instruction, masked }) => [id, instruction, masked]));
  const same = (one: LayerCopy, other?: LayerCopy) =>
    one.data.length === other?.data.length && one.data.every((value, i) => value === other.data[i]);
  return (
    words(a) === words(b) &&
    a.references.length === b.references.length &&
    a.references.every(
      ({ name, size }, i) => name === b.references[i]!.name && size === b.references[i]!.size,
    ) &&
    [...a.layers].every(([id, layer]) => same(layer, b.layers.get(id)))
  );
}

/** Puts a draft back as it stood; masks stay where they were on a picture whose canvas has changed since. */
export function layOut({ regions, layers, references, seed, place: from }: Omit<Draft, "painted">): void {
  resetRegions();
  const to = placeNow();
  const masked = new Set<number>();
  for (const [id, { width, height, data }] of layers) {
    const mask = { width, height, data: Float32Array.from(data, (v) => v / 255) };
    const moved = isSamePlace(from, to) ? mask : moveMask(mask, from, to);
    const { layer } = paint(id, moved.width, moved.height);
    place(layer, moved);
    if (!isBlank(layer)) masked.add(id);
  }
  set(({ settings }) => ({
    regions: regions.map((one) => ({ ...one, automatic: null, masked: masked.has(one.id) })),
    references,
    region: regions[0]!.id,
    settings: { ...settings, seed },
  }));
  touched();
}

/** The settings as an edit is asked for with them. */
export function settingsOf(settings: Settings): EditSettings {
  const { variations: _, seedLocked: __, ...asked } = settings;
  return asked;
}

export function requestOf({ settings, draft, given }: Queued): Omit<EditRequest, "from"> {
  if (!draft) return { ...settings, ...given! };
  return {
    ...settings,
    references: draft.references,
    regions: draft.regions.map(({ id, instruction }) => {
      const layer = draft.layers.get(id);
      return { instruction: instruction.trim(), mask: layer && toMask(layer) };
    }),
  };
}

/** The words, masks and reference pictures of a step, as they were asked for. */
async function partsOf(node: NodeView): Promise<Pick<EditRequest, "regions"> & Pick<Draft, "references">> {
  const { backend, session } = get();
  const regions = node.regions.map(async ({ instruction, hasMask, weight }, i) => ({
    instruction,
    weight,
    mask: hasMask ? ((await backend.mask(session!.id, node.id, i)) ?? undefined) : undefined,
  }));
  return {
    regions: await Promise.all(regions),
    references: node.references > 0 ? await backend.references(session!.id, node.id) : [],
  };
}

/** The request that made a step, with another seed. */
export async function requestAgain(node: NodeView, seed: bigint): Promise<EditRequest> {
  const { settings } = node;
  const detail = settings!.detail ?? "off";
  return { ...settings!, detail, from: node.parent!, seed, ...(await partsOf(node)) };
}

/** A step's words, places and references as a draft, with the seed that is set; null where it has none, as a crop. */
export async function draftOf(node: NodeView): Promise<Omit<Draft, "painted"> | null> {
  const { session, settings } = get();
  if (node.regions.length === 0) return null;
  const { regions, references } = await partsOf(node);
  if (get().session?.id !== session!.id) return null;
  const layers = new Map<number, LayerCopy>();
  const views: RegionView[] = regions.map(({ instruction, mask }, i) => {
    if (mask) {
      const { width, height } = mask;
      layers.set(i + 1, { width, height, data: Uint8Array.from(mask.data, (v) => Math.round(255 * v)) });
    }
    return { ...firstRegion, id: i + 1, instruction, masked: mask !== undefined };
  });
  const from = placeOf([...session!.nodes, ...session!.bin], node.parent ?? node.id);
  return { regions: views, layers, references, seed: settings.seed, place: from };
}
