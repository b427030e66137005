/** A picture made again from the path that its file tells (picture-path.node.ts). */
import { EmilieError } from "../../errors.ts";
import { readPicture } from "../../images/codec.node.ts";
import { type Mask, maskFromPicture, resizeMask } from "../../images/mask.ts";
import type { Picture } from "../../images/picture.ts";
import { type EditModel, isMadeWith } from "../../method/edit-model.ts";
import { sha256 } from "../../util/sha256.ts";
import type { PicturePath } from "../picture/picture-path.node.ts";
import { encodeOriginal, pictureId, type Session, type SessionEditOptions } from "../session.ts";
import { bytesOf, describeMask } from "../tree/recipe.ts";
import { recipeAgain } from "../tree/replay.ts";
import type { Node } from "../tree/tree.ts";
import { StoredSession } from "./store.node.ts";

export interface PathReplay {
  readonly session: StoredSession;
  /** In order; `same` where node id and latent are bit for bit those of the recipe. */
  readonly steps: readonly { readonly node: Node; readonly same: boolean }[];
}

/**
 * Makes a picture again from its path. `masks` are those that the file does not hold.
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
  if (!isMadeWith(model, path.model.fingerprint)) {
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
    ...(await encodeOriginal(model, original, {
      ...options,
      workingSize: path.steps[0]!.recipe.workingSize,
    })),
    path.model,
  );
  await gatherMasks(session, path, masks);
  const steps: { node: Node; same: boolean }[] = [];
  let from = session.root;
  for (const { id, recipe, latent } of path.steps) {
    from = await recipeAgain(session, recipe, from, {}, options);
    steps.push({ node: from, same: from.id === id && (await sha256(bytesOf(from.latent))) === latent });
  }
  return { session, steps };
}

async function gatherMasks(session: Session, path: PicturePath, given: readonly Mask[]): Promise<void> {
  const embedded = Object.values(path.masks).map(async (png) =>
    maskFromPicture(await readPicture(Buffer.from(png, "base64"))),
  );
  const named = path.steps.flatMap(({ recipe }) => recipe.regions.flatMap(({ mask }) => mask ?? []));
  const hashes = new Set(named.map(({ sha256: hash }) => hash));
  const sizes = new Map(named.map((mask) => [`${mask.width}×${mask.height}`, mask]));
  for (const mask of [...(await Promise.all(embedded)), ...given]) {
    // Crops and expansions give pictures of other sizes: a mask is known by its hash at one of those that recipes name.
    for (const { width, height } of sizes.values()) {
      const fitted = resizeMask(mask, width, height);
      const { sha256: hash } = await describeMask(fitted);
      if (hashes.has(hash)) session.masks.set(hash, fitted);
    }
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
    `Masks that are too large for the picture's file, or not of 8 bits, are missing. Give their files with --mask:\n${missing.join("\n")}`,
  );
}
