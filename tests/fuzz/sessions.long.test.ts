import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, it } from "vitest";
import { maskFromBox } from "../../src/images/mask.ts";
import { blankPicture } from "../../src/images/picture.ts";
import { loadModel } from "../../src/models/load.node.ts";
import { packContainer, readContainer } from "../../src/session/file/container.node.ts";
import type { Piece } from "../../src/session/file/container.ts";
import type { Manifest } from "../../src/session/file/schema.ts";
import { loadSession } from "../../src/session/file/store.node.ts";
import { openSession } from "../../src/session/open.node.ts";
import type { Damage } from "./mutate.ts";
import { FUZZ_TIMEOUT, fuzz } from "./run.ts";

const CHECKPOINT = new URL("../fixtures/parity/sd1/checkpoint", import.meta.url).pathname;

describe("session files", () => {
  let folder: string;
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it(
    "with any damage open, as far as they are whole, or give a typed error",
    async () => {
      folder = await mkdtemp(join(tmpdir(), "emilie-fuzz-"));
      const model = await loadModel(CHECKPOINT);
      const picture = blankPicture(40, 32, [90, 140, 200, 255]);
      const session = await openSession(model, picture);
      const mask = maskFromBox(40, 32, { x: 4, y: 4, width: 20, height: 16 });
      const soft = { ...mask, data: mask.data.map((m) => m * 0.3) };
      const red = await session.edit("make it red", { steps: 1, mask });
      await red.edit("make it blue", { steps: 1, mask: soft });
      const large = await openSession(model, blankPicture(200, 160), { workingSize: "own" });
      const part = maskFromBox(200, 160, { x: 50, y: 50, width: 20, height: 20 });
      await large.edit("make it green", { steps: 1, mask: part });
      const file = join(folder, "fuzz.emilie");
      const whole: Uint8Array[] = [];
      const parsed: { manifest: Manifest; pieces: Piece[] }[] = [];
      for (const one of [session, large]) {
        await one.save(file, { onChange: "overwrite" });
        whole.push(new Uint8Array(await readFile(file)));
        const { manifest, pieces } = await readContainer(file);
        parsed.push({ manifest, pieces: manifest.pieces.map((p) => ({ ...p, bytes: pieces.get(p.name)! })) });
      }
      try {
        await fuzz({
          name: "sessions",
          cases: 5000,
          share: 200,
          resident: 500,
          async run(damage, number) {
            await writeFile(
              file,
              number % 2 === 0 ? damage.bytes(damage.one(whole), whole) : await rewritten(damage),
            );
            const opened = await loadSession(file, {
              model,
              original: number % 3 === 0 ? picture : undefined,
            });
            await opened.head.render();
          },
        });
      } finally {
        await model.dispose();
      }

      /** A file whose hashes are right, and whose description says something else. */
      async function rewritten(damage: Damage): Promise<Uint8Array> {
        const { manifest, pieces } = damage.one(parsed);
        const changed = damage.json(manifest) as Manifest;
        try {
          return Buffer.concat((await packContainer(changed, pieces)).parts);
        } catch {
          // No list of pieces to lay out; the bytes are damaged instead.
          return damage.bytes(damage.one(whole), whole);
        }
      }
    },
    FUZZ_TIMEOUT,
  );
});
