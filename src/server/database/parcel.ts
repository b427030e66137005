/** Values with bytes in them, as one run of bytes: JSON with a place for each array, and the arrays behind it. Any two versions of Node agree on it. */

const MARK = "$bytes";

export function pack(value: unknown): Buffer {
  const parts: Uint8Array[] = [];
  // Not the value that it is given: a Buffer has been turned into text by then.
  const text = JSON.stringify(value, function (this: Record<string, unknown>, key: string, given: unknown) {
    const one = this[key];
    if (!(one instanceof Uint8Array)) return given;
    parts.push(one);
    return { [MARK]: one.length };
  });
  const head = Buffer.from(text);
  const size = Buffer.alloc(4);
  size.writeUInt32LE(head.length);
  return Buffer.concat([size, head, ...parts]);
}

export function unpack(bytes: Uint8Array): unknown {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const end = 4 + buffer.readUInt32LE(0);
  let at = end;
  // In the order in which they were met, which is the order in which an object's text is read: depth first, by key.
  const fill = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(fill);
    if (value === null || typeof value !== "object") return value;
    const entries = Object.entries(value);
    if (entries.length === 1 && entries[0]![0] === MARK) {
      const from = at;
      at += Number(entries[0]![1]);
      return new Uint8Array(buffer.subarray(from, at));
    }
    return Object.fromEntries(entries.map(([key, one]) => [key, fill(one)]));
  };
  return fill(JSON.parse(buffer.subarray(4, end).toString()));
}
