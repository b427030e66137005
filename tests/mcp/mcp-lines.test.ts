import { PassThrough } from "node:stream";
import { describe, expect, it } from "vitest";
import { MAX_MCP_LINE } from "../../src/limits.ts";
import { boundedLines } from "../../src/mcp/lines.ts";

/** What comes through, and what is answered, when these chunks are written one after the other. */
async function through(...chunks: string[]) {
  const [input, output] = [new PassThrough(), new PassThrough()];
  const lines = boundedLines(input, output);
  let passed = "";
  lines.on("data", (chunk) => {
    passed += chunk;
  });
  const ended = new Promise((done) => lines.once("end", done));
  for (const chunk of chunks) input.write(chunk);
  input.end();
  await ended;
  output.end();
  const answers = (await output.toArray()).join("").split("\n").filter(Boolean);
  return { passed, answers: answers.map((text) => JSON.parse(text)) };
}

const long = "a".repeat(MAX_MCP_LINE);

describe("lines to emilie mcp", () => {
  it("come through as they are, wherever they are cut", async () => {
    const { passed, answers } = await through('{"id', '":1}\n{"id":2}\n{', '"id":3}\n');
    expect(passed).toBe('{"id":1}\n{"id":2}\n{"id":3}\n');
    expect(answers).toEqual([]);
  });

  it.each([
    ["its id at the beginning", `{"jsonrpc":"2.0","id":7,"params":"${long}"}`, 7],
    ["its id at the end", `{"method":"x","params":"${long}","jsonrpc":"2.0","id":"seven"}`, "seven"],
    ["no id that can be told", long, null],
    ["an id within a text only", `{"params":"${long},\\"id\\":5}"}`, null],
  ])("are left out where they are too long, and answered: %s", async (_, line, id) => {
    const half = line.length >> 1;
    const { passed, answers } = await through("one\n", line.slice(0, half), `${line.slice(half)}\n`, "two\n");
    expect(passed).toBe("one\ntwo\n");
    expect(answers).toHaveLength(1);
    expect(answers[0]).toMatchObject({ jsonrpc: "2.0", id, error: { code: -32600 } });
    expect(answers[0].error.message).toMatch(
      new RegExp(`${line.length + 1} bytes .* at most ${MAX_MCP_LINE}`),
    );
  });

  it("go on after a line of a hundred times the limit", async () => {
    const { passed, answers } = await through(...Array.from({ length: 100 }, () => long), "\nnext\n");
    expect(passed).toBe("next\n");
    expect(answers).toHaveLength(1);
  });
});
