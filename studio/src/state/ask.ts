/** The draft as a request, and back: what is asked for, and the words and places of a step. */
import type { EditRequest, NodeView } from "../backend/backend.ts";
import { type Layer, place, toMask } from "../painting/layer.ts";
import { paint, paintedOf } from "../painting/regions.ts";
import { resetRegions, touched } from "./mask.ts";
import { firstRegion, get, set } from "./store.ts";
import type { RegionView, Settings, StudioState } from "./types.ts";

/** Words and places as they stood. */
export interface Places extends Pick<StudioState, "regions" | "painted" | "references"> {
  readonly layers: ReadonlyMap<number, Pick<Layer, "width" | "height" | "data">>;
}

/** Copies of the painted masks, by region. */
export function layersNow(): Places["layers"] {
  const layers = new Map<number, Pick<Layer, "width" | "height" | "data">>();
  for (const { id, masked } of get().regions) {
    const own = masked ? paintedOf(id)?.layer : undefined;
    if (own) layers.set(id, { width: own.width, height: own.height, data: own.data.slice() });
  }
  return layers;
}

/** Puts words and places back as they stood. */
export function layOut({ regions, layers, references }: Omit<Places, "painted">): void {
  resetRegions();
  for (const [id, { width, height, data }] of layers)
    place(paint(id, width, height).layer, { width, height, data: Float32Array.from(data, (v) => v / 255) });
  set({ regions, references, region: regions[0]!.id });
  touched();
}

/** What stands in the box and on the picture, with the settings. */
export function requestOf(settings: Settings): Omit<EditRequest, "from"> {
  const { variations: _, seedLocked: __, ...asked } = settings;
  return {
    ...asked,
    references: get().references,
    regions: get().regions.map(({ id, instruction, masked }) => {
      const own = masked ? paintedOf(id) : undefined;
      return { instruction: instruction.trim(), mask: own && toMask(own.layer) };
    }),
  };
}

/** The words and masks of a step, as they were asked for. */
async function regionsOf(node: NodeView): Promise<EditRequest["regions"]> {
  const { backend, session } = get();
  return Promise.all(
    node.regions.map(async ({ instruction, hasMask, weight }, i) => ({
      instruction,
      weight,
      mask: hasMask ? ((await backend.mask(session!.id, node.id, i)) ?? undefined) : undefined,
    })),
  );
}

/** The request that made a step, with another seed. */
export async function requestAgain(node: NodeView, seed: bigint): Promise<EditRequest> {
  const { settings } = node;
  return { ...settings!, from: node.parent!, seed, regions: await regionsOf(node) };
}

/** Lays a step's words and places out as the draft. */
export async function takeUp(node: NodeView): Promise<void> {
  const { session } = get();
  const asked = await regionsOf(node);
  if (get().session?.id !== session?.id || asked.length === 0) return;
  const layers = new Map<number, Pick<Layer, "width" | "height" | "data">>();
  const regions: RegionView[] = asked.map(({ instruction, mask }, i) => {
    if (mask) {
      const { width, height } = mask;
      layers.set(i + 1, { width, height, data: Uint8Array.from(mask.data, (v) => Math.round(255 * v)) });
    }
    return { ...firstRegion, id: i + 1, instruction, masked: mask !== undefined };
  });
  layOut({ regions, layers, references: [] });
}
