/** Which areas of a plane lie beside each other, and along how many pixels. */

/** Pairs of areas that touch, in the order in which they are met row by row. */
export interface Touching {
  readonly count: number;
  readonly a: Int32Array;
  readonly b: Int32Array;
  /** Pairs of pixels that the two have in common. */
  readonly length: Int32Array;
}

/** The pairs of areas from 0 to `count` − 1, each of which hangs together. */
export function touchingOf(labels: Int32Array, width: number, count: number): Touching {
  // Areas of a plane that hang together have fewer than three borders each, on average (Euler).
  const most = 3 * count;
  const [a, b, length] = [new Int32Array(most), new Int32Array(most), new Int32Array(most)];
  const slots = new Int32Array(2 ** Math.ceil(Math.log2(2 * most + 2))).fill(-1);
  const last = slots.length - 1;
  let found = 0;
  for (let i = 0, x = 0; i < labels.length; i++) {
    if (++x < width) touch(labels[i]!, labels[i + 1]!);
    else x = 0;
    if (i + width < labels.length) touch(labels[i]!, labels[i + width]!);
  }
  return { count: found, a, b, length };

  function touch(p: number, q: number) {
    if (p === q) return;
    const [low, high] = p < q ? [p, q] : [q, p];
    const mixed = Math.imul(low, 0x9e3779b1) ^ Math.imul(high, 0x85ebca6b);
    for (let slot = (mixed ^ (mixed >>> 15)) & last; ; slot = (slot + 1) & last) {
      const pair = slots[slot]!;
      if (pair === -1) {
        slots[slot] = found;
        a[found] = low;
        b[found] = high;
        length[found++] = 1;
        return;
      }
      if (a[pair] === low && b[pair] === high) {
        length[pair]!++;
        return;
      }
    }
  }
}

/** The neighbours of areas that are merged in pairs: for each area a list, from that which it has touched longest. */
export class Neighbours {
  /** Sides of borders: 2i and 2i + 1 are what a border is to the one area and to the other. */
  readonly #to: Int32Array;
  readonly #next: Int32Array;
  readonly #previous: Int32Array;
  readonly #length: Int32Array;
  /** The first and last side of each area's list. */
  readonly #first: Int32Array;
  readonly #last: Int32Array;
  /** Of the area that is being made: its side to another one, where that was met. */
  readonly #side: Int32Array;

  /** @param most how many areas there will be, those that are merged among them */
  constructor({ count, a, b, length }: Touching, most: number) {
    this.#to = new Int32Array(2 * count);
    this.#next = new Int32Array(2 * count);
    this.#previous = new Int32Array(2 * count);
    this.#length = length.slice(0, count);
    this.#first = new Int32Array(most).fill(-1);
    this.#last = new Int32Array(most).fill(-1);
    this.#side = new Int32Array(most).fill(-1);
    for (let i = 0; i < count; i++) {
      this.#to[2 * i] = b[i]!;
      this.#to[2 * i + 1] = a[i]!;
      this.#append(a[i]!, 2 * i);
      this.#append(b[i]!, 2 * i + 1);
    }
  }

  /** Writes the neighbours of an area, and returns how many there are. */
  of(area: number, out: Int32Array): number {
    let n = 0;
    for (let side = this.#first[area]!; side !== -1; side = this.#next[side]!) out[n++] = this.#to[side]!;
    return n;
  }

  /** Makes one area of two; returns the length of the border between them. */
  merge(a: number, b: number, merged: number): number {
    const [to, side] = [this.#to, this.#side];
    let between = 0;
    for (let k = 0; k < 2; k++) {
      for (let at = this.#first[k === 0 ? a : b]!, after = -1; at !== -1; at = after) {
        after = this.#next[at]!;
        const other = to[at]!;
        if (other === a || other === b) {
          between = this.#length[at >> 1]!;
          continue;
        }
        this.#remove(other, at ^ 1);
        const known = side[other]!;
        if (known !== -1 && to[known ^ 1] === merged) {
          this.#length[known >> 1]! += this.#length[at >> 1]!;
          continue;
        }
        side[other] = at;
        to[at ^ 1] = merged;
        this.#append(merged, at);
        this.#append(other, at ^ 1);
      }
    }
    return between;
  }

  #append(area: number, side: number): void {
    const last = this.#last[area]!;
    this.#previous[side] = last;
    this.#next[side] = -1;
    if (last === -1) this.#first[area] = side;
    else this.#next[last] = side;
    this.#last[area] = side;
  }

  #remove(area: number, side: number): void {
    const [before, after] = [this.#previous[side]!, this.#next[side]!];
    if (before === -1) this.#first[area] = after;
    else this.#next[before] = after;
    if (after === -1) this.#last[area] = before;
    else this.#previous[after] = before;
  }
}
