/** FLUX.2 klein through every interface: the command line, the server, an assistant's tools, OpenAI's client. They know an EditModel and nothing else. */
import { readFileSync } from "node:fs";
import { cp, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Client } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import OpenAI, { toFile } from "openai";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { readPicture } from "../../src/images/codec.node.ts";
import { compareInsideOutside } from "../../src/images/difference.ts";
import { maskFromBox } from "../../src/images/mask.ts";
import { EMILIE } from "../support/command.ts";
import { emilie } from "../support/command-line.ts";
import { copyCheckpoint, FLUX2, scratchFolder } from "../support/flux2-fixture.ts";
import { bytesOf, edit, type Fixture, fileOf, serve } from "../support/server-fixture.ts";

// A busy machine takes its time.
vi.setConfig({ testTimeout: 120_000 });

const scratch = scratchFolder();
const photo = join(scratch, "photo.png");
const box = { x: 0, y: 0, width: 48, height: 64 };
let model: string;
beforeAll(async () => {
  model = copyCheckpoint(scratch, "klein");
  await cp(join(FLUX2, "klein/picture-0-0.png"), photo);
});

describe("the command line", () => {
  it("edits, with a mask, in int8, and replays what it has written", async () => {
    const out = join(scratch, "out");
    const args = ["edit", photo, "make it winter", "--model", model, "--mask", "box:0,0,48,64", "--out", out];
    const { code, stderr, stdout } = await emilie(...args, "--precision", "int8", "--json");
    expect(code, stderr).toBe(0);
    const { steps, session } = JSON.parse(stdout);
    const { outside, inside } = compareInsideOutside(
      await readPicture(photo),
      await readPicture(steps[0].file),
      maskFromBox(96, 64, box),
    );
    expect(outside.changedPixels).toBe(0);
    expect(inside.changedPixels).toBeGreaterThan(100);
    const replayed = await emilie("replay", session, "--verify", "--json");
    expect(replayed.code, replayed.stderr).toBe(0);
  });

  it("says before anything is computed what the model does not have", async () => {
    const { code, stderr } = await emilie(
      "edit",
      photo,
      "make it winter",
      "--model",
      model,
      "--text-guidance",
      "4",
    );
    expect(code).not.toBe(0);
    expect(stderr).toMatch(/textGuidance must be 1/);
  });

  it("inspects: networks, presets, costs", async () => {
    const { code, stdout, stderr } = await emilie("inspect", model, "--json", "--size", "96x64");
    expect(code, stderr).toBe(0);
    const facts = JSON.parse(stdout);
    expect(facts).toMatchObject({
      family: "FLUX.2 klein",
      prediction: "flow_prediction",
      sampler: "flow-euler",
      steps: 4,
      calls: 4,
    });
    expect(facts.networks.map(({ name }: { name: string }) => name)).toEqual([
      "transformer",
      "VAE",
      "text encoder",
    ]);
    expect(
      facts.presets.map(({ preset, steps }: { preset: string; steps: number }) => [preset, steps]),
    ).toEqual([
      ["turbo", 4],
      ["draft", 1],
      ["balanced", 4],
      ["best", 10],
    ]);
    const lora = join(FLUX2, "klein-base/lora-original.safetensors");
    const base = join(FLUX2, "klein-base/checkpoint");
    const merged = await emilie("inspect", `${base} + ${lora}`, "--json", "--size", "96x64");
    expect(JSON.parse(merged.stdout), merged.stderr).toMatchObject({
      merged: 10,
      steps: 50,
      textGuidance: 4,
      calls: 100,
    });
  });
});

describe("the server", () => {
  let fixture: Fixture;
  beforeAll(async () => {
    fixture = await serve({ model });
  });
  afterAll(() => fixture.close());

  it("edits a session, lists the model, and shows what comes out", async () => {
    const { client } = fixture;
    const { models } = await client.models();
    expect(models.find(({ id }) => id === "klein")).toMatchObject({ id: "klein" });
    const session = await client.createSession(await fileOf(photo));
    const job = await edit(client, session.id, { instruction: "make it winter", steps: 4, previews: 2 });
    expect(job.state, JSON.stringify(job)).toBe("done");
    const made = await readPicture(await bytesOf(client.picture(session.id, job.nodes[0]!)));
    expect(compareInsideOutside(await readPicture(photo), made).inside.changedPixels).toBeGreaterThan(1000);
    const second = await edit(client, session.id, { instruction: "paint the roof blue", steps: 4 });
    expect((await client.session(session.id)).nodes).toHaveLength(3);
    expect(second.state).toBe("done");
    const refused = await edit(client, session.id, { instruction: "make it red", textGuidance: 4 }).catch(
      (e: Error) => e,
    );
    expect(JSON.stringify(refused instanceof Error ? refused.message : refused)).toMatch(
      /textGuidance must be 1/,
    );
  });

  it("answers OpenAI's client", async () => {
    const openai = new OpenAI({ baseURL: `${fixture.server.url}/v1`, apiKey: "any", maxRetries: 0 });
    const image = await toFile(await readFile(photo), "photo.png", { type: "image/png" });
    const { data } = await openai.images.edit({ model: "klein", image, prompt: "make it winter" });
    const made = await readPicture(Buffer.from(data![0]!.b64_json!, "base64"));
    expect([made.width, made.height]).toEqual([96, 64]);
  });
});

describe("an assistant's tools", () => {
  it("open, edit and compare", async () => {
    const root = join(scratch, "root");
    await mkdir(root);
    await writeFile(join(root, "photo.png"), readFileSync(photo));
    const client = new Client({ name: "emilie-test", version: "1.0.0" });
    await client.connect(
      new StdioClientTransport({
        command: process.execPath,
        args: [...EMILIE, "mcp", "--root", root, "--model", model],
      }),
    );
    const call = async (name: string, given: Record<string, unknown>) => {
      const { structuredContent, isError, content } = await client.callTool(
        { name, arguments: given },
        { timeout: 110_000 },
      );
      expect(isError ?? false, JSON.stringify(content).slice(0, 500)).toBe(false);
      return structuredContent;
    };
    await call("open", { path: "photo.png" });
    const made = await call("edit", { instruction: "make it winter", mask: box });
    expect(made).toMatchObject({ change: { outside: { changedPixels: 0 } } });
    expect(made).toHaveProperty("change.inside.changedPixels", expect.any(Number));
    expect(made).not.toHaveProperty("change.inside.changedPixels", 0);
    await client.close();
  });
});
