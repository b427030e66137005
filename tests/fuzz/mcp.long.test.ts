import { copyFile, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { serveMcp } from "../../src/mcp/server.ts";
import { COTTAGE } from "../support/server-fixture.ts";
import type { Damage } from "./mutate.ts";
import { FUZZ_TIMEOUT, fuzz } from "./run.ts";

const CHECKPOINT = new URL("../fixtures/parity/sd1/checkpoint", import.meta.url).pathname;

const CALLS: readonly [string, object][] = [
  ["open", { path: "cottage.png" }],
  [
    "edit",
    { instruction: "make it winter", steps: 1, seed: 4, mask: { x: 10, y: 10, width: 30, height: 20 } },
  ],
  [
    "edit",
    { instruction: "make it night", steps: 1, mask: { file: "cottage.png" }, textGuidance: 3, strength: 0.5 },
  ],
  ["branch", { from: "original", instruction: "make it green", steps: 1, mask: "auto", preset: "draft" }],
  ["compare", { a: "original", b: "head" }],
  ["undo", {}],
  ["redo", {}],
  ["history", {}],
  ["export", { path: "out.png", overwrite: true }],
  ["close", { session: "s9" }],
];

describe("what an assistant sends", () => {
  let folder: string;
  let stdin: PassThrough;
  let served: Promise<void>;
  const answers = new Map<unknown, object>();
  const waiting = new Map<number, () => void>();
  let stopped = false;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "emilie-fuzz-"));
    await copyFile(COTTAGE, join(folder, "cottage.png"));
    stdin = new PassThrough();
    const stdout = new PassThrough();
    let held = "";
    stdout.setEncoding("utf8").on("data", (chunk: string) => {
      const lines = (held + chunk).split("\n");
      held = lines.pop()!;
      for (const line of lines) {
        const answer = JSON.parse(line) as { id: number };
        answers.set(answer.id, answer);
        waiting.get(answer.id)?.();
      }
    });
    served = serveMcp({ version: "0", model: CHECKPOINT, roots: [folder], onError: () => {}, stdin, stdout });
    void served.then(() => (stopped = true));
    await ask("initialize", {
      protocolVersion: "2025-06-18",
      capabilities: {},
      clientInfo: { name: "fuzz", version: "0" },
    });
    stdin.write('{"jsonrpc":"2.0","method":"notifications/initialized"}\n');
    await ask("tools/call", { name: "open", arguments: { path: "cottage.png" } });
  }, FUZZ_TIMEOUT);
  afterAll(async () => {
    stdin.end();
    await served;
    await rm(folder, { recursive: true });
  });

  /** A thousand steps are a legitimate wish, and take their time. */
  function brief(given: unknown): object {
    const { steps } = (given ?? {}) as { steps?: unknown };
    return typeof steps === "number" && steps > 10 && steps <= 1000
      ? { ...(given as object), steps: 10 }
      : (given as object);
  }

  let next = 1_000_000;
  function ask(method: string, params: object): Promise<Record<string, unknown>> {
    const id = next++;
    const came = new Promise<void>((done) => waiting.set(id, done));
    stdin.write(`${JSON.stringify({ jsonrpc: "2.0", id, method, params })}\n`);
    return came.then(() => {
      const answer = answers.get(id) as Record<string, unknown>;
      answers.clear();
      waiting.delete(id);
      return answer;
    });
  }

  it(
    "is answered, and leaves the server and its sessions as they were",
    async () => {
      await fuzz({
        name: "mcp",
        cases: 2000,
        share: 80,
        resident: 500,
        async run(damage, number) {
          const [name, given] = damage.one(CALLS);
          if (number % 2 === 0) {
            const line = JSON.stringify({
              jsonrpc: "2.0",
              id: number,
              method: "tools/call",
              params: { name, arguments: given },
            });
            stdin.write(number % 500 === 0 ? `${"a".repeat(12e6)}\n` : damaged(damage, line, number));
            await ask("ping", {});
          } else {
            const answer = await ask("tools/call", { name, arguments: brief(damage.json(given)) });
            const { isError, content } = (answer.result ?? {}) as {
              isError?: boolean;
              content?: { text?: string }[];
            };
            const said = content?.[0]?.text ?? "";
            // A tool's own errors begin with their code; the protocol's name the argument.
            if (isError && !/^[a-z]+\.[a-z-]+: |^(aborted|disposed): |Input validation|Invalid/i.test(said))
              throw new Error(said);
          }
          if (stopped) throw new Error("the server ended");
        },
      });
      const { result } = (await ask("tools/call", { name: "history", arguments: {} })) as {
        result: { isError?: boolean };
      };
      expect(result.isError ?? false).toBe(false);
    },
    FUZZ_TIMEOUT,
  );

  function damaged(damage: Damage, line: string, number: number): Uint8Array | string {
    if (number % 4 === 0) return `${JSON.stringify(damage.json(JSON.parse(line)))}\n`;
    return Buffer.concat([damage.bytes(new TextEncoder().encode(line)), Buffer.from("\n")]);
  }
});
