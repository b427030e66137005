/** Masks that follow the edges of a picture, made in a worker of their own. */
import type { Mask, MaskPatch, Picture, Selection } from "../../../src/web.ts";
import type { Selected, ToSelect } from "./select.worker.ts";

let worker: Worker | undefined;
let known: Picture | undefined;
let last = 0;
const waiting = new Map<number, { resolve: (patch: MaskPatch) => void; reject: (error: Error) => void }>();

function send(message: ToSelect): void {
  if (!worker) {
    worker = new Worker(new URL("./select.worker.ts", import.meta.url), { type: "module" });
    worker.onmessage = ({ data: { id, patch, error } }: MessageEvent<Selected>) => {
      const asked = waiting.get(id);
      waiting.delete(id);
      if (patch) asked?.resolve(patch);
      else asked?.reject(new Error(error));
    };
  }
  worker.postMessage(message);
}

function show(picture: Picture): void {
  if (known !== picture) send({ picture });
  known = picture;
}

/** Has the picture looked at before the first click. */
export function prepare(picture: Picture): void {
  show(picture);
  send({ prepare: true });
}

function ask(picture: Picture, question: { select: Selection } | { coarse: Mask }): Promise<MaskPatch> {
  show(picture);
  const id = ++last;
  send({ id, ...question });
  return new Promise((resolve, reject) => waiting.set(id, { resolve, reject }));
}

/** The thing at a point of the picture, or what a box was drawn around. */
export const select = (picture: Picture, selection: Selection) => ask(picture, { select: selection });
/** A coarse mask brought to the picture's edges. */
export const follow = (picture: Picture, coarse: Mask) => ask(picture, { coarse });
