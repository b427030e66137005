/** Undo of strokes: each remembers the rectangle it touched, before and after. */
import { isEmpty, type Layer, type Rect } from "./layer.ts";

interface Patch {
  readonly rect: Rect;
  readonly before: Uint8Array;
  readonly after: Uint8Array;
}

/** A day of painting; beyond it the first strokes are no longer undone. */
const MAX_STROKES = 200;

export class Strokes {
  readonly #undo: Patch[] = [];
  readonly #redo: Patch[] = [];
  #before: Uint8Array | null = null;

  constructor(readonly layer: Layer) {}

  get canUndo(): boolean {
    return this.#undo.length > 0;
  }

  get canRedo(): boolean {
    return this.#redo.length > 0;
  }

  /** Before the first change of a stroke. */
  begin(): void {
    this.#before = this.layer.data.slice();
  }

  /** After its last; `rect` covers all of its changes. A stroke that changed nothing leaves no trace. */
  end(rect: Rect): void {
    const before = this.#before;
    this.#before = null;
    if (!before || isEmpty(rect)) return;
    const patch = {
      rect,
      before: cut(before, this.layer, rect),
      after: cut(this.layer.data, this.layer, rect),
    };
    if (patch.before.every((value, i) => value === patch.after[i])) return;
    this.#undo.push(patch);
    if (this.#undo.length > MAX_STROKES) this.#undo.shift();
    this.#redo.length = 0;
  }

  /** Takes back a stroke that is not finished. */
  cancel(): void {
    if (this.#before) this.layer.data.set(this.#before);
    this.#before = null;
  }

  undo(): boolean {
    return this.#move(this.#undo, this.#redo, "before");
  }

  redo(): boolean {
    return this.#move(this.#redo, this.#undo, "after");
  }

  #move(from: Patch[], to: Patch[], side: "before" | "after"): boolean {
    const patch = from.pop();
    if (!patch) return false;
    paste(patch[side], this.layer, patch.rect);
    to.push(patch);
    return true;
  }
}

function cut(data: Uint8Array, { width }: Layer, { x0, y0, x1, y1 }: Rect): Uint8Array {
  const part = new Uint8Array((x1 - x0) * (y1 - y0));
  for (let y = y0; y < y1; y++) part.set(data.subarray(y * width + x0, y * width + x1), (y - y0) * (x1 - x0));
  return part;
}

function paste(part: Uint8Array, { width, data }: Layer, { x0, y0, x1, y1 }: Rect): void {
  const w = x1 - x0;
  for (let y = y0; y < y1; y++) data.set(part.subarray((y - y0) * w, (y - y0 + 1) * w), y * width + x0);
}
