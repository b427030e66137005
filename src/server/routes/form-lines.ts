/** Forms written by hand, whose lines end in LF alone, brought to the CR LF that a parser expects. Contents stay as they are. */

const [LF, CR] = [10, 13];
const CRLF = Buffer.from("\r\n");
const EMPTY = Buffer.alloc(0);
/** A longer line is no header, and passed on for the parser to refuse. */
const MAX_LINE_BYTES = 16_384;

/**
 * Passes a form's chunks on. Where its first boundary is followed by LF alone, the lines of boundaries and headers get their CR, and so does
 * the line end that stands before a boundary. Held back is no more than a line, or what may be the beginning of a boundary.
 */
export class FormLines {
  readonly #boundary: Buffer;
  #held: Buffer = EMPTY;
  /** What comes next. "rest": of a boundary's own line. */
  #state: "start" | "rest" | "header" | "content" | "as it is" = "start";

  constructor(boundary: string) {
    this.#boundary = Buffer.from(`--${boundary}`);
  }

  write(chunk: Buffer): Buffer {
    const out: Buffer[] = [];
    let left = this.#held.length > 0 ? Buffer.concat([this.#held, chunk]) : chunk;
    for (let before = -1; left.length !== before; ) {
      before = left.length;
      left = this.#next(left, out);
    }
    // A copy: a few bytes would keep the whole chunk.
    this.#held = Buffer.from(left);
    return Buffer.concat(out);
  }

  /** What was still held back. */
  end(): Buffer {
    return this.#held;
  }

  /** Takes from the bytes what is clear, and returns the others. */
  #next(bytes: Buffer, out: Buffer[]): Buffer {
    switch (this.#state) {
      case "start":
        return this.#start(bytes, out);
      case "content":
        return this.#content(bytes, out);
      case "as it is":
        return release(bytes, 0, out);
      default:
        return this.#line(bytes, out);
    }
  }

  #start(bytes: Buffer, out: Buffer[]): Buffer {
    const at = bytes.indexOf(this.#boundary);
    const end = at + this.#boundary.length;
    // What follows the boundary decides, also on the line end before it, where there is a preamble.
    if (at < 0 || end === bytes.length) return release(bytes, this.#boundary.length + 2, out);
    this.#state = bytes[end] === LF ? "rest" : "as it is";
    const isPreamble = this.#state === "rest" && bytes[at - 1] === LF && bytes[at - 2] !== CR;
    out.push(bytes.subarray(0, isPreamble ? at - 1 : at), isPreamble ? CRLF : EMPTY, this.#boundary);
    return bytes.subarray(end);
  }

  #line(bytes: Buffer, out: Buffer[]): Buffer {
    const end = bytes.indexOf("\n");
    if (end < 0) return bytes.length > MAX_LINE_BYTES ? release(bytes, 0, out) : bytes;
    const line = bytes.subarray(0, bytes[end - 1] === CR ? end - 1 : end);
    out.push(line, CRLF);
    this.#state = line.length === 0 && this.#state === "header" ? "content" : "header";
    return bytes.subarray(end + 1);
  }

  #content(bytes: Buffer, out: Buffer[]): Buffer {
    const at = bytes.indexOf(Buffer.concat([Buffer.from("\n"), this.#boundary]));
    if (at < 0) return release(bytes, this.#boundary.length, out);
    this.#state = "rest";
    out.push(bytes.subarray(0, at), CRLF, this.#boundary);
    return bytes.subarray(at + 1 + this.#boundary.length);
  }
}

/** Passes on all but the last bytes. */
function release(bytes: Buffer, keep: number, out: Buffer[]): Buffer {
  const cut = Math.max(0, bytes.length - keep);
  out.push(bytes.subarray(0, cut));
  return bytes.subarray(cut);
}
