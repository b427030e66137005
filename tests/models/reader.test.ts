/** A checkpoint's reader: what was made before it had one, what it must be, and where it is not asked. */
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type EditModel, loadModel, loadSession, openSession, type StoredSession } from "../../src/index.ts";

const MODEL = "models/picturebook";
const scratch = mkdtempSync(join(tmpdir(), "emilie-reader-"));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

type Own = { defaults: { rephrase: string }; understanding: { reader?: string } };

/** The shipped checkpoint with another emilie.json, and another folder reader/ where `change` makes one. */
function checkpoint(name: string, edit: (own: Own) => void, change?: (reader: string) => void): string {
  const folder = join(scratch, name);
  mkdirSync(folder);
  for (const entry of readdirSync(MODEL)) {
    if (entry === "emilie.json" || (entry === "reader" && change)) continue;
    symlinkSync(join(process.cwd(), MODEL, entry), join(folder, entry));
  }
  const own = JSON.parse(readFileSync(join(MODEL, "emilie.json"), "utf8"));
  edit(own);
  writeFileSync(join(folder, "emilie.json"), JSON.stringify(own));
  if (change) {
    cpSync(join(MODEL, "reader"), join(folder, "reader"), { recursive: true });
    change(join(folder, "reader"));
  }
  return folder;
}

describe("a session of before there was a reader", () => {
  let model: EditModel;
  let earlier: EditModel;

  beforeAll(async () => {
    model = await loadModel("picturebook");
    const folder = checkpoint("earlier", (own) => {
      own.defaults.rephrase = "on";
      delete own.understanding.reader;
    });
    earlier = await loadModel(folder);
  });
  afterAll(async () => {
    await model.dispose();
    await earlier.dispose();
  });

  it("is one of this model", () => {
    expect(earlier.hasReader).toBe(false);
    expect(model.hasReader).toBe(true);
    expect(model.fingerprint).not.toBe(earlier.fingerprint);
    expect(model.olderFingerprints).toContain(earlier.fingerprint);
  });

  it("opens, and replays with what understood it then, bit for bit", async () => {
    const made = (await openSession(earlier, "examples/cottage.png")) as StoredSession;
    const first = await made.edit("could you give the house a blue roof, please?", { steps: 2 });
    const second = await made.edit("make it snow", { steps: 2, rephrase: "off" });
    expect(first.recipe).toMatchObject({ rephrase: "on" });
    const file = join(scratch, "earlier.emilie");
    await made.save(file);

    const opened = await loadSession(file, { model });
    expect(opened.warnings).toEqual([]);
    expect(opened.nodes.get(second.id)!.recipe).not.toHaveProperty("rephrase");
    const found = await opened.verify();
    expect(found.map(({ result }) => result)).toEqual(["same", "same", "same"]);
  });

  it("asks the reader from then on, and records it", async () => {
    const session = await openSession(model, "examples/cottage.png");
    const node = await session.edit("could you give the house a blue roof, please?", { steps: 1 });
    expect(node.recipe).toMatchObject({ rephrase: "reader" });
    expect(node.phrases).toEqual(["paint the roof blue"]);
  });

  it("is told apart from one that another reader understood", async () => {
    const folder = checkpoint(
      "another-reader",
      () => {},
      (reader) => {
        const file = join(reader, "model.safetensors");
        const bytes = readFileSync(file);
        // The lowest bit of every fp16 number.
        for (let i = 8 + Number(bytes.readBigUInt64LE(0)); i < bytes.length; i += 2) bytes[i]! ^= 1;
        writeFileSync(file, bytes);
      },
    );
    const another = await loadModel(folder);
    const made = (await openSession(another, "examples/cottage.png")) as StoredSession;
    await made.edit("make it snow", { steps: 1 });
    const file = join(scratch, "another.emilie");
    await made.save(file);
    await another.dispose();
    await expect(loadSession(file, { model })).rejects.toMatchObject({ code: "session.model" });
  });

  it("cannot ask a reader that there is not", async () => {
    const session = await openSession(earlier, "examples/cottage.png");
    const asking = session.edit("make it winter", { steps: 1, rephrase: "reader" });
    await expect(asking).rejects.toMatchObject({ code: "option.invalid" });
    await expect(asking).rejects.toThrow(/has no reader/);
  });
});

describe("a folder reader/ that is none", () => {
  const config = (reader: string, change: (json: Record<string, unknown>) => void) => {
    const json = JSON.parse(readFileSync(join(reader, "config.json"), "utf8"));
    change(json);
    writeFileSync(join(reader, "config.json"), JSON.stringify(json));
  };
  const broken: readonly [string, (reader: string) => void, string, RegExp][] = [
    ["no weights", (at) => rmSync(join(at, "model.safetensors")), "checkpoint.missing", /reader/],
    ["no vocabulary", (at) => rmSync(join(at, "vocab.txt")), "checkpoint.missing", /reader\/vocab\.txt/],
    [
      "too few embeddings",
      (at) => config(at, (json) => (json.vocab_size = 100)),
      "checkpoint.malformed",
      /"vocab_size" is 100/,
    ],
    [
      "another architecture",
      (at) => config(at, (json) => (json.model_type = "roberta")),
      "checkpoint.unsupported",
      /model_type/,
    ],
    [
      "a layer more than its weights",
      (at) => config(at, (json) => (json.num_hidden_layers = 4)),
      "checkpoint.missing",
      /encoder\.layer\.3/,
    ],
  ];
  it.each(broken)("%s", async (name, change, code, message) => {
    const loading = loadModel(checkpoint(name.replaceAll(" ", "-"), () => {}, change));
    await expect(loading).rejects.toMatchObject({ code });
    await expect(loading).rejects.toThrow(message);
  });
});
