/** Statistics of GroupNorms, gathered tile by tile, and the corrections that a sample of the picture needs to have them. */
import type { Feeds } from "../../runtime/engine.ts";
import type { Tensor } from "../../tensor/tensor.ts";

/** The eps of the VAE's GroupNorms, which every variance includes. */
const EPS = 1e-6;

type Named = Readonly<Record<string, Tensor>>;

/** Tensors are [groups, 1], named by their layer and what they are: as norms.ts has them. */
export class GroupStatistics {
  readonly #offset = new Map<string, Float64Array>();
  readonly #factor = new Map<string, Float64Array>();
  readonly #first = new Map<string, Float64Array>();
  readonly #second = new Map<string, Float64Array>();

  /** @param inputs of the sample's graph: "PATH.offset" and "PATH.factor" of every layer, among others */
  constructor(inputs: readonly { readonly name: string; readonly shape: readonly number[] }[]) {
    for (const { name, shape } of inputs) {
      if (!name.endsWith(OFFSET)) continue;
      const path = name.slice(0, -OFFSET.length);
      const filled = (value: number) => new Float64Array(shape[0]!).fill(value);
      this.#offset.set(path, filled(0));
      this.#factor.set(path, filled(1));
      this.#first.set(path, filled(0));
      this.#second.set(path, filled(0));
    }
  }

  /** What the sample's graph is fed besides the sample. */
  get corrections(): Feeds {
    const all = [...this.#offset.keys()].flatMap((path) => [
      [`${path}${OFFSET}`, column(this.#offset.get(path)!)] as const,
      [`${path}.factor`, column(this.#factor.get(path)!)] as const,
    ]);
    return Object.fromEntries(all);
  }

  /** Takes in a tile's moments, whose share of the picture is its own size over the picture's. */
  add(moments: Named, share: number): void {
    for (const [path, first] of this.#first) {
      const second = this.#second.get(path)!;
      moments[`${path}.first`]!.data.forEach((value, i) => {
        first[i]! += share * value;
      });
      moments[`${path}.second`]!.data.forEach((value, i) => {
        second[i]! += share * value;
      });
    }
  }

  /**
   * After all tiles: corrects the sample by the difference between what they had and `used`, what they were normalised by,
   * and begins anew. Returns the difference: the root of its mean square, of means in standard deviations and of
   * standard deviations in parts of themselves, in the layer where that is largest.
   */
  correct(used: Named): number {
    let largest = 0;
    for (const [path, first] of this.#first) {
      const variances = used[`${path}.variance`]!.data;
      const second = this.#second.get(path)!;
      let squares = 0;
      first.forEach((moved, i) => {
        const variance = Math.max(0, second[i]! - moved ** 2) + EPS;
        const ratio = variance / variances[i]!;
        squares += moved ** 2 / variance + (Math.log(ratio) / 2) ** 2;
        this.#offset.get(path)![i]! += moved;
        this.#factor.get(path)![i]! *= ratio;
      });
      largest = Math.max(largest, Math.sqrt(squares / first.length));
      first.fill(0);
      second.fill(0);
    }
    return largest;
  }
}

const OFFSET = ".offset";

const column = (values: Float64Array): Tensor => ({
  data: Float32Array.from(values),
  shape: [values.length, 1],
});
