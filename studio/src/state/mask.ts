/** Actions on masks and regions. */
import type { Mask } from "../../../src/web.ts";
import { maskOfPicture, readPicture, resizeMask } from "../../../src/web.ts";
import * as layers from "../painting/layer.ts";
import { change, forget, forgetAll, paint, paintedOf } from "../painting/regions.ts";
import { firstRegion, get, notify, report, set } from "./store.ts";
import { PAINTING, type RegionView, type Tool } from "./types.ts";

export function chooseTool(tool: Tool): void {
  set({ tool, compare: PAINTING.includes(tool) ? null : get().compare });
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
    notify(
      "info",
      ["The mask was laid over the picture: white may change, black stays.", ...warnings].join(" "),
    );
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
    else notify("info", "That step had no mask: it was allowed to change everything.");
  } catch (error) {
    report(error);
  }
}

export function setHeat(region: number, heat: Mask, threshold: number): void {
  const { session } = get();
  if (!session) return;
  set({ region });
  const own = paint(region, session.width, session.height);
  own.heat = heat;
  own.layer.touched.fill(0);
  changeRegion(region, { automatic: { threshold } });
  operate((layer) => layers.threshold(layer, heat, threshold));
}

export function moveThreshold(threshold: number): void {
  const { region } = get();
  const own = paintedOf(region);
  if (!own?.heat) return;
  // A slider in motion is not a stroke for every pixel it moves.
  layers.threshold(own.layer, own.heat, threshold);
  changeRegion(region, { automatic: { threshold } });
  touched();
}

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
  set({ regions: [firstRegion], region: 1, tool: "move" });
  touched();
}
