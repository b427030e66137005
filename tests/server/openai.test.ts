/** OpenAI's own client against the server. */
import { readFile } from "node:fs/promises";
import OpenAI, { APIError, toFile } from "openai";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readPicture } from "../../src/images/codec.node.ts";
import { compareInsideOutside } from "../../src/images/difference.ts";
import { maskFromPicture } from "../../src/images/mask.ts";
import { COTTAGE, type Fixture, ROOF, serve } from "../support/server-fixture.ts";

let fixture: Fixture;
let openai: OpenAI;
beforeAll(async () => {
  fixture = await serve();
  openai = new OpenAI({ baseURL: `${fixture.server.url}/v1`, apiKey: "any", maxRetries: 0 });
});
afterAll(() => fixture.close());

const image = async () => toFile(await readFile(COTTAGE), "cottage.png", { type: "image/png" });
const picture = (b64: string | undefined) => readPicture(Buffer.from(b64!, "base64"));
/** Few steps; OpenAI's types do not know the extension. */
const quick = { steps: 2 } as object;
interface Extension {
  readonly emilie: {
    readonly session: string;
    readonly nodes: string[];
    readonly seeds: string[];
    readonly warnings: string[];
  };
}

/** White where the roof is → transparent there. */
async function roofMask() {
  const { data, info } = await sharp(ROOF).toColourspace("b-w").raw().toBuffer({ resolveWithObject: true });
  const rgba = Buffer.alloc(info.width * info.height * 4);
  for (let i = 0; i < info.width * info.height; i++) rgba[4 * i + 3] = 255 - data[i * info.channels]!;
  const raw = { width: info.width, height: info.height, channels: 4 } as const;
  return toFile(await sharp(rgba, { raw }).png().toBuffer(), "mask.png", { type: "image/png" });
}

