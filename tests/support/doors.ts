/** A model through every interface: the command line, the server, OpenAI's client, an assistant's tools. They know an EditModel and nothing else, so every model is asked the same. */
import { cp, mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { Client } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import OpenAI, { toFile } from "openai";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readPicture } from "../../src/images/codec.node.ts";
import { compareInsideOutside } from "../../src/images/difference.ts";
import { type Box, maskFromBox } from "../../src/images/mask.ts";
import { EMILIE } from "./command.ts";
import { emilie } from "./command-line.ts";
import { bytesOf, edit, type Fixture, fileOf, serve } from "./server-fixture.ts";

export interface Doors {
  /** For what the tests write. */
  readonly scratch: string;
  /** The checkpoint's folder; its last part is the name that servers list it under. */
  readonly model: string;
  readonly id: string;
  /** A PNG of a size at which the model works. */
  readonly photo: string;
  /** A part of it in which an edit changes something. */
  readonly box: Box;
  /** A setting that it refuses, as the command line has it and as the server has it, and what is said then. */
  readonly refused: { readonly flags: readonly string[]; readonly request: object; readonly says: RegExp };
  /** Of `emilie inspect --json --size`. */
  readonly facts: object;
  readonly networks: readonly string[];
  /** Steps of every preset. */
  readonly presets: Readonly<Record<string, number>>;
}

/** @param doors of a model without guidance, which takes four steps; the folders need not exist before the tests run */
export function testDoors(doors: Doors): void {
  const { scratch, model, id, photo, box, refused } = doors;

  describe("the command line", () => {
    it("edits, with a mask, in int8, and replays what it has written", async () => {
      const out = join(scratch, "out");
      const mask = `box:${box.x},${box.y},${box.width},${box.height}`;
      const args = ["edit", photo, "make it winter", "--model", model, "--mask", mask, "--out", out];
      const { code, stderr, stdout } = await emilie(...args, "--precision", "int8", "--json");
      expect(code, stderr).toBe(0);
      const { steps, session } = JSON.parse(stdout);
      const before = await readPicture(photo);
      const { outside, inside } = compareInsideOutside(
        before,
        await readPicture(steps[0].file),
        maskFromBox(before.width, before.height, box),
      );
      expect(outside.changedPixels).toBe(0);
      expect(inside.changedPixels).toBeGreaterThan(100);
      const replayed = await emilie("replay", session, "--verify", "--json");
      expect(replayed.code, replayed.stderr).toBe(0);
    });

    it("says before anything is computed what the model does not have", async () => {
      const args = ["edit", photo, "make it winter", "--model", model, "--out", join(scratch, "refused")];
      const { code, stderr } = await emilie(...args, ...refused.flags);
      expect(code).not.toBe(0);
      expect(stderr).toMatch(refused.says);
    });

    it("inspects: networks, presets, costs", async () => {
      const { width, height } = await readPicture(photo);
      const { code, stdout, stderr } = await emilie(
        ...["inspect", model, "--json", "--size", `${width}x${height}`],
      );
      expect(code, stderr).toBe(0);
      const facts = JSON.parse(stdout);
      expect(facts).toMatchObject(doors.facts);
      expect(facts.networks.map(({ name }: { name: string }) => name)).toEqual(doors.networks);
      const presets = facts.presets as readonly { preset: string; steps: number }[];
      expect(Object.fromEntries(presets.map(({ preset, steps }) => [preset, steps]))).toEqual(doors.presets);
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
      expect(models.find((one) => one.id === id)).toMatchObject({ id });
      const session = await client.createSession(await fileOf(photo));
      const job = await edit(client, session.id, { instruction: "make it winter", steps: 4, previews: 2 });
      expect(job.state, JSON.stringify(job)).toBe("done");
      const made = await readPicture(await bytesOf(client.picture(session.id, job.nodes[0]!)));
      const { inside } = compareInsideOutside(await readPicture(photo), made);
      expect(inside.changedPixels).toBeGreaterThan((made.width * made.height) / 8);
      const second = await edit(client, session.id, { instruction: "paint the roof blue", steps: 4 });
      expect((await client.session(session.id)).nodes).toHaveLength(3);
      expect(second.state).toBe("done");
      const answer = await edit(client, session.id, { instruction: "make it red", ...refused.request }).catch(
        (e: Error) => e,
      );
      expect(JSON.stringify(answer instanceof Error ? answer.message : answer)).toMatch(refused.says);
    });

    it("answers OpenAI's client", async () => {
      const openai = new OpenAI({ baseURL: `${fixture.server.url}/v1`, apiKey: "any", maxRetries: 0 });
      const image = await toFile(await readFile(photo), "photo.png", { type: "image/png" });
      const { data } = await openai.images.edit({ model: id, image, prompt: "make it winter" });
      const made = await readPicture(Buffer.from(data![0]!.b64_json!, "base64"));
      const { width, height } = await readPicture(photo);
      expect([made.width, made.height]).toEqual([width, height]);
    });
  });

  describe("an assistant's tools", () => {
    it("open, edit and compare", async () => {
      const root = join(scratch, "root");
      await mkdir(root);
      await cp(photo, join(root, "photo.png"));
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
          { timeout: 280_000 },
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
}
