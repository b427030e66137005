/** Each setting has one range: what one interface takes all take, and what one refuses all refuse, saying what is expected. */
import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { readSetting } from "../../src/cli/settings.ts";
import type { EditRequest } from "../../src/client/index.ts";
import { readInput } from "../../src/input/read-input.ts";
import { edit as mcpEdit } from "../../src/mcp/edit.ts";
import { open as mcpOpen } from "../../src/mcp/open.ts";
import { resolveOptions } from "../../src/method/options.ts";
import type { AllSettings, SessionSettings } from "../../src/method/settings.ts";
import {
  checkSettings,
  recordSettings,
  type SettingName,
  settingRows,
} from "../../src/method/settings-derived.ts";
import { parametersSchema } from "../../src/server/openai/request.ts";
import * as api from "../../src/server/schemas/index.ts";
import { editRecipeSchema as fileRecipe } from "../../src/session/file/schema.ts";
import { planScript } from "../../src/session/script/script.ts";
import { settingsOf } from "../../src/session/tree/recipe.ts";

const src = resolve(import.meta.dirname, "../../src");

/** Values in JSON: [allowed, refused]; texts for the command line where they are not the values' own. */
const LONG = "x".repeat(100_001);
const VALUES: {
  readonly [K in keyof AllSettings]-?: readonly [good: readonly unknown[], bad: readonly unknown[]];
} = {
  preset: [
    ["draft", "best"],
    ["fastest", 3],
  ],
  seed: [
    [0, 7, "9007199254740993", "18446744073709551615"],
    [-1, 1.5, "18446744073709551616", "99999999999999999999", "seven"],
  ],
  steps: [
    [1, 1000],
    [0, 1001, 2.5, "many"],
  ],
  sampler: [["ddim", "unipc"], ["plms"]],
  textGuidance: [
    [-100, -1.5, 0, 7.5, 100],
    [-100.5, 101, "strong"],
  ],
  imageGuidance: [
    [1, 1.5, 100],
    [0, 0.99, -1, 101],
  ],
  control: [["anchored", "literal"], ["nowhere"]],
  base: [["", "a picture", "x".repeat(100_000)], [LONG]],
  strength: [
    [0, 0.5, 1],
    [-0.1, 1.1],
  ],
  gate: [
    [0, 0.1, 100],
    [-0.1, 100.5],
  ],
  window: [
    ["auto", "off", { margin: 0 }, { margin: 8, least: 32 }],
    ["on", { margin: -1 }, { margin: 8, least: 0 }],
  ],
  workingSize: [
    ["own", 8, 100_000],
    ["large", 7, 100_001, 10.5],
  ],
  guidanceInterval: [
    [
      [0, 1],
      [0.25, 0.25],
    ],
    [[0.7, 0.2], [0], [-0.1, 1], [0, 1.1]],
  ],
  detail: [["on", "off"], ["some"]],
  rephrase: [
    ["reader", "on", "off"],
    ["always", true],
  ],
  stopAfter: [
    [1, 1000],
    [0, 1001],
  ],
};

/** A value as it is written on the command line. */
function onTheCommandLine(name: SettingName, value: unknown): string {
  if (Array.isArray(value)) return value.join(",");
  if (name === "window" && typeof value === "object") return Object.values(value as object).join(":");
  return String(value);
}

const isOpening = (name: string) => name === "workingSize";
const body = (name: string, value: unknown) => ({ instruction: "make it red", [name]: value });

