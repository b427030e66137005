/** Actions on masks and regions. */
import {
  type Mask,
  type MaskPatch,
  maskOfPicture,
  moveMask,
  otsuThreshold,
  readPicture,
  resizeMask,
  type Selection,
} from "../../../src/web.ts";
import type { Place } from "../canvas/align.ts";
import * as layers from "../painting/layer.ts";
import { change, forget, forgetAll, paint, paintedOf } from "../painting/regions.ts";
import { follow, prepare, select } from "../painting/selecting.ts";
import { t } from "../words/index.ts";
import { firstRegion, get, notify, report, set } from "./store.ts";
import { PAINTING, type RegionView, type Tool } from "./types.ts";

export function chooseTool(tool: Tool): void {
  const { session, compare } = get();
  const kind = tool === "crop" || tool === "expand" ? tool : null;
  const { width = 0, height = 0 } = session ?? {};
  set({
    tool,
    compare: kind || PAINTING.includes(tool) ? null : compare,
    canvas: kind && session ? { kind, x: 0, y: 0, width, height } : null,
  });
  prepareSelecting();
}

/** Where things are selected, has the picture that is shown looked at before the next click. */
export function prepareSelecting(): void {
  const { tool, session, pictures } = get();
  const picture = session && pictures.get(session.head);
  if (tool === "select" && picture) prepare(picture);
}

export function changeBrush(brush: Partial<{ size: number; softness: number }>): void {
  const next = { ...get().brush, ...brush };
  set({
    brush: {
      size: Math.min(0.5, Math.max(0.005, next.size)),
      softness: Math.min(1, Math.max(0, next.softness)),
    },
  });
}

export function currentRegion(): RegionView {
  const { regions, region } = get();
  return regions.find(({ id }) => id === region) ?? regions[0]!;
}

export function changeRegion(id: number, changes: Partial<RegionView>): void {
  set(({ regions }) => ({ regions: regions.map((one) => (one.id === id ? { ...one, ...changes } : one)) }));
}

/** The mask of the current region, made if there is none. */
export function currentPaint() {
  const { session, region } = get();
  return paint(region, session!.width, session!.height);
}

/** Takes painted masks along where the picture that is shown has another canvas than the one before. */
export function moveMasks(from: Place, to: Place): void {
  let any = false;
  for (const { id } of get().regions) {
    const own = paintedOf(id);
    if (!own || own.layer.width !== from.width || own.layer.height !== from.height) continue;
    const moved = moveMask(layers.toMask(own.layer), from, to);
    forget(id);
    layers.place(paint(id, to.width, to.height).layer, moved);
    any = true;
  }
  if (!any) return;
  set(({ regions }) => ({
    regions: regions.map((one) => {
      const own = paintedOf(one.id);
      return { ...one, automatic: null, masked: own !== undefined && !layers.isBlank(own.layer) };
    }),
  }));
  touched();
}

/** Says that the current mask has changed. */
export function touched(): void {
  const { region, painted } = get();
  const own = paintedOf(region);
  changeRegion(region, { masked: own !== undefined && !layers.isBlank(own.layer) });
  set({
    painted: painted + 1,
    canUndoStroke: own?.strokes.canUndo ?? false,
    canRedoStroke: own?.strokes.canRedo ?? false,
  });
}

export function operate(action: (layer: layers.Layer) => layers.Rect): void {
  if (!get().session) return;
  change(currentPaint(), action);
  touched();
}

export function undoStroke(): boolean {
  const done = paintedOf(get().region)?.strokes.undo() ?? false;
  if (done) touched();
  return done;
}

export function redoStroke(): boolean {
  const done = paintedOf(get().region)?.strokes.redo() ?? false;
  if (done) touched();
  return done;
}

export function clearMask(): void {
  changeRegion(get().region, { automatic: null });
  operate(layers.clear);
}

