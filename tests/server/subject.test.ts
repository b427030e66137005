/** A session's bytes go to the inference process only when it does not have the session open. */
import { readFile } from "node:fs/promises";
import { afterAll, expect, it } from "vitest";
import { Retry } from "../../src/server/retry.ts";
import { MemoryStore } from "../../src/server/store/memory-store.ts";
import { callOn } from "../../src/server/subject.ts";
import { WorkerProcess } from "../../src/server/worker/process.ts";
import { COTTAGE } from "../support/server-fixture.ts";

const worker = new WorkerProcess({});
afterAll(() => worker.dispose());

class CountingStore extends MemoryStore {
  exports = 0;
  override export(id: string): Promise<Uint8Array> {
    this.exports++;
    return super.export(id);
  }
}

it("is read and sent once, and again after the process has ended", async () => {
  const store = new CountingStore();
  const sources = {
    store,
    worker,
    retry: new Retry(() => {}),
    catalog: { resolve: async (id: string) => id },
  };
  const id = "00112233445566aa";
  const picture = await readFile(COTTAGE);
  const model = "picturebook";
  const { manifest, pieces } = await worker.call("open", { session: id, model, picture, maxPixels: 1e8 });
  const info = { id, name: "a", created: 0, modified: 0, model, towards: {}, expires: null, familiar: null };
  await store.create({ info, manifest }, pieces);
  const node = manifest.head;
  const render = () => callOn(sources, "render", id, { node });

  const { png } = await render();
  await render();
  expect(store.exports).toBe(0); // opened in this process

  process.kill(worker.pid!, "SIGKILL");
  await expect.poll(() => worker.state).toBe("stopped");
  expect((await render()).png).toEqual(png);
  expect(store.exports).toBe(1);
  await render();
  expect(store.exports).toBe(1);

  // A node that the open copy lacks: the bytes are asked for, and they lack it too.
  await expect(callOn(sources, "render", id, { node: "0".repeat(12) })).rejects.toMatchObject({
    code: "server.missing",
  });
  expect(store.exports).toBe(2);
});
