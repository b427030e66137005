/** The native API, spoken by the client, with the model that ships. */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { EmilieClient, ServerEvent, Session } from "../../src/client/index.ts";
import { readPicture } from "../../src/images/codec.node.ts";
import { compareInsideOutside } from "../../src/images/difference.ts";
import { maskFromPicture } from "../../src/images/mask.ts";
import { readPngText } from "../../src/images/png-text.ts";
import { loadSession } from "../../src/session/file/store.node.ts";
import { bytesOf, COTTAGE, edit, type Fixture, fileOf, ROOF, serve } from "../support/server-fixture.ts";

let fixture: Fixture;
let client: EmilieClient;
let session: Session;
beforeAll(async () => {
  fixture = await serve();
  client = fixture.client;
  session = await client.createSession(await fileOf(COTTAGE, "my cottage.png"));
});
afterAll(() => fixture.close());

describe("sessions", () => {
  it("open on a picture or an example, are listed, renamed, deleted", async () => {
    expect(session).toMatchObject({
      name: "my cottage",
      width: 128,
      height: 128,
      nodeCount: 1,
      canUndo: false,
    });
    const examples = await client.examples();
    expect(examples.map(({ name }) => name)).toContain("lake");
    const lake = await client.createSession({ example: "lake" });
    expect(lake.name).toBe(examples.find(({ name }) => name === "lake")!.title);
    expect((await client.sessions()).map(({ id }) => id)).toEqual([lake.id, session.id]);
    expect((await client.renameSession(lake.id, "  The lake ")).name).toBe("The lake");
    await client.deleteSession(lake.id);
    expect((await client.sessions()).map(({ id }) => id)).toEqual([session.id]);
    await expect(client.session(lake.id)).rejects.toMatchObject({ code: "server.missing" });
    await expect(client.createSession({ example: "../package" })).rejects.toMatchObject({
      code: "server.missing",
    });
    await expect(client.createSession(new Blob(["no picture"]))).rejects.toMatchObject({
      code: "image.unreadable",
    });
  });

  it("are taken away as a file that the library opens, and brought in again", async () => {
    const { nodes } = await edit(client, session.id, { instruction: "make it autumn", seed: 3 });
    const file = await client.exportSession(session.id);
    const path = join(fixture.folder, "taken.emilie");
    await writeFile(path, await bytesOf(file));
    const opened = await loadSession(path);
    expect(opened.head.id).toBe(nodes[0]);
    expect((await opened.verify()).map(({ result }) => result)).toEqual(["same", "same"]);
    await opened.model.dispose();
    const imported = await client.importSession(file, { name: "Back" });
    expect(imported).toMatchObject({ name: "Back", head: nodes[0], nodeCount: 2, model: "picturebook" });
    // Its pictures are not in the file: they are made again, and are the same.
    const [there, here] = await Promise.all([
      client.picture(imported.id, nodes[0]!),
      client.picture(session.id, nodes[0]!),
    ]);
    expect(await bytesOf(there)).toEqual(await bytesOf(here));
    await client.deleteSession(imported.id);
    const cut = file.slice(0, file.size - 2000);
    await expect(client.importSession(cut)).rejects.toMatchObject({ code: "session.damaged" });
    await expect(client.importSession(new Blob(["nothing"]))).rejects.toMatchObject({
      code: "session.malformed",
    });
  });
});

