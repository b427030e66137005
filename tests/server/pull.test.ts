/** A model from the hub through the server, as the studio's chooser does it. */
import { expect, it } from "vitest";
import type { ModelInfo } from "../../src/client/index.ts";
import { checkpoint, hub, hubForEachTest, id } from "../support/hub-fixture.ts";
import { edit, serve } from "../support/server-fixture.ts";

hubForEachTest();

it("a model is pulled with progress, may then be chosen, and edits", async () => {
  hub.addFolder(id, checkpoint);
  const { client, close } = await serve({ data: null, preload: false });
  const stop = new AbortController();
  try {
    const { models } = await client.models();
    expect(models.map((model) => model.id)).not.toContain(id);
    // What may be pulled: with its size, its licence, and what it will need here.
    expect(models.find((model) => model.id === "timbrooks/instruct-pix2pix")).toMatchObject({
      ...{ state: "missing", bytes: null, downloadBytes: 4.27e9, license: { name: "MIT" } },
      plan: { width: 512, precisions: [{ precision: "fp32", derivedBytes: 0 }, { precision: "int8" }] },
    });
    expect(models.find((model) => model.id === "picturebook")).toMatchObject({
      ...{ downloadBytes: null, license: null },
      plan: { width: 128, precisions: [{ precision: "fp32" }, { precision: "int8" }] },
    });
    await expect(client.selectModel(id)).rejects.toMatchObject({ code: "server.missing" });
    const told: ModelInfo[] = [];
    let connected = () => {};
    const opened = new Promise<void>((resolve) => {
      connected = resolve;
    });
    const here = (async () => {
      for await (const event of client.events({ signal: stop.signal, onConnection: () => connected() })) {
        if (event.type !== "model" || event.model.id !== id) continue;
        told.push(event.model);
        if (event.model.pull === null || event.model.pull.error) return;
      }
    })();
    await opened;
    expect((await client.pullModel(id)).state).toBe("pulling");
    await here;
    const known = told.flatMap(({ pull }) => (pull?.totalBytes ? [pull.bytes / pull.totalBytes] : []));
    expect(known.length).toBeGreaterThan(0);
    expect(known).toEqual([...known].sort((a, b) => a - b));
    expect(told.at(-1)).toMatchObject({ state: "available", pull: null, problem: null });

    expect((await client.selectModel(id)).selected).toBe(id);
    const session = await client.createSession({ example: "lake" });
    expect(session.model).toBe(id);
    // The worker holds one model at a time, and changes it between jobs.
    const other = await client.createSession({ example: "lake" }, { model: "picturebook" });
    const jobs = await Promise.all(
      [session, other].map((one) => edit(client, one.id, { instruction: "make it red", steps: 1 })),
    );
    expect(jobs.map(({ state, error }) => ({ state, error }))).toEqual(
      Array(2).fill({ state: "done", error: null }),
    );
  } finally {
    stop.abort();
    await close();
  }
});

it("what goes wrong with a download is said, and it may be tried again", async () => {
  const { client, close } = await serve({ data: null, preload: false });
  try {
    await client.pullModel("nobody/nothing");
    await expect
      .poll(
        async () =>
          (await client.models()).models.find((model) => model.id === "nobody/nothing")?.pull?.error?.code,
      )
      .toBe("hub.missing");
    expect((await client.cancelPull("nobody/nothing")).state).toBe("missing");
  } finally {
    await close();
  }
});
