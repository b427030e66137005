/** A setting is defined once: one more row in the table, and every interface, the recipe and its replay have it. */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { Client } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
// First of all: what is made from the table is made when it is imported.
import "../support/added-setting.ts";
import type { RunningServer } from "../../src/server.ts";

vi.setConfig({ testTimeout: 300_000, hookTimeout: 300_000 });

const root = resolve(import.meta.dirname, "../..");
const checkpoint = join(root, "tests/fixtures/parity/sd1/checkpoint");
const preload = `--import tsx --import ${new URL("../support/added-setting.preload.mjs", import.meta.url)}`;

let folder: string;
let photo: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "emilie-settings-"));
  photo = join(folder, "photo.png");
  const { writePicture } = await import("../../src/images/codec.node.ts");
  const { blankPicture } = await import("../../src/images/picture.ts");
  await writePicture(blankPicture(40, 32, [90, 160, 70, 255]), photo);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe("a setting that is added to the table", () => {
  it("is an option of the command line, in its help, in the recipe and in a replay", async () => {
    const { emilie } = await import("../support/command-line.ts");
    const help = await emilie("edit", "--help");
    expect(help.stdout).toMatch(
      /--glow <glow>\s+how much the picture glows \(a number from 0 to\s+1; default: 0\)/,
    );
    const wrong = await emilie("edit", photo, "make it red", "--glow", "2");
    expect(wrong).toMatchObject({ code: 2, stderr: expect.stringMatching(/Expected a number from 0 to 1/) });
    const near = await emilie("edit", photo, "make it red", "--glwo", "1");
    expect(near).toMatchObject({ code: 2, stderr: expect.stringMatching(/--glow/) });
    const out = join(folder, "out");
    const given = ["--model", checkpoint, "--steps", "1", "--out", out, "--json"];
    const edited = await emilie("edit", photo, "make it red", "make it blue", "--glow", "0.5", ...given);
    expect(edited.code, edited.stderr).toBe(0);
    const { steps, session } = JSON.parse(edited.stdout);
    expect(steps.map(({ recipe }: { recipe: { glow: number } }) => recipe.glow)).toEqual([0.5, 0.5]);
    const replayed = await emilie("replay", session, "--model", checkpoint, "--verify", "--json");
    expect(JSON.parse(replayed.stdout)).toMatchObject({ reproduced: true });
    const script = await emilie("show", session, "--script");
    expect(script.stdout).toMatch(/glow: 0\.5/);
  });

  it("is in the script's schema, and a near miss is named", async () => {
    const { planScript, scriptJsonSchema } = await import("../../src/session/script/script.ts");
    const text = JSON.stringify(scriptJsonSchema());
    expect(text.match(/"glow":\{"description":"How much the picture glows\. Default: 0\."/g)).toHaveLength(2);
    const step = { instruction: "make it red", glow: 0.25 };
    expect(planScript({ steps: [step] })[0]!.settings).toMatchObject({ glow: 0.25 });
    expect(planScript({ defaults: { glow: 1 }, steps: [{ instruction: "a" }] })[0]!.settings).toMatchObject({
      glow: 1,
    });
    expect(() => planScript({ steps: [{ ...step, glow: 3 }] })).toThrow(
      /steps\[0\]\.glow: expected a number from 0 to 1, got 3/,
    );
    expect(() => planScript({ steps: [{ instruction: "a", gloww: 1 }] })).toThrow(/did you mean "glow"/);
  });

  it("is the session's and the method's, recorded, replayed with changes, and stated by checkpoints", async () => {
    const { loadModel } = await import("../../src/models/load.node.ts");
    const { openSession } = await import("../../src/session/open.node.ts");
    const { loadSession } = await import("../../src/session/file/store.node.ts");
    const { resolveOptions } = await import("../../src/method/options.ts");
    const model = await loadModel(checkpoint);
    const session = await openSession(model, photo);
    const made = { steps: 1, glow: 0.5 } as object;
    const plain = await session.edit("make it red", { steps: 1, seed: 0 });
    expect(plain.recipe).not.toHaveProperty("glow");
    const glowing = await session.edit("make it red", { ...made, seed: 0, from: session.root });
    expect(glowing.recipe).toMatchObject({ glow: 0.5 });
    await expect(session.edit("make it red", { glow: 7 } as object)).rejects.toMatchObject({
      code: "option.invalid",
      message: "the glow must be a number from 0 to 1, got 7",
    });
    const { node } = await session.replay(glowing, { glow: 0.75 } as object);
    expect(node.recipe).toMatchObject({ glow: 0.75 });
    await session.save(join(folder, "glow.emilie"));
    const loaded = await loadSession(join(folder, "glow.emilie"), { model });
    expect(loaded.nodes.get(glowing.id)!.recipe).toMatchObject({ glow: 0.5 });
    expect((await loaded.verify()).every(({ result }) => result === "same")).toBe(true);
    const stating = { ...model, defaults: { ...model.defaults, glow: 0.1 } };
    expect(resolveOptions(stating as typeof model)).toMatchObject({ glow: 0.1 });
    const { defaultsSchema } = await import("../../src/checkpoint/defaults.ts");
    expect(defaultsSchema.safeParse({ defaults: { glow: 0.1 } }).success).toBe(true);
    expect(defaultsSchema.safeParse({ defaults: { glow: 2 } }).success).toBe(false);
    await model.dispose();
  });

  describe("on the server", () => {
    let server: RunningServer;
    const post = async (path: string, body: object) => {
      const headers = { "content-type": "application/json" };
      const response = await fetch(server.url + path, {
        method: "POST",
        headers,
        body: JSON.stringify(body),
      });
      return { status: response.status, body: await response.json() };
    };
    beforeAll(async () => {
      // The server's own process computes edits; it has the setting as well.
      vi.stubEnv("NODE_OPTIONS", preload);
      // From the sources, since what a run of the tests has compiled beforehand has the table as it is.
      vi.stubEnv("EMILIE_COMPILED", "");
      const { startServer } = await import("../../src/server.ts");
      server = await startServer({ port: 0, data: join(folder, "data"), model: checkpoint, log: () => {} });
    });
    afterAll(async () => {
      vi.unstubAllEnvs();
      await server.close();
    });

    it("is in the API's messages", async () => {
      const reference = await (await fetch(`${server.url}/openapi.json`)).json();
      const { EditRequest, ReplayRequest, Recipe, Model } = reference.components.schemas;
      const glow = { minimum: 0, maximum: 1, description: "How much the picture glows. Default: 0." };
      expect(EditRequest.properties.glow).toMatchObject(glow);
      expect(ReplayRequest.properties.glow).toMatchObject(glow);
      expect(Recipe.properties.glow).toMatchObject({
        type: "number",
        description: "how much the picture glows",
      });
      expect(Model.properties.defaults.properties).toHaveProperty("glow");
    });

    it("is asked for, recorded, and changed in a replay; what is wrong is refused by name", async () => {
      const form = new FormData();
      form.set("picture", new Blob([await readFile(photo)]), "photo.png");
      const opened = await fetch(`${server.url}/api/v1/sessions`, { method: "POST", body: form });
      const { id, error } = (await opened.json()) as { id: string; error?: unknown };
      expect(error).toBeUndefined();
      const edits = `/api/v1/sessions/${id}/edits`;
      const { EmilieClient } = await import("../../src/client/index.ts");
      const client = new EmilieClient({ baseUrl: server.url });
      const end = async (job: string) => (await client.finished(job)).nodes.at(-1)!;
      const recipeOf = async (node: string) =>
        (await client.session(id)).nodes.find((one) => one.id === node)!.recipe;

      const asked = await post(edits, { instruction: "make it red", steps: 1, Glow: "0.5", previews: 0 });
      expect(asked.status, JSON.stringify(asked.body)).toBe(202);
      const first = await end(asked.body.id);
      expect(await recipeOf(first)).toMatchObject({ glow: 0.5 });
      const changed = await post(`/api/v1/sessions/${id}/nodes/${first}/replay`, { glow: 1, previews: 0 });
      expect(await recipeOf(await end(changed.body.id))).toMatchObject({ glow: 1 });
      const wrong = await post(edits, { instruction: "make it red", glow: 2 });
      expect(wrong).toMatchObject({
        status: 400,
        body: {
          error: {
            code: "option.invalid",
            message: expect.stringMatching(/glow: expected a number from 0 to 1, got 2/),
          },
        },
      });
      const near = await post(edits, { instruction: "make it red", gloww: 1 });
      expect(near.body.error.message).toMatch(/"gloww".*Did you mean "glow"/);
    });
  });

  it("is an argument of the assistant's tools", async () => {
    const transport = new StdioClientTransport({
      command: process.execPath,
      args: ["src/cli/main.ts", "mcp", "--root", folder, "--model", checkpoint],
      cwd: root,
      env: { ...process.env, NODE_OPTIONS: preload } as Record<string, string>,
      stderr: "pipe",
    });
    const client = new Client({ name: "emilie-test", version: "1.0.0" });
    await client.connect(transport);
    try {
      const { tools } = await client.listTools();
      for (const name of ["edit", "branch"]) {
        const { properties } = tools.find((tool) => tool.name === name)!.inputSchema;
        expect(properties).toHaveProperty("glow");
      }
      const opened = await client.callTool({ name: "open", arguments: { path: "photo.png" } });
      expect(opened.isError, JSON.stringify(opened.content)).toBeFalsy();
      const edit = (glow: number) =>
        client.callTool({ name: "edit", arguments: { instruction: "make it red", steps: 1, seed: 0, glow } });
      const [plain, glowing, wrong] = [await edit(0), await edit(0.5), await edit(2)];
      expect(glowing.isError, JSON.stringify(glowing.content)).toBeFalsy();
      // Another recipe, another node.
      const nodeOf = ({ structuredContent }: typeof plain) => (structuredContent as { node: string }).node;
      expect(nodeOf(glowing)).not.toBe(nodeOf(plain));
      expect(wrong).toMatchObject({
        isError: true,
        content: [{ text: expect.stringMatching(/glow: expected a number from 0 to 1, got 2/) }],
      });
    } finally {
      await client.close();
    }
  });
});
