import { type Denoise, type EditModel, resolveOptions, type Tensor, withGuidance } from "../library.ts";
/**
 * The instruction as all baselines are told it. They were written for text-to-image models; here each runs on the same
 * InstructPix2Pix checkpoint, whose text is the instruction and whose condition is the picture as it stands.
 */

/** s_T and s_I. */
export type GuidanceSettings = { readonly textGuidance: number; readonly imageGuidance: number };

/** The checkpoint's own guidance: it belongs to how a model was trained, not to a method. */
export function ownGuidance(model: EditModel): GuidanceSettings {
  const { textGuidance, imageGuidance } = resolveOptions(model);
  return { textGuidance, imageGuidance };
}

/** ε̂ of an instruction at condition c, as a denoiser. */
export async function instructed(
  model: EditModel,
  c: Tensor,
  instruction: string,
  { textGuidance, imageGuidance }: GuidanceSettings,
  signal?: AbortSignal,
): Promise<Denoise> {
  const [nullText, text] = await Promise.all(
    ["", instruction].map((t) => model.encodeText(t, { signal, c })),
  );
  const directions = [{ text: text!, weight: textGuidance }];
  return withGuidance({
    model,
    c,
    nullText: nullText!,
    baseText: nullText!,
    directions,
    imageGuidance,
    signal,
  });
}

/** ε(∅, c): the picture as it is, without any guidance. */
export async function uninstructed(model: EditModel, c: Tensor, signal?: AbortSignal): Promise<Denoise> {
  const nullText = await model.encodeText("", { signal, c });
  return withGuidance({ model, c, nullText, baseText: nullText, directions: [], imageGuidance: 1, signal });
}