describe("edits", () => {
  it("tell their progress, show previews, and leave what no mask touches as it was", async () => {
    const events: ServerEvent[] = [];
    const job = await client.edit(
      session.id,
      { instruction: "paint the roof blue", from: session.root, mask: { part: "roof" }, seed: 1, steps: 4 },
      { parts: { roof: await fileOf(ROOF) } },
    );
    expect(job).toMatchObject({ kind: "edit", from: session.root, variations: 1 });
    const done = await client.finished(job.id, { onEvent: (event) => events.push(event) });
    expect(done).toMatchObject({ state: "done", attempts: 1, kept: false, error: null });
    const steps = events.flatMap((event) => (event.type === "progress" ? [event.progress.step] : []));
    expect(steps).toEqual([1, 2, 3, 4]);
    const preview = events.find((event) => event.type === "preview")!;
    const shown = await readPicture(Buffer.from(preview.picture.split(",")[1]!, "base64"));
    expect([shown.width, shown.height]).toEqual([128, 128]);

    const [node] = done.nodes;
    const now = await client.session(session.id);
    expect(now.head).toBe(node);
    const made = now.nodes.find(({ id }) => id === node)!;
    expect(made).toMatchObject({
      parent: session.root,
      instruction: "paint the roof blue",
      hasMask: true,
      changed: true,
    });
    expect(made.drift!.parent.outside.changedPixels).toBe(0);
    const [before, after] = [
      await readPicture(COTTAGE),
      await readPicture(await bytesOf(client.picture(session.id, node!))),
    ];
    const roof = maskFromPicture(await readPicture(ROOF));
    const { inside, outside } = compareInsideOutside(before, after, roof);
    expect(outside.changedPixels).toBe(0);
    expect(inside.changedPixels).toBeGreaterThan(0);
    const numbers = await client.compare(session.id, session.root, node!);
    expect(numbers.inside.changedPixels).toBe(inside.changedPixels);
    expect(numbers.outside.psnr).toBeNull();
    // The same mask again: by its id from the recipe, by the node, and as it comes back.
    const { sha256 } = made.recipe!.regions[0]!.mask!;
    const back = maskFromPicture(await readPicture(await bytesOf(client.mask(session.id, sha256))));
    expect(back.data).toEqual(roof.data);
    const byId = await edit(client, session.id, { instruction: "paint the roof red", mask: { id: sha256 } });
    const byNode = await edit(client, session.id, {
      instruction: "paint the roof pink",
      from: node,
      mask: { node: node! },
    });
    const masks = (await client.session(session.id)).nodes
      .filter(({ id }) => byId.nodes.includes(id) || byNode.nodes.includes(id))
      .map(({ recipe }) => recipe!.regions[0]!.mask!.sha256);
    expect(masks).toEqual([sha256, sha256]);
  });

  it("make variations with seeds of their own, and leave the head until one is chosen", async () => {
    await client.setHead(session.id, session.root);
    const job = await edit(client, session.id, { instruction: "make it night", variations: 3, seed: 5 });
    expect(new Set(job.nodes).size).toBe(3);
    const now = await client.session(session.id);
    expect(now.head).toBe(session.root);
    const seeds = job.nodes.map((id) => now.nodes.find((node) => node.id === id)!.recipe!.seed);
    expect(seeds).toEqual(["5", "6", "7"]);
    expect((await client.setHead(session.id, job.nodes[1]!)).canUndo).toBe(true);
    expect((await client.undo(session.id)).head).toBe(session.root);
    expect((await client.redo(session.id)).head).toBe(job.nodes[1]);
  });

  it("take several regions at once, a box, and the model's own mask", async () => {
    const regions = [
      { instruction: "paint the walls yellow", mask: { box: { x: 40, y: 60, width: 40, height: 40 } } },
    ];
    const mask = { box: { x: 0, y: 0, width: 20, height: 20 } };
    const both = await edit(client, session.id, {
      instruction: "add clouds",
      from: session.root,
      mask,
      regions,
    });
    const node = (await client.session(session.id)).nodes.find(({ id }) => id === both.nodes[0])!;
    expect(node.recipe!.regions.map(({ instruction }) => instruction)).toEqual([
      "add clouds",
      "paint the walls yellow",
    ]);
    const found = await client.finished(
      (
        await client.relevance(session.id, {
          instruction: "paint the roof blue",
          draws: 1,
          from: session.root,
        })
      ).id,
    );
    const { map, mask: above } = found.relevance!;
    const levels = maskFromPicture(await readPicture(await bytesOf(client.mask(session.id, map)))).data;
    const cut = maskFromPicture(await readPicture(await bytesOf(client.mask(session.id, above)))).data;
    expect(new Set(cut)).toEqual(new Set([0, 1]));
    // The threshold is 0.25; what lies within one level of it may fall on either side.
    expect(
      levels.every((level, i) => Math.abs(level - 0.25) < 1 / 255 || level >= 0.25 === (cut[i] === 1)),
    ).toBe(true);
    const auto = await edit(client, session.id, {
      instruction: "paint the roof blue",
      from: session.root,
      mask: { auto: { draws: 1 } },
    });
    const used = (await client.session(session.id)).nodes.find(({ id }) => id === auto.nodes[0])!;
    expect(used.recipe!.regions[0]!.mask!.sha256).toBe(above);
  });

  it("end early with their preview where that is kept, and the recipe makes the same again", async () => {
    const job = await client.edit(session.id, {
      instruction: "make it sunset",
      from: session.root,
      steps: 60,
      seed: 2,
    });
    const done = await client.finished(job.id, {
      onEvent: (event) => {
        if (event.type === "progress" && event.progress.step === 2) void client.keepPreview(job.id);
      },
    });
    expect(done).toMatchObject({ state: "done", kept: true });
    const node = (await client.session(session.id)).nodes.find(({ id }) => id === done.nodes[0])!;
    const taken = node.recipe!.stopAfter as number;
    expect(taken).toBeGreaterThanOrEqual(2);
    expect(taken).toBeLessThan(60);
    const path = join(fixture.folder, "kept.emilie");
    await writeFile(path, await bytesOf(client.exportSession(session.id)));
    const opened = await loadSession(path);
    const verified = await opened.verify();
    await opened.model.dispose();
    expect(verified.every(({ result }) => result === "same")).toBe(true);
    await expect(client.keepPreview(job.id)).rejects.toMatchObject({ code: "option.invalid" });
  });

  it("are cancelled while they wait and while they run; what was finished stays", async () => {
    const before = await client.session(session.id);
    const long = await client.edit(session.id, { instruction: "make it foggy", steps: 400, previews: 0 });
    const next = await client.edit(session.id, { instruction: "make it summer", steps: 2 });
    expect((await client.job(next.id)).position).toBe(1);
    expect((await client.cancelJob(next.id)).state).toBe("cancelled");
    const ended = await client.finished(long.id, {
      onEvent: (event) => {
        if (event.type === "progress") void client.cancelJob(long.id);
      },
    });
    expect(ended).toMatchObject({ state: "cancelled", nodes: [], error: null });
    expect(await client.session(session.id)).toEqual(before);
  });

  it("are refused in words where they make no sense", async () => {
    const bad = [
      [{ instruction: "" }, "option.invalid"],
      [{ instruction: "x", variations: 10 }, "option.invalid"],
      [{ instruction: "x", from: "ffffffffffff" }, "server.missing"],
      [{ instruction: "x", mask: { id: "f".repeat(64) } }, "server.missing"],
      [{ instruction: "x", mask: { part: "missing" } }, "option.invalid"],
      [{ instruction: "x", mask: { box: { x: 100, y: 0, width: 60, height: 10 } } }, "mask.invalid"],
      [{ instruction: "x", sampler: "magic" }, "option.invalid"],
      [{ instruction: "x", strength: 1.5 }, "option.invalid"],
      [{ instruction: "x", unknown: 1 } as object, "option.invalid"],
    ] as const;
    for (const [request, code] of bad) {
      await expect(
        client.edit(session.id, request as { instruction: string }),
        JSON.stringify(request),
      ).rejects.toMatchObject({ code });
    }
  });
});

