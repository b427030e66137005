/** Every node of a session computed again from its recipe, and compared with what the session holds. */
import type { Mask } from "../../images/mask.ts";
import { checkOptions, type OptionNames } from "../../input/options.ts";
import type { EditModel } from "../../method/edit-model.ts";
import type { EditOptions } from "../../method/options.ts";
import { settingsOfScope } from "../../method/settings-derived.ts";
import type { StepEvent } from "../../samplers/types.ts";
import { relativeError } from "../../tensor/ops.ts";
import { type Tensor, zeros } from "../../tensor/tensor.ts";
import { sha256 } from "../../util/sha256.ts";
import type { Canvas } from "../picture/canvas.ts";
import { bytesOf, isCanvasRecipe, regionsOf, retiredSetting, settingsOf } from "./recipe.ts";
import type { PlacedRegion } from "./run.ts";
import { type Node, pathTo } from "./tree.ts";
import type { TreeNode } from "./tree-node.ts";

/** What is verified: a session. */
interface Verified {
  readonly model: EditModel;
  canvasOf(node: Node): Canvas;
  readonly nodes: ReadonlyMap<string, Node>;
  readonly masks: ReadonlyMap<string, Mask>;
  compute(
    from: Node,
    regions: readonly PlacedRegion[],
    options: EditOptions,
  ): Promise<{ readonly c: Tensor }>;
}

/** A node, computed again. */
export interface Verification {
  /** Which one. */
  readonly node: Node;
  /**
   * "same": bit for bit. "differs": not so; another runtime, device or machine may round otherwise. "restored": the latent
   * was lost, and what was computed has its hash. "unknown": a mask or what it starts from is lost, or its recipe is one that only earlier versions compute.
   */
  readonly result: "same" | "differs" | "restored" | "unknown";
  /** Relative L2 distance of the computed latent from the one held; absent where that one is lost. */
  readonly error?: number;
}

/** How a session is verified. */
export interface VerifyOptions {
  /** Stops between steps with code "aborted". */
  readonly signal?: AbortSignal;
  /** Awaited after every step of every node. */
  readonly onProgress?: (event: StepEvent & { readonly node: Node }) => void | Promise<void>;
}

const VERIFY_OPTIONS: OptionNames<VerifyOptions> = { signal: true, onProgress: true };

/**
 * Each node is computed from the latent that the session holds for its parent, so that a difference is reported where it
 * arises and not again in everything that follows. A lost latent is put back when the computed one has its hash.
 */
export async function verify(session: Verified, options: VerifyOptions = {}): Promise<Verification[]> {
  checkOptions(options, VERIFY_OPTIONS, "session.verify's options");
  const verifications: Verification[] = [];
  for (const node of session.nodes.values()) {
    verifications.push(await verifyNode(node, await compute(session, node, options)));
  }
  return verifications;
}

/** null where a mask or the parent's latent is lost, or the recipe is computed no more. */
async function compute(
  session: Verified,
  node: Node,
  { signal, onProgress }: VerifyOptions,
): Promise<Tensor | null> {
  const { recipe, parent } = node;
  const canvas = session.canvasOf(parent ?? node);
  if (!recipe || !parent || isCanvasRecipe(recipe)) {
    const { model } = session;
    // Above the native size, and of a crop or an expansion, the latent is encoded where it is needed, and not kept.
    if (recipe || canvas.large) return node.lostLatent ? zeros([model.latentChannels, 0, 0]) : node.latent;
    return canvas.encode({ signal });
  }
  const hashes = recipe.regions.flatMap(({ mask }) => (mask ? [mask.sha256] : []));
  // Above the native size a latent is a patch over those of all nodes before it; and what a crop or an expansion is encoded from is made by
  // them.
  const lost = (canvas.large || parent.canvas ? pathTo(parent) : [parent]).some(
    (before) => before.lostLatent,
  );
  if (lost || retiredSetting(recipe) || hashes.some((hash) => !session.masks.has(hash))) return null;
  const { recorded, ...settings } = settingsOf(recipe);
  const { c } = await session.compute(parent, regionsOf(recipe, session.masks), {
    ...settingsOfScope("edit", settings),
    recorded,
    signal,
    onStep: (event) => onProgress?.({ ...event, node }),
  });
  return c;
}

async function verifyNode(node: Node, computed: Tensor | null): Promise<Verification> {
  if (!computed) return { node, result: "unknown" };
  const hash = await sha256(bytesOf(computed));
  if (node.lostLatent) {
    if (hash !== node.lostLatent) return { node, result: "differs" };
    (node as TreeNode).restoreLatent(computed);
    return { node, result: "restored" };
  }
  if (hash === (await sha256(bytesOf(node.latent)))) return { node, result: "same", error: 0 };
  return { node, result: "differs", error: relativeError(computed, node.latent) };
}
