/** Selecting off the page's own thread: the picture is sent once, and asked about as often as one clicks. */
import { alongEdges, type Mask, type Picture, type Selection, selectRegion } from "../../../src/web.ts";

export type ToSelect =
  | { readonly picture: Picture }
  | { readonly id: number; readonly select: Selection }
  | { readonly id: number; readonly coarse: Mask };
export interface Selected {
  readonly id: number;
  readonly mask?: Mask;
  readonly error?: string;
}

let picture: Picture | undefined;

addEventListener("message", ({ data }: MessageEvent<ToSelect>) => {
  if ("picture" in data) {
    picture = data.picture;
    return;
  }
  const { id } = data;
  try {
    const mask = "select" in data ? selectRegion(picture!, data.select) : alongEdges(data.coarse, picture!);
    postMessage({ id, mask } satisfies Selected, { transfer: [mask.data.buffer as ArrayBuffer] });
  } catch (error) {
    postMessage({ id, error: (error as Error).message } satisfies Selected);
  }
});