export function featherMask(): void {
  const { session } = get();
  if (session)
    operate((layer) => layers.feather(layer, Math.max(2, Math.max(session.width, session.height) / 64)));
}

/** Lays a mask of any size into the current region. */
export function placeMask(mask: Mask): void {
  const { session } = get();
  if (!session) return;
  const fitted = resizeMask(mask, session.width, session.height);
  changeRegion(get().region, { automatic: null });
  operate((layer) => layers.place(layer, fitted));
}

export async function importMask(file: Blob): Promise<void> {
  try {
    const { mask, warnings } = maskOfPicture(await readPicture(file));
    placeMask(mask);
    notify("info", [t.maskLaid, ...warnings].join(" "));
  } catch (error) {
    report(error);
  }
}

export async function reuseMask(node: string): Promise<void> {
  const { backend, session } = get();
  if (!session) return;
  try {
    const mask = await backend.mask(session.id, node);
    if (mask) placeMask(mask);
    else notify("info", t.stepHadNoMask);
  } catch (error) {
    report(error);
  }
}

/** Adds the thing at a point or in a box to the mask, or takes it away. */
export async function selectThing(selection: Selection, erase: boolean): Promise<void> {
  const { session, pictures, region } = get();
  const picture = session && pictures.get(session.head);
  if (!session || !picture) return;
  try {
    const patch = await select(picture, selection);
    if (get().session?.id !== session.id) return;
    set({ region });
    operate((layer) => layers.merge(layer, patch, erase));
  } catch (error) {
    report(error);
  }
}

/** Lays an automatic mask of a map out: above a threshold that parts it best, along the edges of the picture. */
export async function setHeat(region: number, heat: Mask): Promise<void> {
  const { session } = get();
  if (!session) return;
  const threshold = otsuThreshold(heat);
  set({ region });
  const own = paint(region, session.width, session.height);
  own.heat = heat;
  own.layer.touched.fill(0);
  changeRegion(region, { automatic: { threshold } });
  const patch = await above(heat, threshold);
  if (patch && get().session?.id === session.id) operate((layer) => layers.underneath(layer, patch));
}

/** Where a map reaches a threshold, along the edges of the picture. */
async function above(heat: Mask, threshold: number): Promise<MaskPatch | null> {
  const { session, pictures } = get();
  const picture = session && pictures.get(session.head);
  if (!picture) return null;
  return follow(picture, { ...heat, data: heat.data.map((value) => (value >= threshold ? 1 : 0)) });
}

export async function moveThreshold(threshold: number): Promise<void> {
  const { region } = get();
  const own = paintedOf(region);
  if (!own?.heat) return;
  changeRegion(region, { automatic: { threshold } });
  const patch = await above(own.heat, threshold);
  // The slider may have moved on meanwhile.
  if (!patch || get().regions.find(({ id }) => id === region)?.automatic?.threshold !== threshold) return;
  // A slider in motion is not a stroke for every pixel it moves.
  layers.underneath(own.layer, patch);
  touched();
}

/** Nothing was typed, painted or laid beside it. */
export const isBlankDraft = (): boolean =>
  get().references.length === 0 &&
  get().regions.every(({ instruction, masked }) => instruction === "" && !masked);

export function addRegion(): void {
  const id = Math.max(...get().regions.map((r) => r.id)) + 1;
  set(({ regions, tool }) => ({
    regions: [...regions, { ...firstRegion, id }],
    region: id,
    tool: PAINTING.includes(tool) ? tool : "brush",
  }));
  touched();
}

export function removeRegion(id: number): void {
  const { regions, region } = get();
  if (regions.length === 1) return;
  forget(id);
  const rest = regions.filter((one) => one.id !== id);
  set({ regions: rest, region: region === id ? rest.at(-1)!.id : region });
  touched();
}

export function chooseRegion(region: number): void {
  set({ region });
  touched();
}

export function resetRegions(): void {
  forgetAll();
  set({ regions: [firstRegion], region: 1, references: [], tool: "move" });
  touched();
}
