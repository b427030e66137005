/**
 * Whether a checkpoint was made for few steps, by what it and its LoRAs say of themselves:
 *
 * 1. a LoRA whose name says LCM, TCD or Hyper-SD: its file's or its folder's (also a pulled repository's), or the title or output name in its metadata.
 *    "4steps" in it is the number of steps;
 * 2. a scheduler configuration of LCM or TCD;
 * 3. a UNet that is told how strongly it is guided (time_cond_proj_dim), as LCM's is.
 *
 * The first that holds counts, and the last LoRA first. Hyper-SD is sampled with TCD, as its authors recommend beside DDIM.
 */
import type { LoraFile } from "./lora/read.ts";

/** How a checkpoint that was made for few steps is sampled. */
export interface FewSteps {
  readonly sampler: "lcm" | "tcd";
  readonly steps: number;
}

const STEPS = 4;
const MOST_STEPS = 16;
/** A word of a name: not within another. */
const word = (text: string) => new RegExp(`(?<![a-z])${text}(?![a-z])`, "i");
const NAMES: readonly (readonly [RegExp, FewSteps["sampler"]])[] = [
  [word("lcm"), "lcm"],
  [word("tcd"), "tcd"],
  [word("hyper[-_ ]?sd(xl)?"), "tcd"],
];
/** Keys of a file's metadata in which trainers write what it is called. */
const TITLES = ["modelspec.title", "ss_output_name"];

/** A LoRA with what its header says. */
export interface NamedLora {
  readonly lora: LoraFile;
  readonly metadata: Readonly<Record<string, string>>;
}

export function fewStepsOf(
  {
    scheduler,
    unet,
  }: {
    readonly scheduler: Readonly<Record<string, unknown>>;
    readonly unet: { readonly time_cond_proj_dim: number | null };
  },
  loras: readonly NamedLora[] = [],
): FewSteps | null {
  for (const { lora, metadata } of loras.toReversed()) {
    if (lora.weight === 0) continue;
    for (const name of namesOf(lora, metadata)) {
      const sampler = NAMES.find(([pattern]) => pattern.test(name))?.[1];
      if (sampler) return { sampler, steps: stepsIn(name) ?? STEPS };
    }
  }
  if (scheduler._class_name === "LCMScheduler") return { sampler: "lcm", steps: STEPS };
  if (scheduler._class_name === "TCDScheduler") return { sampler: "tcd", steps: STEPS };
  return unet.time_cond_proj_dim === null ? null : { sampler: "lcm", steps: STEPS };
}

function namesOf({ source, path }: LoraFile, metadata: NamedLora["metadata"]): string[] {
  const parts = `${source.id}/${path}`.split(/[/\\]/).filter((part) => part !== "");
  const file = parts.pop()!;
  while (parts.at(-1) === file) parts.pop();
  // A pulled repository's folder has a hash for its name; above it stand "snapshots" and the repository.
  const folder = parts.at(-2) === "snapshots" ? parts.at(-3) : parts.at(-1);
  return [file, ...TITLES.map((key) => metadata[key]), folder].filter((name) => name !== undefined);
}

function stepsIn(name: string): number | undefined {
  const steps = Number(/(\d{1,2})[-_ ]?steps?(?![a-z])/i.exec(name)?.[1]);
  return steps >= 1 && steps <= MOST_STEPS ? steps : undefined;
}
