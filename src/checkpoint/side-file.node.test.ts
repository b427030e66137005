/** How side files are begun, stopped, gone on with, shared and listed. */
import { appendFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { OWNER, ownerOf } from "../util/process-identity.node.ts";
import type { LoadProgress } from "./load-progress.ts";
import { type SideFile, sideFile } from "./side-file.node.ts";
import { clearSideFiles, listSideFiles } from "./side-list.node.ts";

const NAME = `unet-${"0".repeat(32)}.int8.safetensors`;
const VALUES = 1000;

let cache: string;
beforeEach(() => {
  cache = mkdtempSync(join(tmpdir(), "emilie-side-"));
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(cache, { recursive: true, force: true });
});

/** Ten tensors of ascending numbers. `onPart` is called before each is made. */
function counted(onPart: (part: number) => unknown = () => {}): SideFile {
  const parts = Array.from({ length: 10 }, (_, i) => ({
    tensors: [{ name: `t${i}`, type: "F32" as const, shape: [VALUES] }],
    seconds: 0.1,
    async *values() {
      await onPart(i);
      yield 0.5;
      yield Float32Array.from({ length: VALUES }, (_, j) => VALUES * i + j);
    },
  }));
  return { name: NAME, model: "tiny/model", what: "the int8 weights of tiny/model's unet", parts };
}

const names = () => readdirSync(cache);
const whole = async () => {
  await sideFile(cache, counted());
  return readFileSync(join(cache, NAME));
};

it("goes on from where it was stopped, to the same bytes", async () => {
  const stop = new AbortController();
  const first: number[] = [];
  const stopping = sideFile(
    cache,
    counted((part) => {
      first.push(part);
      if (part === 6) stop.abort();
    }),
    { signal: stop.signal },
  );
  await expect(stopping).rejects.toMatchObject({
    code: "aborted",
    message: expect.stringContaining("the next load resumes"),
  });
  expect(first.at(-1)).toBe(6);
  expect(names()).toEqual([`${NAME}.paused.partial`]);
  expect(await listSideFiles(cache)).toMatchObject([{ kind: "int8", state: "stopped", model: "tiny/model" }]);

  const second: number[] = [];
  const told: LoadProgress[] = [];
  await sideFile(
    cache,
    counted((part) => second.push(part)),
    { onProgress: (one) => told.push(one) },
  );
  expect(second).toEqual([6, 7, 8, 9]);
  expect(told[0]!.bytes).toBeGreaterThan(6 * 4 * VALUES);
  expect(names()).toEqual([NAME]);
  const resumed = readFileSync(join(cache, NAME));
  rmSync(join(cache, NAME));
  expect(resumed.equals(await whole())).toBe(true);
});

describe("what a killed process has left", () => {
  /** The name of a process whose number nobody has. */
  const GONE = ownerOf(4_194_305);

  it.each([
    ["beginning of the file", 25_000],
    ["a few bytes", 10],
    ["nothing", 0],
  ])("is gone on with: %s", async (_, bytes) => {
    const good = await whole();
    rmSync(join(cache, NAME));
    writeFileSync(join(cache, `${NAME}.${GONE}-1.partial`), good.subarray(0, bytes));
    expect((await whole()).equals(good)).toBe(true);
    expect(names()).toEqual([NAME]);
  });

  it("is gone on with although another process has its number now", async () => {
    const good = await whole();
    rmSync(join(cache, NAME));
    const earlier = OWNER.replace(/\d+$/, "1");
    writeFileSync(join(cache, `${NAME}.${earlier}-1.partial`), good.subarray(0, 25_000));
    expect((await whole()).equals(good)).toBe(true);
    expect(names()).toEqual([NAME]);
  });

  it("is not gone on with where it begins otherwise", async () => {
    const good = await whole();
    rmSync(join(cache, NAME));
    writeFileSync(join(cache, `${NAME}.${GONE}-1.partial`), Buffer.alloc(25_000, 7));
    expect((await whole()).equals(good)).toBe(true);
  });

  it("is listed and cleared; what is being written is not cleared", async () => {
    writeFileSync(join(cache, `${NAME}.${GONE}-1.partial`), "part");
    let during: unknown;
    await sideFile(
      cache,
      counted(async (part) => {
        if (part === 5) during = [await clearSideFiles(cache), names()];
      }),
    );
    expect(during).toMatchObject([[], [expect.stringMatching(/\.partial$/)]]);
    writeFileSync(join(cache, `${NAME}.${GONE}-2.partial`), "part");
    expect((await clearSideFiles(cache)).map(({ state }) => state).sort()).toEqual(["stopped", "whole"]);
    expect(names()).toEqual([]);
  });
});

it("is made once where two want it at once", async () => {
  const parts: number[] = [];
  const told: LoadProgress[] = [];
  const slowly = counted(async (part) => {
    parts.push(part);
    await new Promise((resolve) => setTimeout(resolve, 20));
  });
  const first = sideFile(cache, slowly);
  await vi.waitFor(() => expect(parts.length).toBeGreaterThan(0));
  const second = sideFile(cache, slowly, { onProgress: (one) => told.push(one) });
  const [a, b] = await Promise.all([first, second]);
  expect(parts).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  expect([...b.tensors]).toEqual([...a.tensors]);
  expect(told.map(({ stage }) => stage)).toContain("waiting");
  expect(names()).toEqual([NAME]);
});

it("stops waiting for another at once", async () => {
  const stop = new AbortController();
  const first = sideFile(
    cache,
    counted(() => new Promise((resolve) => setTimeout(resolve, 300))),
  );
  await vi.waitFor(() => expect(names()).toHaveLength(1));
  const second = sideFile(cache, counted(), { signal: stop.signal, onProgress: () => stop.abort() });
  await expect(second).rejects.toMatchObject({ code: "aborted" });
  await first;
});

it("refuses before it begins where there is no room, and says how much it takes", async () => {
  const made: number[] = [];
  const file = counted((part) => made.push(part));
  const huge = { tensors: [{ name: "huge", type: "F32" as const, shape: [2 ** 25, 2 ** 25] }], seconds: 1 };
  const impossible = { ...file, parts: [...file.parts, { ...huge, values: file.parts[0]!.values }] };
  await expect(sideFile(cache, impossible)).rejects.toMatchObject({
    code: "io.failed",
    message: expect.stringMatching(
      /^The int8 weights of tiny\/model's unet would take \d+\.\d GB .* has no room .* are free.*EMILIE_CACHE/s,
    ),
  });
  expect(made).toEqual([]);
  expect(names()).toEqual([]);
});

it("makes a file again that grew", async () => {
  const good = await whole();
  appendFileSync(join(cache, NAME), "more");
  expect((await whole()).equals(good)).toBe(true);
});
