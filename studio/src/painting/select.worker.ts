/** Selecting off the page's own thread: the picture is sent once, looked at once, and asked about as often as one clicks. */
import { type Mask, type MaskPatch, type Picture, type Selection, Selector } from "../../../src/web.ts";

export type ToSelect =
  | { readonly picture: Picture }
  | { readonly prepare: true }
  | { readonly id: number; readonly select: Selection }
  | { readonly id: number; readonly coarse: Mask };
export interface Selected {
  readonly id: number;
  readonly patch?: MaskPatch;
  readonly error?: string;
}

let selector: Selector | undefined;

addEventListener("message", ({ data }: MessageEvent<ToSelect>) => {
  if ("picture" in data) {
    selector = new Selector(data.picture);
    return;
  }
  if ("prepare" in data) {
    selector?.prepare();
    return;
  }
  const { id } = data;
  try {
    const patch = "select" in data ? selector!.patch(data.select) : selector!.follow(data.coarse);
    postMessage({ id, patch } satisfies Selected, { transfer: [patch.levels.buffer as ArrayBuffer] });
  } catch (error) {
    postMessage({ id, error: (error as Error).message } satisfies Selected);
  }
});
