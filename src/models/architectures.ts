/** The architectures whose checkpoints are read, and which of them a checkpoint is of. A new one is its folder and one line here. */
import { readSafetensorsHeader } from "../checkpoint/safetensors.ts";
import { type CheckpointSource, readJson } from "../checkpoint/source.ts";
import type { Architecture } from "../networks/architecture.ts";
import { dreamlite } from "../networks/dreamlite/index.ts";
import { flux2 } from "../networks/flux2/index.ts";
import { stableDiffusion } from "../networks/stable-diffusion/index.ts";

/** Where nothing tells, the first is taken, and says what it lacks. */
export const ARCHITECTURES: readonly [Architecture, ...Architecture[]] = [stableDiffusion, flux2, dreamlite];

/** The first is asked last: others have its denoiser's folder, or its prefix before their names, and something of their own. */
const [FIRST, ...OTHERS] = ARCHITECTURES;
const ASKED = [...OTHERS, FIRST];

/**
 * By the pipeline's class in model_index.json, or for a single file by the names of its tensors.
 *
 * @throws EmilieError "checkpoint.missing", "checkpoint.malformed" where these cannot be read
 */
export async function architectureOf(source: CheckpointSource): Promise<Architecture> {
  if (source.single) {
    const { tensors } = await readSafetensorsHeader(source, source.single.file);
    const names = new Set(tensors.keys());
    return ASKED.find(({ isSingleFile }) => isSingleFile?.(names)) ?? FIRST;
  }
  const index = (await readJson(source, "model_index.json")) as { readonly _class_name?: unknown } | null;
  const kind = String(index?._class_name);
  return ASKED.find(({ pipelines }) => pipelines.test(kind)) ?? FIRST;
}

/** The same by the paths of a repository's files, before any of them is there. */
export function architectureOfFiles(paths: readonly string[]): Architecture {
  const has = (folder: string) => paths.some((path) => path.startsWith(`${folder}/`));
  return ASKED.find(({ files: { denoiser, beside = denoiser } }) => has(denoiser) && has(beside)) ?? FIRST;
}
