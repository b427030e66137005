import type { Tensor } from "../library.ts";
/** Embeddings compared. */

export type Vector = Float32Array | Float64Array;

/** a·b / (‖a‖·‖b‖); 0 where one of them is zero. */
export function cosine(a: Vector, b: Vector): number {
  const size = Math.sqrt(dot(a, a) * dot(b, b));
  return size === 0 ? 0 : dot(a, b) / size;
}

/** b/‖b‖ − a/‖a‖ */
export function direction(a: Vector, b: Vector): Float64Array {
  const [m, n] = [Math.sqrt(dot(a, a)), Math.sqrt(dot(b, b))];
  return Float64Array.from(b, (value, i) => value / n - a[i]! / m);
}

function dot(a: Vector, b: Vector): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}

/**
 * Remembers what was computed of a key. A picture is known by its object, a text by its characters; a call that failed or
 * was aborted is forgotten.
 */
export class Memory<K extends object | string> {
  readonly #objects = new WeakMap<object, Tensor>();
  readonly #texts = new Map<string, Tensor>();

  async get(key: K, compute: () => Promise<Tensor>): Promise<Tensor> {
    const known = typeof key === "string" ? this.#texts.get(key) : this.#objects.get(key);
    if (known) return known;
    const value = await compute();
    if (typeof key === "string") {
      if (this.#texts.size >= MAX_TEXTS) this.#texts.delete(this.#texts.keys().next().value!);
      this.#texts.set(key, value);
    } else this.#objects.set(key, value);
    return value;
  }
}

/** Embeddings of texts kept: a dataset's captions come round for every method and seed. */
const MAX_TEXTS = 10_000;