describe("images.edit", () => {
  it("gives a picture of the picture's size, and leaves nothing behind", async () => {
    const { data, created } = await openai.images.edit({
      model: "picturebook",
      image: await image(),
      prompt: "make it winter",
      ...quick,
    });
    expect(created).toBeGreaterThan(1.7e9);
    expect(data).toHaveLength(1);
    const result = await picture(data![0]!.b64_json);
    expect([result.width, result.height]).toEqual([128, 128]);
    expect(compareInsideOutside(await readPicture(COTTAGE), result).inside.changedPixels).toBeGreaterThan(
      1000,
    );
    expect(await fixture.client.sessions()).toEqual([]);
    expect(await fixture.client.jobs()).toEqual([]);
  });

  it("edits where the mask is transparent only", async () => {
    const { data } = await openai.images.edit({
      image: await image(),
      mask: await roofMask(),
      prompt: "paint the roof blue",
      ...quick,
    });
    const roof = maskFromPicture(await readPicture(ROOF));
    const { inside, outside } = compareInsideOutside(
      await readPicture(COTTAGE),
      await picture(data![0]!.b64_json),
      roof,
    );
    expect(outside.changedPixels).toBe(0);
    expect(inside.changedPixels).toBeGreaterThan(0);
  });

  it("gives n different pictures, in the size and format asked for", async () => {
    const { data } = await openai.images.edit({
      ...{ model: "gpt-image-1", image: [await image()], prompt: "make it night", n: 3 },
      ...{ size: "256x256", output_format: "webp", output_compression: 80 },
      ...quick,
    });
    const files = data!.map(({ b64_json }) => Buffer.from(b64_json!, "base64"));
    for (const file of files)
      expect(await sharp(file).metadata()).toMatchObject({ format: "webp", width: 256, height: 256 });
    expect(new Set(files.map((file) => file.toString("base64"))).size).toBe(3);
  });

  it("streams partial pictures, then the whole one", async () => {
    const stream = await openai.images.edit({
      image: await image(),
      prompt: "make it sunset",
      stream: true,
      partial_images: 2,
      ...({ steps: 8 } as object),
    });
    const events = [];
    for await (const event of stream) events.push(event);
    const types = events.map(({ type }) => type);
    expect(types.at(-1)).toBe("image_edit.completed");
    const partial = events.filter((event) => event.type === "image_edit.partial_image");
    expect(partial.length).toBeGreaterThanOrEqual(1);
    expect(partial.map((event) => event.partial_image_index)).toEqual(partial.map((_, i) => i));
    for (const { b64_json } of events) {
      expect(await sharp(Buffer.from(b64_json, "base64")).metadata()).toMatchObject({
        format: "png",
        width: 128,
      });
    }
  });

  it("takes JSON with data: URLs, and keeps a session that is asked for; the next edit goes on with it", async () => {
    const url = `data:image/png;base64,${(await readFile(COTTAGE)).toString("base64")}`;
    const first = await openai.post<Extension>("/images/edits", {
      body: { images: [{ image_url: url }], prompt: "make it winter", session: "new", seed: 7, steps: 2 },
    });
    const { session, seeds } = first.emilie;
    expect(seeds).toEqual(["7"]);
    const second = (await openai.images.edit({
      ...{ image: await image(), prompt: "make it night" },
      ...({ session, seed: 8, steps: 2 } as object),
    })) as unknown as Extension;
    const kept = await fixture.client.session(session);
    expect(kept.nodes.map(({ recipe }) => recipe?.seed)).toEqual([undefined, "7", "8"]);
    expect(kept.nodes[2]).toMatchObject({ id: second.emilie.nodes[0], parent: first.emilie.nodes[0] });
    await fixture.client.deleteSession(session);
  });

  it("says what was noticed about the request", async () => {
    const prompt = `make it winter ${"please ".repeat(240)}`;
    const said = (await openai.images.edit({
      image: await image(),
      prompt,
      ...quick,
    })) as unknown as Extension;
    expect(said.emilie.warnings).toEqual([expect.stringMatching(/reads the first \d+/)]);
  });

  it("gives links where they are asked for", async () => {
    const { data } = await openai.images.edit({
      image: await image(),
      prompt: "make it autumn",
      response_format: "url",
      ...quick,
    });
    const response = await fetch(data![0]!.url!);
    expect(response.headers.get("content-type")).toBe("image/png");
    await readPicture(new Uint8Array(await response.arrayBuffer()));
    expect(await fixture.client.sessions()).toEqual([]); // not listed
  });

  it.each([false, true])("stops working when the program goes away (stream: %s)", async (stream) => {
    const controller = new AbortController();
    const heard: string[] = [];
    const listening = new AbortController();
    let connected = () => {};
    const opened = new Promise<void>((resolve) => {
      connected = resolve;
    });
    const ended = (async () => {
      const heardEvents = fixture.client.events({
        signal: listening.signal,
        onConnection: () => connected(),
      });
      for await (const event of heardEvents) {
        if (event.type !== "job") continue;
        heard.push(event.job.state);
        if (event.job.state === "running") controller.abort();
        if (event.job.finished !== null) return;
      }
    })();
    await opened;
    const body = { image: await image(), prompt: "make it foggy", ...({ steps: 900 } as object) };
    const request = stream
      ? openai.images.edit({ ...body, stream }, { signal: controller.signal }).then(async (events) => {
          for await (const _ of events);
        })
      : openai.images.edit(body, { signal: controller.signal });
    await Promise.allSettled([request]);
    await ended;
    listening.abort();
    expect(heard.at(-1)).toBe("cancelled");
  });

  it("answers bad requests as OpenAI does", async () => {
    const good = { image: await image(), prompt: "make it winter" };
    const small = await toFile(await sharp(ROOF).resize(64).ensureAlpha(0).png().toBuffer(), "mask.png", {
      type: "image/png",
    });
    const opaque = await toFile(await readFile(ROOF), "mask.png", { type: "image/png" });
    const broken = await toFile(Buffer.from("nothing"), "image.png", { type: "image/png" });
    const cases: [object, number, string | null, string | null][] = [
      [{ ...good, prompt: "" }, 400, "prompt", "invalid_value"],
      [{ image: good.image }, 400, "prompt", "missing_required_parameter"],
      [{ prompt: "x" }, 400, "image", "missing_required_parameter"],
      [{ ...good, n: 11 }, 400, "n", "invalid_value"],
      [{ ...good, size: "huge" }, 400, "size", "invalid_value"],
      [{ ...good, image: [await image(), await image()] }, 400, "image", "invalid_value"],
      [{ ...good, model: "nobody/nothing" }, 404, "model", "model_not_found"],
      [{ ...good, model: "/etc" }, 404, "model", "model_not_found"],
      [{ ...good, mask: small }, 400, "mask", "invalid_mask"],
      [{ ...good, mask: opaque }, 400, "mask", "invalid_mask"],
      [{ ...good, image: broken }, 400, null, "image.unreadable"],
      [{ ...good, session: "f".repeat(16) }, 404, null, "server.missing"],
    ];
    for (const [body, status, param, code] of cases) {
      const error = await openai.images.edit(body as never).catch((caught: unknown) => caught);
      expect(error, JSON.stringify({ param, code })).toBeInstanceOf(APIError);
      const { message, ...rest } = error as APIError;
      expect({ status: rest.status, param: rest.param, code: rest.code, type: rest.type }).toEqual({
        ...{ status, param, code },
        type: "invalid_request_error",
      });
      expect(message.length).toBeGreaterThan(10);
    }
    const remote = { images: [{ image_url: "http://127.0.0.1:1/x.png" }], prompt: "x" };
    await expect(openai.post("/images/edits", { body: remote })).rejects.toMatchObject({
      status: 400,
      param: "image",
    });
    expect(await fixture.client.sessions()).toEqual([]);
  });
});

describe("models", () => {
  it("are listed and found", async () => {
    const names = [];
    for await (const { id } of openai.models.list()) names.push(id);
    expect(names).toContain("picturebook");
    expect(await openai.models.retrieve("picturebook")).toMatchObject({ id: "picturebook", object: "model" });
    await expect(openai.models.retrieve("nobody/nothing")).rejects.toMatchObject({
      status: 404,
      code: "model_not_found",
    });
  });
});
