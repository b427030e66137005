/** What a session begins with. */
import { type Size, workingSize } from "../../images/model-image.ts";
import type { Picture } from "../../images/picture.ts";
import { checkOptions, type OptionNames } from "../../input/options.ts";
import type { CallOptions, EditModel } from "../../method/edit-model.ts";
import type { OpenSettings } from "../../method/settings.ts";
import { checkSettings, settingNames } from "../../method/settings-derived.ts";
import { type Tensor, zeros } from "../../tensor/tensor.ts";
import { sha256 } from "../../util/sha256.ts";
import { conditionOf } from "./condition.ts";
import { isLarge } from "./large.ts";

/** How a session is opened. */
export interface OpenOptions extends CallOptions, OpenSettings {}

const OPEN_OPTIONS: OptionNames<OpenOptions> = { ...settingNames("opening"), signal: true };

/** @throws InputError naming an option that is not known; `more` are a door's own */
export function checkOpenOptions(options: OpenOptions, more: Readonly<Record<string, true>> = {}): void {
  checkOptions(options, { ...OPEN_OPTIONS, ...more }, "openSession's options");
}

/**
 * What a session begins with: the size the model works at, c₁ = E(I₀).mode (nothing yet above the native size), and the
 * original's id. Throws option.invalid.
 */
export async function encodeOriginal(
  model: EditModel,
  original: Picture,
  { workingSize: wanted, ...options }: OpenOptions = {},
): Promise<[size: Size, c: Tensor, id: string]> {
  checkSettings({ workingSize: wanted });
  const size = resolveWorkingSize(model, original, wanted);
  if (isLarge(model, size)) {
    return [size, zeros([model.latentChannels, 0, 0]), await pictureId(original)];
  }
  return [size, await conditionOf(model, original, size, options), await pictureId(original)];
}

/** The id of the original: twelve hex digits of the hash of its pixels. */
export async function pictureId({ data }: Picture): Promise<string> {
  return (await sha256(new Uint8Array(data.buffer, data.byteOffset, data.byteLength))).slice(0, 12);
}

/** The size that a model works at. Throws option.invalid. */
export function resolveWorkingSize(
  { nativeSize, factor }: EditModel,
  { width, height }: Size,
  wanted: OpenOptions["workingSize"] = nativeSize,
): Size {
  return workingSize(width, height, wanted === "own" ? Math.max(width, height) : wanted, factor);
}

/** The longer side that a model works at, as recipes and files have it: undefined for what it takes by itself. */
export function workingSide(model: EditModel, original: Size, size: Size): number | undefined {
  const longer = Math.max(size.width, size.height);
  const usual = resolveWorkingSize(model, original);
  return longer === Math.max(usual.width, usual.height) ? undefined : longer;
}

/** True where a result is brought from the model's size to a larger one. */
export function isLarger(picture: Size, size: Size): boolean {
  return picture.width > size.width || picture.height > size.height;
}