/** Every way in, by its name; each throws where it refuses. */
const WAYS: Readonly<Record<string, (name: SettingName, value: unknown) => unknown>> = {
  "the command line": (name, value) => readSetting(name, onTheCommandLine(name, value)),
  "a program": (name, value) =>
    checkSettings({
      [name]: name === "seed" && /^\d+$/.test(String(value)) ? BigInt(value as string) : value,
    }),
  "a script": (name, value) => isOpening(name) || planScript({ steps: [body(name, value)] }),
  "a script's defaults": (name, value) =>
    isOpening(name) || planScript({ defaults: { [name]: value }, steps: [{ instruction: "a" }] }),
  "the API": (name, value) =>
    isOpening(name)
      ? readInput(api.newSessionSchema, { example: "cottage", [name]: value }, "body")
      : readInput(api.editRequestSchema, body(name, value), "body"),
  "a replay": (name, value) =>
    isOpening(name) || readInput(api.replayRequestSchema, { [name]: value }, "body"),
  "an assistant": (name, value) =>
    isOpening(name)
      ? readInput(mcpOpen.input, { path: "a.png", [name]: value }, "arguments")
      : readInput(mcpEdit.input, body(name, value), "arguments"),
  "OpenAI's API": (name, value) =>
    !["seed", "steps"].includes(name) || readInput(parametersSchema, { prompt: "a", [name]: value }, "body"),
};

describe("a setting", () => {
  it("is named here, so that none is left out", () => {
    expect(Object.keys(VALUES).sort()).toEqual(
      settingRows()
        .map(([name]) => name)
        .sort(),
    );
  });

  it.each(Object.entries(VALUES) as [SettingName, (typeof VALUES)["steps"]][])(
    "%s has the same range for everybody",
    (name, [good, bad]) => {
      const row = settingRows().find(([one]) => one === name)![1];
      const [, words] = /^(?:one of |"own" or |"off", )?(.{5,40})/.exec(row.expected)!;
      for (const [way, take] of Object.entries(WAYS)) {
        for (const value of good) expect(() => take(name, value), `${way}: ${value}`).not.toThrow();
        if (isOpening(name) && way.startsWith("a ") && way !== "a program") continue;
        if (way === "OpenAI's API" && !row.openai) continue;
        for (const value of bad) {
          const message = messageOf(() => take(name, value));
          expect(message, `${way} takes ${JSON.stringify(value)?.slice(0, 60)}`).not.toBeNull();
          const cli = row.cli?.expected ?? row.expected;
          expect(message, way).toContain(way === "the command line" ? cli : words);
        }
      }
    },
  );

  it("that is spelt nearly right is refused by name", () => {
    const misspelt = body("stepss", 3);
    expect(messageOf(() => readInput(api.editRequestSchema, misspelt, "body"))).toMatch(
      /Did you mean "steps"/,
    );
    expect(messageOf(() => readInput(mcpEdit.input, misspelt, "arguments"))).toMatch(/Did you mean "steps"/);
    expect(messageOf(() => planScript({ steps: [misspelt] }))).toMatch(/did you mean "steps"/);
  });

  it.each([
    ["imageGuidance", ["capabilities.ts", "guidance.ts", "settings.ts"]],
    ["guidanceInterval", ["capabilities.ts", "guidance.ts", "settings.ts"]],
    ["gate", ["edit.ts", "gating.ts", "settings.ts"]],
    ["strength", ["edit.ts", "gradient-control.ts", "settings.ts"]],
  ])("is named by the table and where it is used, not where it passes by: %s", (name, places) => {
    const files = readdirSync(src, { recursive: true, encoding: "utf8" }).filter(
      // A network has gates of its own, and states defaults of its checkpoints.
      (file) => file.endsWith(".ts") && !file.endsWith(".test.ts") && !file.startsWith("networks"),
    );
    expect(files.length).toBeGreaterThan(250);
    const naming = files.filter((file) =>
      new RegExp(`\\b${name}\\b`).test(readFileSync(join(src, file), "utf8")),
    );
    expect(naming.sort()).toEqual(places.map((file) => join("method", file)));
  });

  it("is in the client's type of a request", () => {
    const missing: Exclude<keyof SessionSettings, keyof EditRequest> extends never ? true : false = true;
    expect(missing).toBe(true);
  });
});

