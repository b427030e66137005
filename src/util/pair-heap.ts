/** Pairs of numbers with a key, given back with the least key first (a binary heap). */
export class PairHeap {
  #keys: Float64Array;
  /** Two numbers a key. */
  #pairs: Int32Array;
  #length = 0;

  /** @param room for so many pairs at first; it grows where more are held */
  constructor(room = 64) {
    this.#keys = new Float64Array(Math.max(1, room));
    this.#pairs = new Int32Array(2 * this.#keys.length);
  }

  push(key: number, a: number, b: number): void {
    if (this.#length === this.#keys.length) this.#grow();
    const [keys, pairs] = [this.#keys, this.#pairs];
    let at = this.#length++;
    for (let up = (at - 1) >> 1; at > 0 && keys[up]! > key; at = up, up = (at - 1) >> 1) {
      keys[at] = keys[up]!;
      pairs[2 * at] = pairs[2 * up]!;
      pairs[2 * at + 1] = pairs[2 * up + 1]!;
    }
    keys[at] = key;
    pairs[2 * at] = a;
    pairs[2 * at + 1] = b;
  }

  pop(): { key: number; a: number; b: number } | undefined {
    if (this.#length === 0) return undefined;
    const [keys, pairs] = [this.#keys, this.#pairs];
    const first = { key: keys[0]!, a: pairs[0]!, b: pairs[1]! };
    const length = --this.#length;
    const key = keys[length]!;
    let at = 0;
    for (let down = 1; down < length; down = 2 * at + 1) {
      if (down + 1 < length && keys[down + 1]! < keys[down]!) down++;
      if (keys[down]! >= key) break;
      keys[at] = keys[down]!;
      pairs[2 * at] = pairs[2 * down]!;
      pairs[2 * at + 1] = pairs[2 * down + 1]!;
      at = down;
    }
    keys[at] = key;
    pairs[2 * at] = pairs[2 * length]!;
    pairs[2 * at + 1] = pairs[2 * length + 1]!;
    return first;
  }

  #grow(): void {
    const [keys, pairs] = [this.#keys, this.#pairs];
    this.#keys = new Float64Array(2 * keys.length);
    this.#pairs = new Int32Array(4 * keys.length);
    this.#keys.set(keys);
    this.#pairs.set(pairs);
  }
}
