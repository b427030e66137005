/**
 * What comes in to `emilie mcp`, line by line. A line without an end would fill the memory, and one that the protocol's library finds
 * too long ends the connection, with every session that was not exported; so it is left out here, and answered.
 */
import { type Readable, Transform, type Writable } from "node:stream";
import { MAX_MCP_LINE } from "../limits.ts";

/** JSON-RPC's code for a request that is none. */
const INVALID_REQUEST = -32600;
const NEWLINE = 0x0a;
/** Enough to find a request's id in, which stands at its beginning or its end. */
const EDGE = 200;

/** `input` without the lines of more than MAX_MCP_LINE bytes. Each is answered on `output` as an error, where its id can be told. */
export function boundedLines(input: Readable, output: Writable): Readable {
  let held: Buffer[] = [];
  let length = 0;
  /** Of a line that is left out: its beginning, and what came last. */
  let head: Buffer | undefined;
  let tail = Buffer.alloc(0);

  const take = (part: Buffer) => {
    length += part.length;
    if (!head) held.push(part);
    if (length <= MAX_MCP_LINE) return;
    head ??= Buffer.concat(held).subarray(0, EDGE);
    held = [];
    tail = Buffer.concat([tail, part.subarray(-EDGE)]).subarray(-EDGE);
  };
  const lines = new Transform({
    transform(chunk: Buffer, _, done) {
      let rest = chunk;
      for (let end = rest.indexOf(NEWLINE); end >= 0; end = rest.indexOf(NEWLINE)) {
        take(rest.subarray(0, end + 1));
        if (head) output.write(`${JSON.stringify(refusal(`${head}`, `${tail}`, length))}\n`);
        else this.push(Buffer.concat(held));
        [held, length, head, tail] = [[], 0, undefined, Buffer.alloc(0)];
        rest = rest.subarray(end + 1);
      }
      if (rest.length > 0) take(rest);
      done();
    },
  });
  input.once("error", (error) => lines.destroy(error));
  return input.pipe(lines);
}

function refusal(head: string, tail: string, length: number): object {
  const id =
    /^\s*\{\s*(?:"jsonrpc"\s*:\s*"2\.0"\s*,\s*)?"id"\s*:\s*("[^"\\]{1,100}"|\d{1,15})\s*,/.exec(head) ??
    /,\s*"id"\s*:\s*("[^"\\]{1,100}"|\d{1,15})\s*\}\s*$/.exec(tail);
  const message =
    `A message of ${length} bytes is too long; at most ${MAX_MCP_LINE} are read. Name pictures by their files instead of sending ` +
    "them. Nothing was done, and all sessions are as they were.";
  return { jsonrpc: "2.0", id: id ? JSON.parse(id[1]!) : null, error: { code: INVALID_REQUEST, message } };
}