describe("an instruction and a region's weight", () => {
  const region = (instruction: string, weight: unknown) => [{ instruction, weight }];
  const ways: Record<string, (instruction: string, weight?: unknown) => unknown> = {
    script: (text, weight) =>
      planScript({
        steps: [{ instruction: text, ...(weight === undefined ? {} : { regions: region("a", weight) }) }],
      }),
    API: (text, weight) =>
      readInput(api.editRequestSchema, { instruction: text, regions: region("a", weight) }, "body"),
    MCP: (text, weight) =>
      readInput(mcpEdit.input, { instruction: text, regions: region("a", weight) }, "arguments"),
  };

  it.each(Object.entries(ways))("have one range: %s", (way, take) => {
    for (const text of ["make it winter", "x".repeat(100_000)]) expect(() => take(text)).not.toThrow();
    expect(messageOf(() => take(LONG))).toMatch(/at most 100000 characters, got 100001/);
    // Empty text is none in the API, which its routes refuse but with a crop or an expansion (tests/server/canvas.test.ts).
    for (const text of way === "API" ? [] : ["", "  "]) expect(messageOf(() => take(text))).not.toBeNull();
    for (const weight of [-100, 0, 100]) expect(() => take("a", weight)).not.toThrow();
    for (const weight of [-101, 100.5, "much"])
      expect(messageOf(() => take("a", weight))).toMatch(/expected a number from -100 to 100/);
  });
});

describe("what a recipe has recorded", () => {
  const facts = { version: 1 as const, model: { id: "m", fingerprint: "f" }, parent: "0123456789ab" };
  const regions = [{ instruction: "make it red", mask: null, weight: 500 }];
  /** As a file of version 1 or 3 may have it: written before there were ranges. */
  const old = fileRecipe.parse({
    ...facts,
    regions,
    ...{ seed: "18446744073709551615", steps: 3, sampler: "ddim", textGuidance: 1e6, imageGuidance: 0 },
    ...{ control: "anchored", base: "", gate: 1e9 },
  });
  const model = {
    defaults: {},
    schedulerConfig: { _class_name: "DDIMScheduler" },
    nativeSize: 64,
    factor: 8,
  } as unknown as Parameters<typeof resolveOptions>[0];

  it("stays replayable, and what is asked for anew is held to the ranges", () => {
    const asked = settingsOf(old);
    const resolved = resolveOptions(model, asked);
    expect(resolved).toMatchObject({ textGuidance: 1e6, imageGuidance: 0, gate: 1e9, seed: 2n ** 64n - 1n });
    expect(() => resolveOptions(model, { ...asked, imageGuidance: 0.5 })).toThrow(
      /image guidance must be .*got 0.5/,
    );
    expect(() => resolveOptions(model, { ...asked, gate: 101 })).toThrow(/gate must be .*got 101/);
  });

  it("goes back and forth without a change, key for key: a node's id is a hash over it", () => {
    const { recorded: _, ...settings } = settingsOf(old);
    const again = { ...facts, regions, ...recordSettings({ ...settings, workingSize: undefined }) };
    expect(JSON.stringify(again)).toBe(JSON.stringify({ ...old, regions }));
    const everything = fileRecipe.parse({
      ...old,
      ...{ strength: 0.5, window: { margin: 2, least: 8 }, guidanceInterval: [0, 0.5] },
      ...{ detail: "on", rephrase: "on", stopAfter: 2, workingSize: 96 },
    });
    const order = [
      ...["seed", "steps", "sampler", "textGuidance", "imageGuidance", "control", "base", "strength", "gate"],
      ...["window", "workingSize", "guidanceInterval", "detail", "rephrase", "stopAfter"],
    ];
    expect(Object.keys(everything).slice(4)).toEqual(order);
    const { recorded: __, ...all } = settingsOf(everything);
    expect(Object.keys(recordSettings({ ...all, workingSize: 96 }))).toEqual(order);
  });
});

function messageOf(action: () => unknown): string | null {
  try {
    action();
    return null;
  } catch (error) {
    return (error as Error).message;
  }
}
