/**
 * What a picture's file says of how it was made: the recipes from the original to it, as text for a PNG file and as XMP for
 * any. With the original at hand it can be made again bit for bit.
 */
import { z } from "zod";
import { MAX_XMP_BYTES, writeXmp } from "../../images/xmp.ts";
import { sha256 } from "../../util/sha256.ts";
import { maskPiece, type PngCodec } from "../file/pack.ts";
import { MAX_NODES, recipeSchema } from "../file/schema.ts";
import type { Session } from "../session.ts";
import { bytesOf, nodeId, type Recipe } from "../tree/recipe.ts";
import { type Node, pathTo } from "../tree/tree.ts";

/** The PNG keywords: one recipe for people and simple tools, and the whole path for replay. */
export const KEYWORD = { recipe: "emilie", path: "emilie-path" } as const;
/** Masks that take at most so many bytes as PNG travel in the text; larger ones are given again by whoever replays. */
export const MAX_EMBEDDED_MASK_BYTES = 16_384;
/** As much of the instructions as other programs show. */
const MAX_PROMPT = 2000;
export const pathSchema = z.strictObject({
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

/** What differs between Node and a browser. */
export interface Describer {
  readonly codec: PngCodec;
  /** A model's name as others may read it. */
  publicName(id: string): string;
  /** To zlib's format. */
  deflate(text: string): Promise<Uint8Array>;
}

/**
 * The text and the XMP of a node's picture. Nothing in it depends on when or where it was made. The original has none;
 * `recipe: false` keeps to the mark that a model has edited the picture.
 */
export async function describePicture(
  session: Session,
  node: Node,
  by: Describer,
  { recipe = true }: { readonly recipe?: boolean } = {},
): Promise<PictureMetadata> {
  if (!node.parent) return { left: "nothing" };
  const system = `emilie with ${by.publicName(session.modelFacts.id)}`;
  if (!recipe) return { xmp: writeXmp({ system }), left: "nothing" };
  const path = await pathOf(session, node, by);
  const json = JSON.stringify(path.steps.at(-1)!.recipe);
  const metadata = { [KEYWORD.recipe]: json, [KEYWORD.path]: JSON.stringify(path) };
  const prompt = pathTo(node)
    .flatMap(({ instruction }) => instruction || [])
    .join("; ")
    .slice(0, MAX_PROMPT);
  const tries = [
    ["nothing", { recipe: json, path: await packPath(path, by) }],
    ["masks", { recipe: json, path: await packPath({ ...path, masks: {} }, by) }],
    ["path", {}],
  ] as const;
  for (const [left, own] of tries) {
    const xmp = writeXmp({ system, prompt, own });
    if (new TextEncoder().encode(xmp).length <= MAX_XMP_BYTES) return { metadata, xmp, left };
  }
  return { metadata, xmp: writeXmp({ system }), left: "path" };
}

/** In XMP a path is deflated: recipes repeat themselves, and JPEG has little room. */
async function packPath(path: PicturePath, { deflate }: Describer): Promise<string> {
  return toBase64(await deflate(JSON.stringify(path)));
}

function toBase64(bytes: Uint8Array): string {
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
}

async function pathOf(session: Session, node: Node, by: Describer): Promise<PicturePath> {
  const [root, ...edits] = pathTo(node);
  const masks: Record<string, string> = {};
  for (const hash of edits.flatMap(maskHashes)) {
    const mask = session.masks.get(hash);
    const piece = mask && (await maskPiece(hash, mask, by.codec));
    if (piece?.type !== "U8" || piece.bytes.length > MAX_EMBEDDED_MASK_BYTES) continue;
    masks[hash] = toBase64(piece.bytes);
  }
  const { width, height } = session.original;
  const { id, fingerprint } = session.modelFacts;
  const model = { id: by.publicName(id), fingerprint };
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
