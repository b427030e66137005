import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, it } from "vitest";
import { folderSource } from "../../src/checkpoint/source.node.ts";
import { mappedStorage } from "../../src/checkpoint/storage.node.ts";
import { resolveOptions } from "../../src/method/options.ts";
import { createEditModel } from "../../src/networks/stable-diffusion/editor.ts";
import { createNodeEngine } from "../../src/runtime/node.ts";
import { createSchedule } from "../../src/samplers/index.ts";
import { FUZZ_TIMEOUT, fuzz } from "./run.ts";

const CHECKPOINT = new URL("../fixtures/parity/sd1/checkpoint", import.meta.url).pathname;
const FILES = [
  ...[
    "model_index.json",
    "unet/config.json",
    "vae/config.json",
    "text_encoder/config.json",
    "scheduler/scheduler_config.json",
  ],
  ...[
    "tokenizer/vocab.json",
    "tokenizer/merges.txt",
    "tokenizer/tokenizer_config.json",
    "tokenizer/special_tokens_map.json",
  ],
];

describe("a checkpoint's configs and tokenizers", () => {
  let folder: string;
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it(
    "with any damage load and read a text, or give a typed error",
    async () => {
      folder = await mkdtemp(join(tmpdir(), "emilie-fuzz-"));
      await cp(CHECKPOINT, folder, { recursive: true, dereference: true });
      const whole = new Map<string, Uint8Array>();
      for (const name of FILES) {
        const bytes = await readFile(join(folder, name)).catch(() => null);
        if (bytes) whole.set(name, new Uint8Array(bytes));
      }
      const engine = createNodeEngine();
      const storage = mappedStorage();
      const all = [...whole.values()];
      await fuzz({
        name: "configs and tokenizers",
        cases: 2000,
        share: 120,
        async run(damage, number) {
          const [name, bytes] = damage.one([...whole]);
          const isJson = name.endsWith(".json") && number % 4 !== 0;
          const text = isJson ? JSON.stringify(damage.json(JSON.parse(Buffer.from(bytes).toString()))) : "";
          await writeFile(join(folder, name), isJson ? text : damage.bytes(bytes, all));
          try {
            // No network is made before the first edit, so one engine serves all.
            const model = await createEditModel(folderSource(folder), engine, { storage });
            model.countTokens("Make it WINTER, with “quotes” and 🙂\u0000");
            const { sampler, steps } = resolveOptions(model);
            createSchedule(model.schedulerConfig, { sampler, steps });
          } finally {
            await writeFile(join(folder, name), bytes);
          }
        },
      });
      await engine.dispose();
    },
    FUZZ_TIMEOUT,
  );
});
