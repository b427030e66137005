import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, expect, it } from "vitest";
import { writeSafetensors } from "./safetensors.ts";
import { webSource } from "./source.web.ts";
import { fetchedStorage } from "./storage.web.ts";
import { openWeights } from "./weights.ts";

let server: Server | undefined;
afterEach(() => {
  server?.closeAllConnections();
  server?.close();
});

async function serve(handler: (request: IncomingMessage, response: ServerResponse) => void): Promise<string> {
  server = createServer(handler);
  await new Promise<void>((done) => server!.listen(0, "127.0.0.1", done));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/model`;
}

/** A server of files that may or may not know ranges. */
function files(content: Readonly<Record<string, Uint8Array>>, ranges: boolean): Promise<string> {
  return serve((request, response) => {
    const bytes = content[request.url!.replace("/model/", "")];
    if (!bytes) return void response.writeHead(404).end();
    const range = /bytes=(\d+)-(\d+)/.exec(request.headers.range ?? "");
    if (request.method === "HEAD")
      return void response.writeHead(200, { "content-length": bytes.length }).end();
    if (!range || !ranges) return void response.writeHead(200).end(bytes);
    response.writeHead(206).end(bytes.subarray(Number(range[1]), Number(range[2]) + 1));
  });
}

const weights = writeSafetensors({
  a: { data: Float32Array.of(1, 2), shape: [2] },
  b: { data: Float32Array.of(3), shape: [1] },
});

it.each([true, false])("reads headers and weights of a server where ranges are %s", async (ranges) => {
  const source = webSource(await files({ "unet/model.safetensors": weights }, ranges));
  const table = await openWeights(source, "unet", "model");
  const { tensors, files: placed } = await fetchedStorage().place(source, table);
  const [file] = placed;
  const bytes = (await file!.load!()) as Uint8Array;
  const b = tensors.get("b")!;
  expect(b.location).toBe(file!.location);
  expect(new DataView(bytes.buffer, bytes.byteOffset).getFloat32(b.offset, true)).toBe(3);
});

it("keeps pieces out of the browser's cache, and whole files in it", async () => {
  const asked: (string | undefined)[] = [];
  const source = webSource(await files({ x: weights }, true), "model", (input, init) => {
    const { method = "GET", headers, cache = "default" } = init ?? {};
    asked.push(`${method} ${headers ? "piece" : "all"}: ${cache}`);
    return fetch(input, init);
  });
  await source.read("x", 0, 8);
  await source.read("x", 0, weights.length);
  await source.readText("x");
  expect(asked).toEqual([
    "HEAD all: no-store",
    "GET piece: no-store",
    "GET all: default",
    "GET all: default",
  ]);
});

it("may be given its bytes away, and fetches them again", async () => {
  const source = webSource(await files({ x: weights }, false));
  const first = await source.read("x", 0, weights.length);
  structuredClone(first, { transfer: [first.buffer] });
  expect(await source.read("x", 0, weights.length)).toEqual(weights);
});

it("tells what is missing, also from a server that answers with its start page", async () => {
  const base = await serve((_, response) => {
    response.writeHead(200, { "content-type": "text/html" }).end("<!doctype html>");
  });
  const source = webSource(base);
  expect(await source.exists("unet/config.json")).toBe(false);
  await expect(source.readText("unet/config.json")).rejects.toMatchObject({ code: "checkpoint.missing" });
  await expect(source.size("unet/config.json")).rejects.toMatchObject({ code: "checkpoint.missing" });
});

it("reports a server that fails, and one that is not there", async () => {
  const base = await serve((_, response) => void response.writeHead(500).end());
  await expect(webSource(base).readText("x")).rejects.toMatchObject({
    code: "io.failed",
    message: expect.stringContaining("500"),
  });
  await expect(webSource("http://127.0.0.1:1").exists("x")).rejects.toMatchObject({ code: "io.failed" });
});

it("notices a file that ends early", async () => {
  const source = webSource(await files({ x: new Uint8Array(10) }, true));
  await expect(source.read("x", 4, 10)).rejects.toMatchObject({ code: "checkpoint.malformed" });
});

it("says that a large file cannot be read in pieces where the server knows no ranges, before it is sent", async () => {
  let ended = false;
  const base = await serve((request, response) => {
    response.writeHead(200, { "content-length": 5e9 });
    if (request.method === "HEAD") return void response.end();
    response.write(new Uint8Array(1e6));
    response.on("close", () => {
      ended = true;
    });
  });
  await expect(webSource(base).read("x", 8, 100)).rejects.toMatchObject({
    code: "io.failed",
    message: expect.stringMatching(/answers no range requests .* 5\.0 GB/),
  });
  await expect.poll(() => ended).toBe(true);
});

it("does not join pieces of a file with those of another", async () => {
  let edition = 0;
  const base = await serve((request, response) => {
    const whole = { "content-length": 100, etag: `"${edition}"` };
    if (request.method === "HEAD") return void response.writeHead(200, whole).end();
    response.writeHead(206, { etag: whole.etag, "content-range": "bytes 10-19/100" }).end(new Uint8Array(10));
  });
  const source = webSource(base);
  expect(await source.look("x")).toEqual({ size: 100, mark: '"0"' });
  expect(await source.read("x", 10, 10)).toHaveLength(10);
  edition++;
  await expect(source.read("x", 10, 10)).rejects.toMatchObject({
    code: "io.failed",
    message: expect.stringContaining("was replaced by another file"),
  });
});

it("asks again for a piece of which the connection was lost", async () => {
  let asked = 0;
  const base = await serve((request, response) => {
    if (request.method === "HEAD") return void response.writeHead(200, { "content-length": 100 }).end();
    response.writeHead(206, { "content-length": 50 });
    if (++asked > 1) return void response.end(new Uint8Array(50));
    response.write(new Uint8Array(20), () => response.destroy());
  });
  expect(await webSource(base).read("x", 10, 50)).toHaveLength(50);
  expect(asked).toBe(2);
});
