/** Cropping and expanding: the frame while it is moved, and what becomes of it. */
import { MAX_PICTURE_PIXELS, MIN_CANVAS_SIDE } from "../../../src/web.ts";
import { whenOpened } from "./early.ts";
import { isRunning, run } from "./job.ts";
import { chooseTool, reuseMask } from "./mask.ts";
import { changeStep } from "./steps.ts";
import { get, report, set } from "./store.ts";
import type { CanvasBox } from "./types.ts";
import { goTo, show } from "./view.ts";

export type { CanvasBox } from "./types.ts";

type Edges = Partial<Record<"left" | "top" | "right" | "bottom", number>>;

/** Moves edges to where a pointer or a key has put them, in pixels of the picture, as far as they may go. */
export function moveEdges(to: Edges): void {
  const { canvas, session } = get();
  if (!canvas || !session) return;
  const { width, height } = session;
  const crop = canvas.kind === "crop";
  const least = Math.min(MIN_CANVAS_SIDE, width, height);
  const was = {
    left: canvas.x,
    top: canvas.y,
    right: canvas.x + canvas.width,
    bottom: canvas.y + canvas.height,
  };
  const edges = { ...was, ...to };
  const between = (value: number, low: number, high: number) =>
    Math.round(Math.min(high, Math.max(low, value)));
  // As much again on each side at most: more is another picture, and can be added in another step.
  const left = between(edges.left, crop ? 0 : -width, crop ? was.right - least : 0);
  const top = between(edges.top, crop ? 0 : -height, crop ? was.bottom - least : 0);
  const right = between(edges.right, crop ? left + least : width, crop ? width : 2 * width);
  const bottom = between(edges.bottom, crop ? top + least : height, crop ? height : 2 * height);
  const next = { x: left, y: top, width: right - left, height: bottom - top };
  if (next.width * next.height > MAX_PICTURE_PIXELS) return;
  set({ canvas: { ...canvas, ...next } });
}

/** Whether the frame is another one than the picture's. */
export function changesCanvas(
  { width, height }: CanvasBox,
  picture: { readonly width: number; readonly height: number },
): boolean {
  return width !== picture.width || height !== picture.height;
}

/** Makes the step; an expansion's border is then the mask of what is written next. */
export async function applyCanvas(): Promise<void> {
  // The frame may be drawn while the model loads.
  await whenOpened();
  const { backend, session, canvas } = get();
  if (!session || !canvas || isRunning() || !changesCanvas(canvas, session)) return;
  const { kind, x, y, width, height, replaces } = canvas;
  const box = { x, y, width, height };
  const right = x + width - session.width;
  const bottom = y + height - session.height;
  const change = kind === "crop" ? { crop: box } : { expand: { left: -x, top: -y, right, bottom } };
  chooseTool("move");
  if (replaces) return changeStep(replaces, change);
  await run({ kind: "canvas", title: `${width} × ${height}`, steps: 0, count: 1 }, async (call) => {
    const view = await backend.changeCanvas(session.id, session.head, change, call);
    await show(view);
    // What it did is said by the same measure as of an edit.
    const measured = await backend.measure(view.id, view.head);
    if (get().session?.id === view.id && get().session?.head === view.head) await show(measured);
  });
  if (kind === "crop") return;
  const head = get().session?.nodes.find(({ id }) => id === get().session?.head);
  if (head?.canvas?.kind !== "expand") return;
  await reuseMask(head.id);
  document.getElementById("instruction")?.focus();
}

/** Takes a crop or an expansion up again, to be changed: its frame on the picture before it. */
export async function changeCanvasStep(id: string): Promise<void> {
  const { session } = get();
  const node = session?.nodes.find((one) => one.id === id);
  if (!node?.canvas || !node.parent) return;
  try {
    await goTo(node.parent);
    chooseTool(node.canvas.kind);
    set({ canvas: { ...node.canvas, replaces: id } });
  } catch (error) {
    report(error);
  }
}
