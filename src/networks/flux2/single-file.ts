/**
 * A checkpoint of which the transformer is one file, in the names of the original program (flux-2-klein-4b.safetensors) or of diffusers. What it lacks is beside it or in
 * another folder (companions.ts).
 */
import { readDefaults } from "../../checkpoint/defaults.ts";
import { readSafetensorsHeader } from "../../checkpoint/safetensors.ts";
import { withScales } from "../../checkpoint/scaled.ts";
import { readSchedulerConfig, type SchedulerConfig } from "../../checkpoint/scheduler-config.ts";
import type { CheckpointSource, SingleFile } from "../../checkpoint/source.ts";
import type { WeightTable } from "../../checkpoint/weights.ts";
import { readCompanions } from "./companions.ts";
import { inferTransformer } from "./infer.ts";
import { checked, type Layout } from "./layout.ts";
import { diffusersNames, isOriginal, prefixIn } from "./names.ts";
import { readPipeline } from "./pipeline.ts";
import { parseTransformerConfig } from "./transformer-config.ts";

/** scheduler_config.json as it is published with every klein. */
const SCHEDULER: SchedulerConfig = {
  _class_name: "FlowMatchEulerDiscreteScheduler",
  num_train_timesteps: 1000,
  shift: 3,
  use_dynamic_shifting: true,
  time_shift_type: "exponential",
};

/** Whether a file's tensors are a transformer of this architecture's. */
export const isFlux2File = (names: ReadonlySet<string>): boolean => prefixIn(names) !== undefined;

/** @throws EmilieError "checkpoint.*" naming the file, key or tensor, or what is to be beside the file */
export async function readSingleFile(source: CheckpointSource, single: SingleFile): Promise<Layout> {
  const path = single.file;
  const header = await readSafetensorsHeader(source, path);
  const prefix = prefixIn(header.tensors.keys()) ?? "";
  const found = [...header.tensors].filter(([name]) => name.startsWith(prefix));
  const own = new Map(found.map(([name, ref]) => [name.slice(prefix.length), { ...ref, file: path }]));
  const refs = withScales(path, own);
  const named = diffusersNames(refs);
  const file = { path, size: await source.size(path), header: header.bytes };
  const table: WeightTable = {
    folder: "transformer",
    origin: `of ${path} (in the naming of diffusers)`,
    files: [file],
    tensors: named,
  };
  const inferred = parseTransformerConfig(inferTransformer(named, path), `${path} (transformer, inferred)`);
  const { text, vae, sources, notes } = await readCompanions(source.id, single);
  const beside = sources.tokenizer;
  const { distilled, note } = await isDistilled(path, beside);
  const left = header.tensors.size - found.length;
  const layout: Layout = {
    transformer: { config: { ...inferred, shiftFirst: isOriginal(refs) }, table },
    ...{ text, vae },
    scheduler: (await beside.exists("scheduler/scheduler_config.json"))
      ? await readSchedulerConfig(beside)
      : SCHEDULER,
    distilled,
    own: await readDefaults(beside),
    sources: { transformer: source, vae: sources.vae, text: sources.text },
    notes: [
      ...notes,
      note,
      ...(left > 0 ? [`Ignored, since they are not the transformer's: ${left} tensors.`] : []),
    ],
  };
  return checked(source.id, layout);
}

/** The tensors of a base model and of a distilled one have the same names and shapes: the file's name tells, then the folder. */
async function isDistilled(
  path: string,
  beside: CheckpointSource,
): Promise<{ distilled: boolean; note: string }> {
  const named = /(?<![a-z])base(?![a-z])/i.test(path);
  const told = named
    ? false
    : (await beside.exists("model_index.json"))
      ? (await readPipeline(beside)).distilled
      : true;
  const why = named ? "its name says base" : "by its folder, or as most are";
  return {
    distilled: told,
    note: told
      ? `Taken to be distilled for four steps without guidance (${why}); a file whose name has the word base is not.`
      : `Taken to be a base model, with guidance (${why}).`,
  };
}