describe("the tree", () => {
  it("repeats what followed a changed step on a branch of its own", async () => {
    await client.setHead(session.id, session.root);
    const winter = (await edit(client, session.id, { instruction: "make it winter", seed: 8 })).nodes[0]!;
    const balloon = (await edit(client, session.id, { instruction: "add a red balloon", seed: 9 })).nodes[0]!;
    const replay = await client.replay(session.id, winter, { instruction: "make it autumn", previews: 0 });
    const done = await client.finished(replay.id);
    expect(Object.keys(done.replaced!)).toEqual([winter, balloon]);
    const now = await client.session(session.id);
    expect(now.head).toBe(done.replaced![balloon]);
    const follower = now.nodes.find(({ id }) => id === now.head)!;
    expect(follower).toMatchObject({ instruction: "add a red balloon", parent: done.replaced![winter] });
    expect(now.nodes.map(({ id }) => id)).toContain(balloon); // the old branch stays
    await expect(client.replay(session.id, session.root, {})).rejects.toMatchObject({
      code: "option.invalid",
    });
  });

  it("names nodes and deletes branches", async () => {
    const { head } = await client.session(session.id);
    expect((await client.renameNode(session.id, head, "the one")).name).toBe("the one");
    expect((await client.renameNode(session.id, head, "")).name).toBeNull();
    const { parent } = (await client.session(session.id)).nodes.find(({ id }) => id === head)!;
    const after = await client.deleteNode(session.id, parent!);
    expect(after.nodes.map(({ id }) => id)).not.toContain(head);
    expect(after.head).toBe(session.root);
    await expect(client.deleteNode(session.id, session.root)).rejects.toMatchObject({
      code: "option.invalid",
    });
    // What was deleted can be made again, though the worker remembers it.
    const again = await edit(client, session.id, { instruction: "make it winter", seed: 8 });
    expect((await client.session(session.id)).nodes.map(({ id }) => id)).toContain(again.nodes[0]);
  });
});

