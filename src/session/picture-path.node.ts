/**
 * The way to a picture, in the picture: the recipes from the original to it, as text in the PNG file. With the original
 * at hand it can be made again bit for bit.
 */
import { z } from "zod";
import { EmilieError } from "../errors.ts";
import { readPicture } from "../images/codec.node.ts";
import { type Mask, maskFromPicture, resizeMask } from "../images/mask.ts";
import type { Picture } from "../images/picture.ts";
import { readPngText } from "../images/png-text.ts";
import type { EditModel } from "../models/model.ts";
import { maskPiece } from "./pack.node.ts";
import { bytesOf, describeMask, sha256 } from "./recipe.ts";
import { editAgain } from "./replay.ts";
import { MAX_NODES, recipeSchema } from "./schema.ts";
import { encodeOriginal, pictureId, type Session, type SessionEditOptions } from "./session.ts";
import { StoredSession } from "./store.node.ts";
import { type Node, pathTo } from "./tree-node.ts";

/** The PNG keywords: one recipe for people and simple tools, and the whole path for replay. */
const KEYWORD = { recipe: "emilie", path: "emilie-path" } as const;
/** Masks that take at most so many bytes as PNG travel in the text; larger ones are given again by whoever replays. */
export const MAX_EMBEDDED_MASK_BYTES = 16_384;
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

/** The text that a node's PNG carries, by keyword. Nothing in it depends on when or where it was made. */
export async function describePath(session: Session, node: Node): Promise<Record<string, string>> {
  const [root, ...edits] = pathTo(node);
  if (edits.length === 0) return {};
  const masks: Record<string, string> = {};
  for (const hash of edits.flatMap(maskHashes)) {
    const mask = session.masks.get(hash);
    const piece = mask && (await maskPiece(hash, mask));
    if (piece?.type !== "U8" || piece.bytes.length > MAX_EMBEDDED_MASK_BYTES) continue;
    masks[hash] = Buffer.from(piece.bytes).toString("base64");
  }
  const { width, height } = session.original;
  const path: PicturePath = {
    format: "emilie-path",
    version: 1,
    model: session.modelFacts,
    original: { id: root!.id, width, height },
    steps: await Promise.all(
      edits.map(async ({ id, recipe, latent }) => ({
        id,
        recipe: recipe!,
        latent: await sha256(bytesOf(latent)),
      })),
    ),
    masks,
  };
  return { [KEYWORD.recipe]: JSON.stringify(node.recipe), [KEYWORD.path]: JSON.stringify(path) };
}

function maskHashes({ recipe }: Pick<Node, "recipe">): string[] {
  return recipe?.regions.flatMap(({ mask }) => (mask ? [mask.sha256] : [])) ?? [];
}

/** Reads the path from a PNG's bytes. Throws image.unreadable, and session.malformed where there is none. */
export function readPath(png: Uint8Array, name: string): PicturePath {
  const wrong = (what: string, cause?: unknown) =>
    new EmilieError("session.malformed", `${name} cannot be replayed: ${what}.`, { cause });
  const text = readPngText(png)[KEYWORD.path];
  if (text === undefined) throw wrong("it carries no recipes. Only PNG files that emilie wrote do");
  if (text.length > MAX_PATH_TEXT) throw wrong(`its recipes take ${text.length} characters`);
  try {
    return pathSchema.parse(JSON.parse(text));
  } catch (cause) {
    throw wrong("its recipes are damaged or of another version of emilie", cause);
  }
}

export interface PathReplay {
  readonly session: StoredSession;
  /** In order; `same` where node id and latent are bit for bit those of the recipe. */
  readonly steps: readonly { readonly node: Node; readonly same: boolean }[];
}

/**
 * Makes a picture again from its path. `masks` are those that the PNG does not hold.
 *
 * @throws EmilieError session.model, option.invalid (another original), session.damaged naming the masks that are missing
 */
export async function replayPath(
  model: EditModel,
  original: Picture,
  path: PicturePath,
  masks: readonly Mask[],
  options: Pick<SessionEditOptions, "signal" | "onProgress"> = {},
): Promise<PathReplay> {
  if (model.fingerprint !== path.model.fingerprint) {
    throw new EmilieError(
      "session.model",
      `The picture was made with ${path.model.id} (fingerprint ${path.model.fingerprint.slice(0, 12)}), but ${model.id} ` +
        "has other weights. Give the model it was made with: --model.",
    );
  }
  if ((await pictureId(original)) !== path.original.id) {
    const { width, height } = path.original;
    throw new EmilieError(
      "option.invalid",
      `The picture given is not the original (${width}×${height}, id ${path.original.id}) that the edits started from.`,
    );
  }
  const session = new StoredSession(
    model,
    original,
    ...(await encodeOriginal(model, original, options)),
    path.model,
  );
  await gatherMasks(session, path, masks);
  const steps: { node: Node; same: boolean }[] = [];
  let from = session.root;
  for (const { id, recipe, latent } of path.steps) {
    from = await editAgain(session, recipe, from, {}, options);
    steps.push({ node: from, same: from.id === id && (await sha256(bytesOf(from.latent))) === latent });
  }
  return { session, steps };
}

async function gatherMasks(session: Session, path: PicturePath, given: readonly Mask[]): Promise<void> {
  const { width, height } = session.original;
  const embedded = Object.values(path.masks).map(async (png) =>
    maskFromPicture(await readPicture(Buffer.from(png, "base64"))),
  );
  for (const mask of [...(await Promise.all(embedded)), ...given]) {
    const fitted = resizeMask(mask, width, height);
    session.masks.set((await describeMask(fitted)).sha256, fitted);
  }
  const missing = path.steps.flatMap(({ recipe }, i) =>
    recipe.regions.flatMap(({ instruction, mask }) =>
      mask && !session.masks.has(mask.sha256)
        ? [`  of edit ${i + 1}, "${instruction}": ${mask.width}×${mask.height}, SHA-256 ${mask.sha256}`]
        : [],
    ),
  );
  if (missing.length === 0) return;
  throw new EmilieError(
    "session.damaged",
    `Masks that are too large for the PNG, or not of 8 bits, are missing. Give their files with --mask:\n${missing.join("\n")}`,
  );
}
