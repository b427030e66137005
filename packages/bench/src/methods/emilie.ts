/**
 * The method of this project, EMILIE (arXiv 2309.00613): latent iteration, and gradient control by the turn's mask, in a
 * session as every user has it. The variants take one part away or read it otherwise.
 */

import {
  type Control,
  type EditModel,
  type EditOptions,
  openSession,
  resolveOptions,
  type Session,
} from "../library.ts";
import type { BenchMethod, SettingsMode } from "../types.ts";
import { metered } from "./metered.ts";
import { decodePicture } from "./round-trip.ts";
import { turnSeed } from "./turn-seed.ts";

/** Where masks come from: the turn's own, nowhere, or the model itself at every turn. */
type Masks = "given" | "none" | "auto";

interface Variant {
  readonly title: string;
  readonly masks?: Masks;
  readonly control?: Control;
  /** The decoded latent as it is, not laid over the parent: shows what a control does by itself. */
  readonly bare?: boolean;
  /** The same noise at every turn, instead of another one. */
  readonly fixedSeed?: boolean;
  /** What an edit hardly moved is carried over, by the gate that the checkpoint states; otherwise everything is taken. */
  readonly gated?: boolean;
}

const READINGS: Readonly<Record<string, Variant>> = {
  emilie: { title: "EMILIE" },
  "emilie-direction": { title: "EMILIE, direction masked", control: "direction" },
  "emilie-anchored+direction": {
    title: "EMILIE, anchored and direction masked",
    control: "anchored+direction",
  },
  "emilie-threshold": { title: "EMILIE, threshold", control: "threshold" },
  "emilie-literal": { title: "EMILIE as printed", control: "literal" },
};

const VARIANTS: Readonly<Record<string, Variant>> = {
  ...READINGS,
  ...Object.fromEntries(
    Object.entries(READINGS).map(([name, variant]) => [
      `${name}-bare`,
      { ...variant, title: `${variant.title}, not laid over the parent`, bare: true },
    ]),
  ),
  "emilie-gated": { title: "EMILIE, gated", gated: true },
  "emilie-no-mask-gated": { title: "Latent iteration, gated, no masks", masks: "none", gated: true },
  "emilie-no-mask": { title: "Latent iteration alone", masks: "none" },
  "emilie-auto": { title: "EMILIE, automatic masks", masks: "auto" },
  "emilie-fixed-seed": { title: "EMILIE, one seed for all turns", fixedSeed: true },
  "emilie-no-mask-fixed-seed": {
    title: "Latent iteration alone, one seed for all turns",
    masks: "none",
    fixedSeed: true,
  },
};

/** As the baselines are: guidance in a part of the steps is a preset's matter, not a method's. */
export const GUIDED_THROUGHOUT = { guidanceInterval: [0, 1] } as const;

/** How the model is used: its own settings, or those that all methods are to share. */
export function editSettings(
  model: EditModel,
  mode: SettingsMode,
): Pick<ReturnType<typeof resolveOptions>, "steps" | "sampler" | "textGuidance" | "imageGuidance"> {
  const asked = mode.mode === "paper" ? {} : { steps: mode.steps, sampler: mode.sampler };
  const { steps, sampler, textGuidance, imageGuidance } = resolveOptions(model, asked);
  return { steps, sampler, textGuidance, imageGuidance };
}

function method(
  name: string,
  { title, masks = "given", control = "anchored", bare = false, fixedSeed = false, gated = false }: Variant,
): BenchMethod {
  return {
    name,
    title,
    reference: "EMILIE, arXiv 2309.00613",
    revision: 1,
    settings: (model, mode) => ({
      ...editSettings(model, mode),
      masks,
      control,
      bare,
      fixedSeed,
      gate: gated ? resolveOptions(model).gate : 0,
    }),
    async *run(model, start, turns, settings, { seed, signal }) {
      const { steps, sampler, textGuidance, imageGuidance, control, gate } =
        settings as unknown as EditOptions;
      let session: Session | undefined;
      for (const [i, turn] of turns.entries()) {
        const mask = { given: turn.mask, none: undefined, auto: "auto" as const }[settings.masks as Masks];
        const options = {
          steps,
          sampler,
          textGuidance,
          imageGuidance,
          ...GUIDED_THROUGHOUT,
          control,
          gate,
          signal,
        };
        yield await metered(model, async () => {
          session ??= await openSession(model, start, { signal });
          const noise = turnSeed(settings, seed, i);
          const node = await session.edit(turn.instruction, { ...options, mask, seed: noise });
          return settings.bare
            ? decodePicture(model, node.latent, start, { signal })
            : node.render({ signal });
        });
      }
    },
  };
}

export const emilieMethods: readonly BenchMethod[] = Object.entries(VARIANTS).map(([name, variant]) =>
  method(name, variant),
);
