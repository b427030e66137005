/** What plain JavaScript spells wrongly is refused by its name, before any work is done: a mask that is not read would edit everything. */
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { EmilieClient } from "../../src/client/index.ts";
import {
  type EditModel,
  edit,
  exportPicture,
  loadModel,
  loadSession,
  openSession,
  parseScript,
  pullModel,
  readPicture,
  runScript,
  type StoredSession,
  writePicture,
} from "../../src/index.ts";
import { startServer } from "../../src/server.ts";

const CHECKPOINT = new URL("../fixtures/parity/sd1/checkpoint", import.meta.url).pathname;
const COTTAGE = "examples/cottage.png";
let model: EditModel;
let session: StoredSession;
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "emilie-names-"));
  model = await loadModel(CHECKPOINT);
  session = await openSession(model, COTTAGE);
});
afterAll(async () => {
  await model.dispose();
  await rm(folder, { recursive: true });
});

/** Options as no compiler has seen them. */
const plain = <T>(value: unknown): T => value as T;
const words = "make it red";

it("at every function that takes options", async () => {
  const picture = await readPicture(COTTAGE);
  const script = parseScript("steps:\n  - instruction: make it red\n");
  const file = join(folder, "a.png");
  const { latent } = session.root;
  const cases: [string, () => unknown][] = [
    ["mask", () => session.edit(words, plain({ maks: "box:1,1,9,9" }))],
    ["mask", () => session.edit(words, plain({ mask_: "box:1,1,9,9" }))],
    ["seed", () => session.edit(words, plain({ Seed: 1 }))],
    ["textGuidance", () => session.edit(words, plain({ text_guidance: 3 }))],
    ["mask", () => session.root.edit(words, plain({ masks: [] }))],
    ["mask", () => session.edit(words, plain({ regions: [{ instruction: "x", msak: "box:1,1,9,9" }] }))],
    ["weight", () => session.edit(words, plain({ regions: [{ instruction: "x", wieght: 2 }] }))],
    ["draws", () => session.edit(words, plain({ mask: "auto", relevance: { draw: 1 } }))],
    ["margin", () => session.edit(words, plain({ mask: "box:1,1,9,9", window: { margins: 2 } }))],
    ["steps", () => edit(model, latent, [{ instruction: words }], plain({ step: 3 }))],
    ["mask", () => edit(model, latent, [plain({ instruction: words, maks: null })])],
    ["threshold", () => session.relevance(words, plain({ treshold: 0.1 }))],
    ["precision", () => loadModel(CHECKPOINT, plain({ precison: "int8" }))],
    ["weight", () => loadModel(CHECKPOINT, plain({ lora: [{ file: "a.safetensors", wheight: 1 }] }))],
    ["variant", () => pullModel("owner/name", plain({ varient: "fp16" }))],
    ["workingSize", () => openSession(model, picture, plain({ workingsize: 64 }))],
    ["model", () => loadSession(join(folder, "none.emilie"), plain({ modle: model }))],
    ["onChange", () => session.save(join(folder, "a.emilie"), plain({ onchange: "merge" }))],
    ["signal", () => session.verify(plain({ singal: null }))],
    ["quality", () => session.root.save(file, plain({ qualty: 3 }))],
    ["recipe", () => exportPicture(session, file, plain({ recipes: false }))],
    ["quality", () => writePicture(picture, file, plain({ quallity: 3 }))],
    ["from", () => runScript(session, script, plain({ form: session.root }))],
    ["allowedHosts", () => startServer(plain({ port: 0, data: null, allowedHost: "x" }))],
    ["uploadBytes", () => startServer(plain({ port: 0, data: null, limits: { uploadByte: 1 } }))],
    ["perSession", () => startServer(plain({ port: 0, data: null, queue: { persession: 1 } }))],
    ["baseUrl", () => new EmilieClient(plain({ baseURL: "http://127.0.0.1:1" }))],
  ];
  const calls = { ...model.calls };
  for (const [i, [meant, action]] of cases.entries()) {
    const refused = expect((async () => action())(), `${i}: ${meant}`).rejects;
    await refused.toMatchObject({
      code: "option.invalid",
      message: expect.stringContaining(`Did you mean "${meant}"?`),
    });
  }
  expect(model.calls).toEqual(calls);
  expect(session.nodes.size).toBe(1);
  expect(await readdir(folder)).toEqual([]);
});

it("and what is no object is no options", async () => {
  for (const wrong of [null, "box:1,1,9,9", 7, ["mask"]]) {
    await expect(session.edit(words, plain(wrong))).rejects.toMatchObject({
      code: "option.invalid",
      message: expect.stringMatching(/the edit's options must be an object/),
    });
  }
  // Known and undefined is as not given.
  await expect(session.edit(words, { mask: undefined, steps: 1 })).resolves.toBeDefined();
});
