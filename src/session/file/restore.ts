/** A session made again from what its file holds, in Node and in a browser alike. */
import { EmilieError } from "../../errors.ts";
import { squaresOf } from "../../images/detail-history.ts";
import type { Size } from "../../images/model-image.ts";
import type { Picture } from "../../images/picture.ts";
import { type EditModel, isMadeWith } from "../../method/edit-model.ts";
import { sizeOf, type Tensor } from "../../tensor/tensor.ts";
import { canvasWorkingSize } from "../picture/canvas.ts";
import { isLarge } from "../picture/large.ts";
import type { Session } from "../session.ts";
import { heldMask, isCanvasRecipe } from "../tree/recipe.ts";
import { unionOf } from "../tree/run.ts";
import { title } from "../tree/tree.ts";
import { instructionOf } from "../tree/tree-node.ts";
import { loadBrought, loadDrift, type Unpacked } from "./pack.ts";
import { malformed, type StoredNode } from "./schema.ts";

/** What a damaged file has lost. */
export interface SessionWarning {
  /** What is damaged. */
  readonly part: "file" | "original" | "latent" | "mask" | "reference";
  /** The nodes that miss it. */
  readonly nodes: readonly string[];
  /** In words, with what to do. */
  readonly message: string;
}

/**
 * The session of a file, as `Kind`. Latents that were lost keep their place.
 * Throws session.model where the model has other weights, session.malformed.
 */
export function restoreSession<S extends Session>(
  Kind: new (...args: ConstructorParameters<typeof Session>) => S,
  stored: Unpacked,
  model: EditModel,
  original: Picture,
  path: string,
): S {
  const { manifest } = stored;
  checkModel(model, manifest.model, path);
  const sizeOn = (canvas: Size) => canvasWorkingSize(model, original, canvas, manifest.workingSize);
  const size = sizeOn(original);
  // By node, the size at which the model works on its picture: a crop or an expansion changes it.
  const sizes = new Map<string, Size>();
  for (const { id, parent, recipe, latent, window, brought } of manifest.nodes) {
    const canvas = recipe && isCanvasRecipe(recipe) ? recipe.canvas : undefined;
    const working = parent === null ? size : canvas ? sizeOn(canvas) : sizes.get(parent)!;
    sizes.set(id, working);
    const whole = { x: 0, y: 0, width: working.width / model.factor, height: working.height / model.factor };
    const place = window ?? whole;
    const inside = place.x + place.width <= whole.width && place.y + place.height <= whole.height;
    const isPart = canvas !== undefined || isLarge(model, working);
    if (isPart !== (window !== undefined) || !inside) throw malformed(path, "a latent lies where it cannot");
    const squares = squaresOf(working);
    const isOther =
      brought &&
      (brought.width !== squares.width || brought.squares.length !== squares.width * squares.height);
    if (isOther) throw malformed(path, "what an edit brought is not of the picture's size");
    const shape = [model.latentChannels, place.height, place.width];
    if (stored.latents.has(latent)) checkShape(stored.latents.get(latent)!, shape, path);
  }
  const [root, ...edits] = manifest.nodes;
  const c = stored.latents.get(root!.latent) ?? root!.latent;
  const session = new Kind(model, original, size, c, root!.id, manifest.model);
  const { name, drift } = root!;
  Object.assign(session.root, { name, drift: drift && loadDrift(drift) });
  for (const node of edits) addNode(session, node, stored);
  session.head = session.nodes.get(manifest.head)!;
  return session;
}

function checkModel(model: EditModel, made: { id: string; fingerprint: string }, path: string): void {
  if (isMadeWith(model, made.fingerprint)) return;
  throw new EmilieError(
    "session.model",
    `${path} was made with ${made.id} (fingerprint ${made.fingerprint.slice(0, 12)}), but ${model.id} has ` +
      `other weights (${model.fingerprint.slice(0, 12)}). Its latents cannot be used with them. Give the model it was made with, or ` +
      `make its edits again with this one: emilie show ${path} --script > edits.yaml, emilie edit PICTURE --script edits.yaml.`,
  );
}

export function addNode(
  session: Session,
  stored: StoredNode,
  { latents, masks, references }: Unpacked,
): void {
  const { regions } = stored.recipe!;
  for (const { sha256: hash } of stored.recipe!.references ?? []) {
    const picture = references.get(hash);
    if (picture) session.references.set(hash, picture);
  }
  const hashes = regions.map(({ mask }) => mask?.sha256);
  const own = regions.map(({ mask }) => (mask ? heldMask(mask, masks) : undefined));
  own.forEach((mask, i) => {
    if (mask) session.masks.set(hashes[i]!, mask);
  });
  // Where a region has no mask at all, the others' do not matter.
  const isLost = !hashes.includes(undefined) && own.includes(undefined);
  session.restore({
    ...stored,
    parent: session.nodes.get(stored.parent!)!,
    latent: latents.get(stored.latent) ?? stored.latent,
    mask: isLost ? null : unionOf(hashes.includes(undefined) ? [undefined] : own),
    drift: stored.drift && loadDrift(stored.drift),
    brought: stored.brought && loadBrought(stored.brought),
  });
}

function checkShape({ data, shape }: Tensor, expected: readonly number[], path: string): void {
  if (shape.join() === expected.join() && data.length === sizeOf(expected)) return;
  throw malformed(
    path,
    `a latent has the shape [${shape}], but the model and the picture make [${expected}]`,
  );
}

/** What a file has lost, in words, and whom it concerns. */
export function damageOf(
  notes: readonly string[],
  { latents, masks, references, original, manifest }: Unpacked,
): SessionWarning[] {
  const warnings: SessionWarning[] = notes.map((message) => ({ part: "file", nodes: [], message }));
  if (!original) {
    const message = "The original picture is lost. It has to be given again.";
    warnings.push({ part: "original", nodes: [manifest.nodes[0]!.id], message });
  }
  for (const node of manifest.nodes) {
    const { id, name, parent, latent, recipe } = node;
    const instruction = instructionOf(recipe);
    const called = title({ id, name, instruction, parent });
    if (!latents.has(latent)) {
      const message = `The latent of ${called} is lost; its recipe is whole, and emilie replay computes it again.`;
      warnings.push({ part: "latent", nodes: [id], message });
    }
    for (const { sha256: hash } of recipe?.references ?? []) {
      if (references.has(hash)) continue;
      const message = `A reference picture of ${called} is lost (SHA-256 ${hash}); it is needed to compute the edit again.`;
      warnings.push({ part: "reference", nodes: [id], message });
    }
    for (const { mask } of recipe?.regions ?? []) {
      if (!mask || masks.has(mask.sha256)) continue;
      const message = `A mask of ${called} is lost (SHA-256 ${mask.sha256}); give it again to see its picture.`;
      warnings.push({ part: "mask", nodes: [id], message });
    }
  }
  return warnings;
}
