/** An edit before it is computed: settings and masks settled, and the recipe that says what its result depends on. */
import { EmilieError } from "../../errors.ts";
import { checkMask, type Mask, resizeMask } from "../../images/mask.ts";
import type { Size } from "../../images/model-image.ts";
import type { Picture } from "../../images/picture.ts";
import { checkReferenceCount } from "../../method/capabilities.ts";
import type { EditModel } from "../../method/edit-model.ts";
import { endsOnSource } from "../../method/gradient-control.ts";
import { resolveOptions } from "../../method/options.ts";
import { SETTINGS } from "../../method/settings.ts";
import { checkSettings, recordSettings } from "../../method/settings-derived.ts";
import type { Canvas } from "../picture/canvas.ts";
import { isLarger } from "../picture/original.ts";
import { describeReference } from "../picture/references.ts";
import type { RelevanceMapOptions } from "../picture/relevance-map.ts";
import { checkEdit, remarksOn } from "./check-edit.ts";
import { describeMask, heldMask, type Recipe } from "./recipe.ts";
import type { PlacedRegion } from "./run.ts";
import { canvasRoot, type Node, nextSeed, type SessionEditOptions, title } from "./tree.ts";

/** What an edit is prepared in: a session. */
interface Place {
  readonly model: EditModel;
  readonly modelFacts: Recipe["model"];
  readonly workingSize: number | undefined;
  readonly masks: ReadonlyMap<string, Mask>;
  readonly references: ReadonlyMap<string, Picture>;
  canvasOf(node: Node): Canvas;
  relevance(instruction: string, options: RelevanceMapOptions): Promise<Mask>;
}

/** @throws EmilieError option.invalid, mask.invalid; aborted while an automatic mask is computed */
export async function prepareEdit(
  session: Place,
  from: Node,
  instruction: string,
  options: SessionEditOptions,
) {
  const {
    from: _,
    mask,
    regions = [],
    references: pictures = [],
    relevance: maskOptions,
    detail = SETTINGS.detail.fallback!,
    onProgress,
    onWarning,
    signal,
    ...method
  } = options;
  const { model } = session;
  const canvas = session.canvasOf(from);
  const { large } = canvas;
  const resolved = resolveOptions(model, {
    ...method,
    seed: method.seed ?? nextSeed(from),
    window: large ? large.window(method.window) : method.window,
  });
  checkEdit([{ instruction }, ...regions], resolved.recorded);
  checkSettings({ detail });
  checkReferenceCount(model, pictures.length);
  const place =
    mask === "auto"
      ? await session.relevance(instruction, { ...maskOptions, rephrase: resolved.rephrase, from, signal })
      : mask === "border"
        ? borderOf(from)
        : mask;
  const asked: PlacedRegion[] = [{ instruction, mask: place }, ...regions];
  if (onWarning) for (const remark of remarksOn(model, asked, from.size)) onWarning(remark);
  const placed = asked.map((region) => ({ ...region, mask: region.mask && fitted(region.mask, from.size) }));

  const masks = await Promise.all(placed.map(({ mask }) => mask && describeMask(mask)));
  // Equal masks are kept once.
  const own = placed.map((region, i) => ({
    ...region,
    mask: (masks[i] && heldMask(masks[i], session.masks)) ?? region.mask,
  }));
  const references = await Promise.all(pictures.map(describeReference));
  const recipe: Recipe = {
    version: 1,
    model: session.modelFacts,
    parent: from.id,
    regions: own.map(({ instruction, weight }, i) => ({ instruction, weight, mask: masks[i] ?? null })),
    ...recordSettings({
      ...resolved,
      // Where it acts: with masks, under a control that ends on the source.
      window: own.every(({ mask }) => mask) && endsOnSource(resolved.control) ? resolved.window : "off",
      workingSize: session.workingSize,
      detail: !large && isLarger(from.size, canvas.size) ? detail : "off",
      stopAfter: resolved.stopAfter === resolved.steps ? undefined : resolved.stopAfter,
    }),
    ...(references.length > 0 ? { references } : {}),
  };
  // Copies, since the caller may change the pictures later; equal ones are kept once.
  const kept = pictures.map(
    (picture, i) =>
      session.references.get(references[i]!.sha256) ?? { ...picture, data: picture.data.slice() },
  );
  return { recipe, own, masks, resolved, pictures: kept };
}

/** What the expansion before a node has added, at the size of its picture. Throws option.invalid where there is none. */
export function borderOf(node: Node): Mask {
  const root = canvasRoot(node);
  if (root.canvas?.kind === "expand") return root.mask!;
  throw noBorder(title(node));
}

/** Of something that no expansion comes before. */
export function noBorder(what: string): EmilieError {
  return new EmilieError(
    "option.invalid",
    `the mask "border" is what an expansion has added, and ${what} comes from none: expand the picture first`,
  );
}

/** A copy at the size of the picture, since the caller may change the original later. */
function fitted(mask: Mask, { width, height }: Size): Mask {
  checkMask(mask);
  const own = resizeMask(mask, width, height);
  return own === mask ? { ...mask, data: mask.data.slice() } : own;
}
