/**
 * The way to a picture, in the picture: the recipes from the original to it, as text in a PNG file and as XMP in any. With
 * the original at hand it can be made again bit for bit.
 */
import { deflateSync, inflateSync } from "node:zlib";
import { z } from "zod";
import { EmilieError } from "../errors.ts";
import { readXmp, type WriteOptions } from "../images/codec.node.ts";
import { readPngText } from "../images/png-text.ts";
import { MAX_XMP_BYTES, readXmpValue, writeXmp } from "../images/xmp.ts";
import { publicModelName } from "../models/open.node.ts";
import { maskPiece } from "./pack.node.ts";
import { bytesOf, nodeId, type Recipe, sha256 } from "./recipe.ts";
import { MAX_NODES, recipeSchema } from "./schema.ts";
import type { Session } from "./session.ts";
import { type Node, pathTo } from "./tree-node.ts";

/** The PNG keywords: one recipe for people and simple tools, and the whole path for replay. */
const KEYWORD = { recipe: "emilie", path: "emilie-path" } as const;
/** Masks that take at most so many bytes as PNG travel in the text; larger ones are given again by whoever replays. */
export const MAX_EMBEDDED_MASK_BYTES = 16_384;
/** As much of the instructions as other programs show. */
const MAX_PROMPT = 2000;
/** No path of real edits comes near; the text is parsed as JSON. */
export const MAX_PATH_TEXT = 50_000_000;

const pathSchema = z.strictObject({
  format: z.literal("emilie-path"),
  version: z.literal(1),
  model: z.strictObject({ id: z.string(), fingerprint: z.string() }),
  original: z.strictObject({ id: z.string(), width: z.int().min(1), height: z.int().min(1) }),
  /** In order; `latent` is the SHA-256 of the result. */
  steps: z
    .array(z.strictObject({ id: z.string(), recipe: recipeSchema, latent: z.string() }))
    .min(1)
    .max(MAX_NODES),
  /** The smaller masks as PNG in base64, by their SHA-256. */
  masks: z.record(z.string(), z.base64()),
});

export type PicturePath = z.output<typeof pathSchema>;

/** What a file carries of its picture's recipes. */
export interface PictureMetadata {
  /** For PNG, by keyword. */
  readonly metadata?: Readonly<Record<string, string>>;
  readonly xmp?: string;
  /** What of the recipes the XMP had no room for. */
  readonly left: "nothing" | "masks" | "path";
}

/**
 * The text and the XMP of a node's picture. Nothing in it depends on when or where it was made. The original has none;
 * `recipe: false` keeps to the mark that a model has edited the picture.
 */
export async function describePicture(
  session: Session,
  node: Node,
  { recipe = true }: { readonly recipe?: boolean } = {},
): Promise<PictureMetadata> {
  if (!node.parent) return { left: "nothing" };
  const system = `emilie with ${publicModelName(session.modelFacts.id)}`;
  if (!recipe) return { xmp: writeXmp({ system }), left: "nothing" };
  const path = await pathOf(session, node);
  const json = JSON.stringify(path.steps.at(-1)!.recipe);
  const metadata = { [KEYWORD.recipe]: json, [KEYWORD.path]: JSON.stringify(path) };
  const prompt = pathTo(node)
    .flatMap(({ instruction }) => instruction || [])
    .join("; ")
    .slice(0, MAX_PROMPT);
  const tries = [
    ["nothing", { recipe: json, path: packPath(path) }],
    ["masks", { recipe: json, path: packPath({ ...path, masks: {} }) }],
    ["path", {}],
  ] as const;
  for (const [left, own] of tries) {
    const xmp = writeXmp({ system, prompt, own });
    if (Buffer.byteLength(xmp) <= MAX_XMP_BYTES) return { metadata, xmp, left };
  }
  return { metadata, xmp: writeXmp({ system }), left: "path" };
}

/** In XMP a path is deflated: recipes repeat themselves, and JPEG has little room. */
function packPath(path: PicturePath): string {
  return deflateSync(JSON.stringify(path)).toString("base64");
}

/** The options of writePicture for a node's picture as PNG. */
export async function pngMetadata(session: Session, node: Node): Promise<WriteOptions> {
  const { metadata, xmp } = await describePicture(session, node);
  return { metadata, xmp };
}

async function pathOf(session: Session, node: Node): Promise<PicturePath> {
  const [root, ...edits] = pathTo(node);
  const masks: Record<string, string> = {};
  for (const hash of edits.flatMap(maskHashes)) {
    const mask = session.masks.get(hash);
    const piece = mask && (await maskPiece(hash, mask));
    if (piece?.type !== "U8" || piece.bytes.length > MAX_EMBEDDED_MASK_BYTES) continue;
    masks[hash] = Buffer.from(piece.bytes).toString("base64");
  }
  const { width, height } = session.original;
  const { id, fingerprint } = session.modelFacts;
  const model = { id: publicModelName(id), fingerprint };
  return {
    format: "emilie-path",
    version: 1,
    model,
    original: { id: root!.id, width, height },
    steps: await stepsOf(root!.id, edits, model),
    masks,
  };
}

/**
 * The steps as a picture tells them: the model by its public name. A node's id is a hash over its recipe, so where the name
 * is another than in the session, the ids are too; replay computes these.
 */
async function stepsOf(
  root: string,
  edits: readonly Node[],
  model: Recipe["model"],
): Promise<PicturePath["steps"]> {
  const steps: PicturePath["steps"] = [];
  let parent = root;
  for (const { recipe, latent } of edits) {
    const told = { ...recipe!, model, parent };
    parent = await nodeId(told);
    steps.push({ id: parent, recipe: told, latent: await sha256(bytesOf(latent)) });
  }
  return steps;
}

function maskHashes({ recipe }: Pick<Node, "recipe">): string[] {
  return recipe?.regions.flatMap(({ mask }) => (mask ? [mask.sha256] : [])) ?? [];
}

/**
 * Reads the path from a picture file's bytes: a PNG's text, or the XMP of any.
 * Throws image.unreadable, and session.malformed where there is none.
 */
export async function readPath(bytes: Uint8Array, name: string): Promise<PicturePath> {
  const wrong = (what: string, cause?: unknown) =>
    new EmilieError("session.malformed", `${name} cannot be replayed: ${what}.`, { cause });
  const isPng = bytes[0] === 0x89 && bytes[1] === 0x50;
  const xmp = await readXmp(bytes, name);
  const packed = xmp === undefined ? undefined : readXmpValue(xmp, "path");
  const text = isPng ? readPngText(bytes)[KEYWORD.path] : undefined;
  if (text === undefined && packed === undefined) {
    throw wrong(
      "it carries no recipes. Pictures that emilie wrote do, unless another program has saved them since or they were too many",
    );
  }
  if (text !== undefined && text.length > MAX_PATH_TEXT)
    throw wrong(`its recipes take ${text.length} characters`);
  try {
    return pathSchema.parse(JSON.parse(text ?? unpack(packed!)));
  } catch (cause) {
    throw wrong("its recipes are damaged or of another version of emilie", cause);
  }
}

function unpack(packed: string): string {
  return inflateSync(Buffer.from(packed, "base64"), { maxOutputLength: MAX_PATH_TEXT }).toString("utf8");
}
