/** Pictures of nodes in every form: files, thumbnails, masks, differences, animations. What cannot change is cached for good. */
import { createHash } from "node:crypto";
import { type OpenAPIHono, z } from "@hono/zod-openapi";
import type { Context } from "hono";
import { EmilieError } from "../../errors.ts";
import { animate, convertPicture, SHOWN_FORMATS } from "../../images/encode.node.ts";
import type { Size } from "../../images/model-image.ts";
import { pictureFromText } from "../../input/data-url.ts";
import { sortByName } from "../../input/names.ts";
import type { Manifest } from "../../session/file/schema.ts";
import { instructionOf } from "../../session/tree/tree-node.ts";
import { keepMask, maskPng } from "../mask-files.ts";
import { maskOfNode, readMaskPiece } from "../mask-pieces.ts";
import type { Parts } from "../parts.ts";
import * as s from "../schemas/index.ts";
import { pictureOf } from "../sessions.ts";
import { findNode, pathOf } from "../store/tree.ts";
import { callOn } from "../subject.ts";
import { sizesOf } from "../view.ts";
import { isJson, readBytes, readJson } from "./body.ts";
import { fileField, isForm, readForm, requireFile, uploadOf } from "./form.ts";
import { route } from "./route.ts";
import { attachment } from "./sessions.ts";

const session = z.object({ session: s.sessionId });
const node = session.extend({ node: s.nodeId });
const width = z.int().min(8).max(16384).optional();
const flag = z.boolean().optional();
const maskBody = s.maskReading.extend({ mask: z.string().openapi({ description: "A data: URL" }) });
/** A hundred pictures of a small session take a few megabytes. */
const MAX_FRAMES = 100;
const MAX_FRAME_PIXELS = 60_000_000;

