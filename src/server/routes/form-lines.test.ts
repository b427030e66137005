/** A form's lines, however it is cut into pieces. */
import fc from "fast-check";
import { expect, it } from "vitest";
import { FormLines } from "./form-lines.ts";

function pass(body: Buffer, size: number): Buffer {
  const lines = new FormLines("B");
  const out: Buffer[] = [];
  for (let at = 0; at < body.length; at += size) out.push(lines.write(body.subarray(at, at + size)));
  return Buffer.concat([...out, lines.end()]);
}
const form = (end: string, content: Buffer) =>
  Buffer.concat([
    Buffer.from(`--B${end}Content-Disposition: form-data;${end} name="a"${end}${end}`),
    content,
    Buffer.from(`${end}--B${end}X: y${end}${end}${end}--B--${end}`),
  ]);
/** No content has a boundary in it; line ends of all kinds are likely. */
const contents = fc
  .array(fc.constantFrom("\n", "\r", "\r\n", "--", "\n--", "-", "x", "\0", "\xff", "\n\n"))
  .map((pieces) => Buffer.from(pieces.join(""), "latin1"));

it("end in CR LF where they ended in LF, and contents are as they were", () => {
  fc.assert(
    fc.property(contents, fc.integer({ min: 1, max: 40 }), (content, size) => {
      expect(pass(form("\n", content), size)).toEqual(form("\r\n", content));
    }),
  );
});

it("stay as they are where they end in CR LF, and where there is no form", () => {
  fc.assert(
    fc.property(contents, fc.integer({ min: 1, max: 40 }), (content, size) => {
      expect(pass(form("\r\n", content), size)).toEqual(form("\r\n", content));
      expect(pass(content, size)).toEqual(content);
    }),
  );
});

it("hold back no more than a line", () => {
  const lines = new FormLines("B");
  lines.write(Buffer.from("--B\nX: y\n\n"));
  expect(lines.write(Buffer.alloc(1000, "\n")).length).toBeGreaterThan(990);
  lines.write(Buffer.from("\n--B\nX: "));
  expect(lines.write(Buffer.alloc(100_000, "x")).length).toBeGreaterThan(99_000);
});
