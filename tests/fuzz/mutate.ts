/** Damage done to real files: deterministic, by a seed and the number of the case. */

/** A stream of numbers in [0, 1): mulberry32. */
export function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

export class Damage {
  readonly #random: () => number;

  constructor(seed: number) {
    this.#random = randomOf(seed);
  }

  /** A whole number below `end`. */
  below(end: number): number {
    return Math.floor(this.#random() * end);
  }

  one<T>(all: readonly T[]): T {
    return all[this.below(all.length)]!;
  }

  /** One to three changes of the bytes, of every kind that transport, disks and people with an editor for bytes make. */
  bytes(file: Uint8Array, others: readonly Uint8Array[] = [file]): Uint8Array<ArrayBuffer> {
    let bytes = new Uint8Array(file);
    for (let left = 1 + this.below(3); left > 0; left--) bytes = this.#once(bytes, others);
    return bytes;
  }

  #once(bytes: Uint8Array<ArrayBuffer>, others: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
    const at = this.below(bytes.length + 1);
    const length = 1 + this.below(this.one([1, 4, 8, 64, 1024]));
    const joined = (...parts: Uint8Array[]) => new Uint8Array(Buffer.concat(parts));
    switch (this.below(8)) {
      case 0:
        return bytes.slice(0, at);
      case 1:
        return joined(bytes.subarray(0, at), bytes.subarray(at + length));
      case 2:
        return joined(bytes.subarray(0, at), bytes.subarray(at, at + length), bytes.subarray(at));
      case 3: {
        const other = this.one(others);
        const from = this.below(other.length + 1);
        return joined(bytes.subarray(0, at), other.subarray(from, from + length), bytes.subarray(at));
      }
      case 4:
        return joined(bytes.subarray(0, at), this.one(others).subarray(at));
      case 5:
        return bytes.fill(this.one([0, 0xff, 0x7f, 0x80, 0x20, 0x22, 0x5b, 0x7b]), at, at + length);
      default:
        for (let i = Math.min(length, 8); i > 0; i--)
          if (bytes.length > 0) bytes[this.below(bytes.length)]! ^= 1 << this.below(8);
        return bytes;
    }
  }

  /** The value with one to three of its places changed, taken out, or added. */
  json(value: unknown): unknown {
    const root = { value: structuredClone(value) };
    for (let left = 1 + this.below(3); left > 0; left--) {
      // Down by chance, so that places near the root are met as often as the many at the leaves.
      let holder: Record<string, unknown> = root;
      let key = "value";
      while (typeof holder[key] === "object" && holder[key] !== null && this.below(4) > 0) {
        const next = holder[key] as Record<string, unknown>;
        const keys = Object.keys(next);
        if (keys.length === 0) break;
        holder = next;
        key = this.one(keys);
      }
      const now = holder[key];
      const kind = this.below(6);
      if (kind === 0 && holder !== root) delete holder[key];
      else if (kind === 1 && typeof now === "object" && now !== null && !Array.isArray(now))
        define(now, this.one(KEYS), this.value());
      else if (kind === 2 && Array.isArray(now)) now.push(...now.slice(0, 3), this.value());
      else if (kind === 3 && typeof now === "number")
        holder[key] = this.one([now + 1, -now, now * 1000, now / 3]);
      else if (kind === 3 && typeof now === "string") holder[key] = this.text(now);
      else define(holder, key, this.value());
    }
    return root.value;
  }

  text(text: string): string {
    const at = this.below(text.length + 1);
    return text.slice(0, at) + this.one(TEXTS) + text.slice(at + this.below(4));
  }

  value(): unknown {
    return structuredClone(this.one(VALUES));
  }
}

/** Also "__proto__", which an assignment would not make a key of. */
function define(holder: object, key: string, value: unknown): void {
  Object.defineProperty(holder, key, { value, enumerable: true, writable: true, configurable: true });
}

function nested(levels: number, inner: unknown): unknown {
  let value = inner;
  for (let i = 0; i < levels; i++) value = [value];
  return value;
}

const KEYS = [
  "__proto__",
  "constructor",
  "toString",
  "length",
  "",
  "a".repeat(500),
  "0",
  "-1",
  "\u0000",
  "ü",
  "then",
  "toJSON",
];
const TEXTS = [
  ...[
    "",
    " ",
    "\n",
    "\u0000",
    "\ud800",
    "\u202e",
    "\u001b[31m",
    "'",
    '"',
    "\\",
    "/",
    "../",
    "..\\",
    "%00",
    "$x",
    "<",
    "&amp;",
  ],
  ...[
    "ß",
    "🙂",
    "a".repeat(300),
    "1".repeat(400),
    "[".repeat(100),
    "{{",
    ": ",
    "- ",
    "# ",
    "*a",
    "&a ",
    "!!js ",
    "\t",
    "---\n",
    "?",
  ],
];
const VALUES: readonly unknown[] = [
  ...[
    null,
    true,
    false,
    0,
    -1,
    1,
    2,
    0.5,
    -0,
    1e-300,
    1e308,
    255,
    256,
    65536,
    2 ** 31,
    2 ** 32,
    2 ** 53 - 1,
    2 ** 53,
  ],
  ...["", "x", "0", "1e9", "null", "NaN", "__proto__", "a".repeat(2000), "../../etc/passwd", "\u0000", "🙂"],
  ...[[], {}, [[]], [null], [1, 2, 3], { a: 1 }, nested(40, 1), nested(100, 1), Array(200).fill(0)],
];