export function addPictures(app: OpenAPIHono, parts: Parts): void {
  const { store, calls, limits } = parts;
  const tag = "Pictures";

  const shown = z.object({
    format: z.enum(SHOWN_FORMATS).optional(),
    width,
    quality: z.int().min(1).max(100).optional(),
    download: flag,
  });
  route(
    app,
    {
      method: "get",
      path: "/sessions/{session}/nodes/{node}/picture",
      tag,
      summary: "A node's picture; with `width` a thumbnail. At full size the recipe is in its metadata",
      params: node,
      query: shown,
      answer: SHOWN_FORMATS.map((format) => `image/${format}`),
    },
    async (c, { params, query: { format = "png", download, ...query } }) => {
      const { info, manifest } = await store.read(params.session);
      const { name, recipe } = findNode(manifest, params.node);
      const what = name ?? (instructionOf(recipe) || "original");
      const file = download ? `${info.name} - ${what}.${format === "jpeg" ? "jpg" : format}` : undefined;
      return cached(
        c,
        `image/${format}`,
        [params.node, format, query.width, query.quality, file],
        file,
        async () => convertPicture(await pictureOf(parts, params.session, params.node), { format, ...query }),
      );
    },
  );

  route(
    app,
    {
      method: "get",
      path: "/sessions/{session}/nodes/{node}/mask",
      tag,
      summary: "Where its edit was allowed to happen, white = edit",
      params: node,
      answer: ["image/png"],
    },
    async (c, { params }) => {
      const { manifest } = await store.read(params.session);
      const mask = await maskOfNode(store, params.session, findNode(manifest, params.node));
      if (!mask)
        throw new EmilieError("server.missing", "That edit has no mask: it could change the entire picture.");
      return cached(c, "image/png", ["mask", params.node], undefined, () =>
        maskPng(parts, mask, maskSize(manifest, params.node)),
      );
    },
  );

  route(
    app,
    {
      method: "post",
      path: "/sessions/{session}/masks",
      tag: "Masks",
      summary: "Upload a mask: white = edit; with channel=alpha transparent = edit",
      description: "It is scaled to the size of the picture of `node`, by default the head's.",
      params: session,
      query: s.maskReading.extend({ node: s.nodeId.optional() }),
      body: {
        "multipart/form-data": s.maskReading.extend({ mask: fileField }),
        "application/json": maskBody,
        "image/png": fileField,
      },
      status: 201,
      answer: s.maskSchema,
    },
    async (c, { params, query: { node, ...query } }) => {
      const { manifest } = await store.read(params.session);
      const { id } = findNode(manifest, node ?? manifest.head);
      const source = await readMaskBody(c, query);
      const { given: _, ...mask } = await keepMask(parts, params.session, source, sizesOf(manifest).get(id)!);
      return c.json(mask, 201);
    },
  );

  async function readMaskBody(c: Context, query: z.output<typeof s.maskReading>) {
    if (isForm(c)) {
      const form = await readForm(c, { files: ["mask"], fields: s.maskReading }, limits.uploadBytes);
      return { upload: uploadOf(requireFile(form, "mask")), ...once(query, form.values) };
    }
    if (isJson(c)) {
      const { mask, ...values } = await readJson(c, maskBody, limits.uploadBytes);
      return { upload: pictureFromText(mask, "mask"), ...once(query, values) };
    }
    return { upload: await readBytes(c, limits.uploadBytes), ...query };
  }

  route(
    app,
    {
      method: "get",
      path: "/sessions/{session}/masks/{mask}",
      tag: "Masks",
      summary: "A mask by its id, uploaded, of a recipe, or found by the model",
      params: session.extend({ mask: s.maskId }),
      answer: ["image/png"],
    },
    async (c, { params }) => {
      const piece = await readMaskPiece(store, params.session, params.mask);
      // One that is no PNG says its size.
      const [height = 1, width = 1] = piece.shape;
      return cached(c, "image/png", [params.mask], undefined, () =>
        maskPng(parts, { pieces: [piece] }, { width, height }),
      );
    },
  );

  route(
    app,
    {
      method: "get",
      path: "/sessions/{session}/references/{reference}",
      tag,
      summary: "A reference picture of an edit, by the sha256 in its recipe",
      params: session.extend({ reference: s.maskId }),
      answer: ["image/png"],
    },
    async (c, { params }) => {
      const png = await store.piece(params.session, `reference/${params.reference}.png`);
      if (!png) throw new EmilieError("server.missing", "No edit of this session refers to such a picture.");
      return cached(c, "image/png", ["reference", params.reference], undefined, async () => png);
    },
  );

  const pair = z.object({ a: s.nodeId, b: s.nodeId });
  route(
    app,
    {
      method: "get",
      path: "/sessions/{session}/compare",
      tag,
      summary: "What differs between two nodes, in numbers",
      params: session,
      query: pair,
      answer: s.comparisonSchema,
    },
    async (c, { params, query }) => {
      await require(params.session, [query.a, query.b]);
      const { inside, outside } = await calls.run(() => callOn(parts, "compare", params.session, query));
      // JSON has no Infinity.
      const plain = (d: typeof inside) => ({ ...d, psnr: Number.isFinite(d.psnr) ? d.psnr : null });
      return c.json({ inside: plain(inside), outside: plain(outside) });
    },
  );

  const gained = pair.extend({ gain: z.number().min(1).max(64).optional() });
  route(
    app,
    {
      method: "get",
      path: "/sessions/{session}/difference",
      tag,
      summary: "What differs between two nodes, as a picture",
      params: session,
      query: gained,
      answer: ["image/png"],
    },
    async (c, { params, query: { a, b, gain = 4 } }) => {
      await require(params.session, [a, b]);
      return cached(c, "image/png", ["difference", a, b, gain], undefined, async () => {
        const make = () => callOn(parts, "difference", params.session, { a, b, gain });
        return (await calls.run(make)).png;
      });
    },
  );

  const animated = z.object({
    format: z.enum(["webp", "gif"]).optional(),
    width,
    seconds: z.number().min(0.05).max(10).optional(),
    download: flag,
  });
  route(
    app,
    {
      method: "get",
      path: "/sessions/{session}/nodes/{node}/history",
      tag,
      summary: "The way from the original to a node, as an animation",
      params: node,
      query: animated,
      answer: ["image/webp", "image/gif"],
    },
    async (c, { params, query: { format = "webp", width: wide, seconds = 1, download } }) => {
      const { info, manifest } = await store.read(params.session);
      const path = pathOf(manifest, params.node).slice(-MAX_FRAMES);
      // Every frame has room for the largest.
      const sizes = sizesOf(manifest);
      const [width, height] = ["width", "height"].map((side) =>
        Math.max(...path.map(({ id }) => sizes.get(id)![side as keyof Size])),
      ) as [number, number];
      const scale = Math.min(1, (wide ?? width) / width);
      const pixels = path.length * width * height * scale * scale;
      if (pixels > MAX_FRAME_PIXELS) {
        throw new EmilieError(
          "image.too-large",
          `${path.length} pictures of this size are too many for one animation. Ask for a smaller width.`,
        );
      }
      const file = download ? `${info.name}.${format}` : undefined;
      return cached(c, `image/${format}`, ["history", params.node, wide, seconds, file], file, async () => {
        const pngs = await Promise.all(path.map(({ id }) => pictureOf(parts, params.session, id)));
        return animate(pngs, { format, width: wide, seconds });
      });
    },
  );

  /** Throws server.missing where the session, or one of the nodes, is not there. */
  async function require(session: string, nodes: readonly string[]): Promise<void> {
    const { manifest } = await store.read(session);
    for (const one of nodes) findNode(manifest, one);
  }
}

/** The size of a node's mask: an edit's is for its parent's picture, an expansion's for its own. */
function maskSize(manifest: Manifest, id: string): Size {
  return sizesOf(manifest).get(id)!;
}

/** Nodes and masks are named by what they are made of, so what follows from them never changes. */
async function cached(
  c: Context,
  type: string,
  made: readonly unknown[],
  file: string | undefined,
  make: () => Promise<Uint8Array>,
): Promise<Response> {
  const etag = `"${createHash("sha256").update(JSON.stringify(made)).digest("hex").slice(0, 32)}"`;
  const headers: Record<string, string> = { etag, "cache-control": "private, max-age=31536000, immutable" };
  if (c.req.header("if-none-match")?.split(/,\s*/).includes(etag)) return c.body(null, 304, headers);
  if (file) headers["content-disposition"] = attachment(file);
  return c.body(new Uint8Array(await make()), 200, { ...headers, "content-type": type });
}

/** How a mask is to be read may be said in the address or in the body, and not in both. */
function once<V extends object>(query: V, body: V): V {
  const entries = [...Object.entries(query), ...Object.entries(body)];
  const sorted = sortByName(entries, { known: Object.keys(s.maskReading.shape) }, "the request");
  return Object.fromEntries([...sorted].map(([name, [value]]) => [name, value])) as V;
}
