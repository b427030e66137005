/** Pairs of numbers with a key, given back with the least key first (a binary heap). */
export class PairHeap {
  readonly #keys: number[] = [];
  readonly #pairs: number[] = [];

  push(key: number, a: number, b: number): void {
    const [keys, pairs] = [this.#keys, this.#pairs];
    let at = keys.length;
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
    const [keys, pairs] = [this.#keys, this.#pairs];
    if (keys.length === 0) return undefined;
    const first = { key: keys[0]!, a: pairs[0]!, b: pairs[1]! };
    const b = pairs.pop()!;
    const a = pairs.pop()!;
    const key = keys.pop()!;
    const length = keys.length;
    if (length === 0) return first;
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
    pairs[2 * at] = a;
    pairs[2 * at + 1] = b;
    return first;
  }
}
