/**
 * What differs between families of editors beyond their configurations. The only place that knows; the method reads it from
 * the model's own values (method/edit-model.ts).
 */

import type { TextUse } from "../clip/text.ts";
import type { Layout } from "./layout.ts";

export interface Family {
  readonly name: string;
  /**
   * Whether the UNet is shown the condition in the units of z (s·E(I)), as CosXL-Edit is, or as the unscaled mode E(I), as
   * InstructPix2Pix is, in SD 1.x, 2.x and XL alike (diffusers' is_cosxl_edit).
   */
  readonly conditionIsScaled: boolean;
  /** What each text encoder is asked for. */
  readonly texts: readonly TextUse[];
}

/** Names by the width of what the UNet attends to: CLIP ViT-L has 768, OpenCLIP ViT-H 1024. */
const BASES: Readonly<Record<number, string>> = {
  768: " (Stable Diffusion 1.x)",
  1024: " (Stable Diffusion 2.x)",
};

/** SDXL reads both encoders one layer before their last, without the final norm, and the second's pooled projection. */
const XL_TEXTS: readonly TextUse[] = [
  { hidden: "penultimate", pooled: false },
  { hidden: "penultimate", pooled: true },
];

export function familyOf({ texts, scheduler, cosxl }: Pick<Layout, "texts" | "scheduler" | "cosxl">): Family {
  if (texts.length === 1) {
    const base = BASES[texts[0]!.config.hidden_size] ?? "";
    return {
      name: `InstructPix2Pix${base}`,
      conditionIsScaled: false,
      texts: [{ hidden: "last", pooled: false }],
    };
  }
  // No editor but CosXL-Edit was trained in the EDM formulation, and diffusers' folders say nothing else about it.
  const scaled = cosxl ?? /^EDM/.test(String(scheduler._class_name));
  const name = scaled ? "CosXL-Edit" : "InstructPix2Pix (Stable Diffusion XL)";
  return { name, conditionIsScaled: scaled, texts: XL_TEXTS };
}