describe("pictures", () => {
  it("come in every format and size, with the recipe, and are not sent twice", async () => {
    const { head } = await client.session(session.id);
    const png = await bytesOf(client.picture(session.id, head));
    expect(JSON.parse(readPngText(png).emilie!)).toMatchObject({
      regions: [{ instruction: "make it winter" }],
    });
    for (const format of ["jpeg", "webp", "avif"] as const) {
      const {
        format: found,
        width,
        xmp,
      } = await sharp(await bytesOf(client.picture(session.id, head, { format }))).metadata();
      expect([found, width]).toEqual([format === "avif" ? "heif" : format, 128]);
      expect(xmp?.toString()).toContain("compositeWithTrainedAlgorithmicMedia");
    }
    const small = await sharp(
      await bytesOf(client.picture(session.id, head, { format: "webp", width: 32 })),
    ).metadata();
    expect(small.width).toBe(32);
    const url = client.pictureUrl(session.id, head, { width: 32 });
    const first = await fetch(url);
    const etag = first.headers.get("etag")!;
    const second = await fetch(url, { headers: { "if-none-match": etag } });
    expect([first.status, second.status, (await second.arrayBuffer()).byteLength]).toEqual([200, 304, 0]);
    const saved = await fetch(client.pictureUrl(session.id, head, { download: true }));
    expect(saved.headers.get("content-disposition")).toContain('filename="my cottage - make it winter.png"');
  });

  it("show differences, and the way as an animation", async () => {
    const { head, root } = await client.session(session.id);
    const same = await readPicture(await bytesOf(client.difference(session.id, head, head)));
    expect(same.data.every((value, i) => value === (i % 4 === 3 ? 255 : 0))).toBe(true);
    const other = await readPicture(await bytesOf(client.difference(session.id, root, head)));
    expect(other.data.some((value, i) => i % 4 < 3 && value > 0)).toBe(true);
    for (const format of ["webp", "gif"] as const) {
      const history = await bytesOf(client.history(session.id, head, { format, seconds: 0.5 }));
      const { pages, delay, width } = await sharp(history, { animated: true }).metadata();
      expect([pages, delay, width]).toEqual([2, [500, 500], 128]);
    }
  });
});

describe("models", () => {
  it("say what they can do, and only what is here may be chosen", async () => {
    const { selected, models } = await client.models();
    const own = models.find(({ id }) => id === selected)!;
    expect(own).toMatchObject({ id: "picturebook", state: "selected", nativeSize: 128, problem: null });
    expect(own.description).toContain("no photographs");
    expect((await client.selectModel("picturebook")).selected).toBe("picturebook");
    for (const name of ["models/picturebook", "/etc", "../models/picturebook", "nobody/nothing"]) {
      await expect(client.selectModel(name), name).rejects.toMatchObject({ code: "server.missing" });
      await expect(client.createSession({ example: "lake" }, { model: name }), name).rejects.toMatchObject({
        code: "server.missing",
      });
    }
    await expect(client.pullModel("../../etc")).rejects.toMatchObject({ code: "option.invalid" });
  });
});

describe("events", () => {
  it("go on where they were, and say so where they cannot", async () => {
    const stop = new AbortController();
    const heard: ServerEvent[] = [];
    const renamed = (event: ServerEvent) => event.type === "session" && event.session.name;
    const listen = async (headers: Record<string, string>, enough: () => boolean) => {
      const response = await fetch(`${fixture.server.url}/api/v1/events?session=${session.id}`, {
        headers,
        signal: stop.signal,
      });
      const { readEvents } = await import("../../src/client/sse.ts");
      let last = "";
      for await (const { id, data } of readEvents(response.body!)) {
        last = id;
        if (data) heard.push(JSON.parse(data) as ServerEvent);
        else await client.renameSession(session.id, "one"); // connected
        if (enough()) break;
      }
      return last;
    };
    const last = await listen({}, () => heard.length === 1);
    await client.renameSession(session.id, "two");
    await client.renameSession(session.id, "three");
    await listen({ "last-event-id": last }, () => heard.length === 3);
    expect(heard.map(renamed)).toEqual(["one", "two", "three"]);
    await listen({ "last-event-id": "ffffffff-1" }, () => heard.length === 4);
    expect(heard[3]).toEqual({ type: "reset" });
    stop.abort();
  });
});

describe("the description", () => {
  it("names every route, and the page of reference is made from it", async () => {
    const document = (await (await fetch(`${fixture.server.url}/openapi.json`)).json()) as {
      paths: Record<string, Record<string, unknown>>;
      components: { schemas: Record<string, unknown> };
    };
    expect(Object.keys(document.paths)).toContain("/api/v1/sessions/{session}/edits");
    expect(Object.keys(document.components.schemas)).toEqual(
      expect.arrayContaining(["Session", "Job", "EditRequest", "Error"]),
    );
    const page = await (await fetch(`${fixture.server.url}/docs`)).text();
    for (const path of Object.keys(document.paths)) expect(page).toContain(path);
    const reference = await readFile(new URL("../../docs/server.md", import.meta.url), "utf8");
    for (const path of Object.keys(document.paths)) expect(reference, path).toContain(path);
  });
});
