/** Reference pictures through the server, an assistant's tools and the command line: a model that takes four, and one that takes none. */
import { cp, readFile } from "node:fs/promises";
import { join } from "node:path";
import { Client } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { EMILIE } from "../support/command.ts";
import { emilie } from "../support/command-line.ts";
import { copyCheckpoint, FLUX2, scratchFolder } from "../support/flux2-fixture.ts";
import { COTTAGE, edit, type Fixture, fileOf, serve } from "../support/server-fixture.ts";

// A busy machine takes its time.
vi.setConfig({ testTimeout: 120_000 });

const scratch = scratchFolder();
const photo = join(scratch, "photo.png");
const other = join(scratch, "other.png");
let model: string;
beforeAll(async () => {
  model = copyCheckpoint(scratch, "klein");
  await cp(join(FLUX2, "klein/picture-0-0.png"), photo);
  await cp(COTTAGE, other);
});

describe("the server", () => {
  let fixture: Fixture;
  beforeAll(async () => {
    fixture = await serve({ model });
  });
  afterAll(() => fixture.close());

  it("takes uploads and nodes as references, and says how many the model takes", async () => {
    const { client } = fixture;
    const { models } = await client.models();
    expect(models.find(({ state }) => state === "selected")).toMatchObject({ maxReferences: 4 });
    expect(models.find(({ id }) => id === "picturebook")).toMatchObject({ maxReferences: 0 });
    const session = await client.createSession(await fileOf(photo));
    const request = { instruction: "wear it", seed: 3, steps: 1, from: session.root };
    const hat = new Blob([await readFile(other)]);
    const made = async (references: NonNullable<Parameters<typeof client.edit>[1]["references"]>) => {
      const job = await edit(client, session.id, { ...request, references }, { parts: { hat } });
      expect(job.error).toBeNull();
      const { nodes } = await client.session(session.id);
      return nodes.find(({ id }) => id === job.nodes[0])!;
    };
    const worn = await made([{ part: "hat" }, { node: session.root }]);
    expect(worn.recipe!.references).toMatchObject([
      { width: 128, height: 128 },
      { width: 96, height: 64 },
    ]);
    expect((await made([{ node: session.root }, { part: "hat" }])).id).not.toBe(worn.id);
    const replayed = await client.finished((await client.replay(session.id, worn.id, { seed: 9 })).id);
    const { nodes } = await client.session(session.id);
    expect(nodes.find(({ id }) => id === replayed.nodes[0])!.recipe!.references).toEqual(
      worn.recipe!.references,
    );
    const copy = await client.importSession(await client.exportSession(session.id), { name: "copy" });
    expect(copy.nodes.find(({ id }) => id === worn.id)!.recipe).toEqual(worn.recipe);

    const ask = (references: object[]) =>
      client.edit(session.id, { ...request, references: references as never }, { parts: { hat } });
    const five = Array.from({ length: 5 }, () => ({ part: "hat" }));
    await expect(ask(five)).rejects.toThrow(/at most 4 reference pictures, got 5/);
    await expect(ask([{ part: "scarf" }])).rejects.toMatchObject({ code: "option.invalid" });
    const plain = await client.createSession(await fileOf(COTTAGE), { model: "picturebook" });
    const refused = client.edit(plain.id, { instruction: "x", references: [{ node: plain.root }] });
    await expect(refused).rejects.toThrow(/picturebook takes no reference pictures, got 1/);
  });
});

describe("an assistant's tools and the command line", () => {
  it("take files", async () => {
    const client = new Client({ name: "test", version: "1" });
    const [command, ...args] = [process.execPath, ...EMILIE, "mcp", "--root", scratch, "--model", model];
    await client.connect(new StdioClientTransport({ command: command!, args, stderr: "ignore" }));
    const call = (name: string, given: Record<string, unknown>) =>
      client.callTool({ name, arguments: given }, { timeout: 100_000 });
    const opened = await call("open", { path: "photo.png" });
    expect(opened.structuredContent).toMatchObject({ model: { maxReferences: 4 } });
    const given = { instruction: "wear it", steps: 1, seed: 3 };
    const worn = await call("edit", { ...given, references: ["other.png"] });
    expect(worn.isError).toBeFalsy();
    const many = await call("edit", { ...given, references: Array(5).fill("other.png") });
    expect(JSON.stringify(many.content)).toMatch(/option.invalid: .*at most 4 reference pictures/);
    await client.close();

    const out = join(scratch, "out");
    const edited = await emilie(
      ...["edit", photo, "wear it", "--model", model, "--steps", "1", "--seed", "3", "--out", out, "--json"],
      ...["--reference", other],
    );
    expect(edited.code, edited.stderr).toBe(0);
    const [step] = JSON.parse(edited.stdout).steps;
    expect(step.recipe.references).toHaveLength(1);
    const again = ["replay", step.file, "--image", photo, "--model", model, "--out", join(scratch, "again")];
    expect((await emilie(...again)).stderr).toMatch(/--reference/);
    const replayed = await emilie(...again, "--reference", other);
    expect(replayed.code, replayed.stderr).toBe(0);
    const none = await emilie("edit", photo, "wear it", "--reference", other, "--out", join(scratch, "none"));
    expect(none.code).toBe(1);
    expect(none.stderr).toMatch(/picturebook takes no reference pictures, got 1/);
  });
});
