/** Options that several benchmarks share: checked here, and refused where this version of emilie does not know them. */
import {
  type EditOptions,
  isEmilieError,
  type LoadOptions,
  loadModel,
  type MemoryMode,
} from "../src/index.ts";
import { resolveOptions } from "../src/method/options.ts";
import type { EditModel } from "../src/models/model.ts";

/** Ends the process with code 2 after saying what is wrong with the arguments. */
export function usage(message: string): never {
  console.error(message);
  process.exit(2);
}

/** Ends the process with what emilie refuses to do, in its words; anything else is a fault and shows its stack. */
export function refused(error: unknown): never {
  if (!isEmilieError(error)) throw error;
  console.error(error.message);
  process.exit(1);
}

/** A whole number from `least` on; undefined where nothing was given. */
export function whole(flag: string, text: string | undefined, least = 1): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (Number.isInteger(value) && value >= least && text.trim() !== "") return value;
  return usage(`--${flag} is ${JSON.stringify(text)}; expected a whole number from ${least} on.`);
}

/** "512,256" → [512, 256], each a multiple of `multiple`. */
export function sizes(flag: string, text: string, multiple = 8): number[] {
  const values = text.split(",").map(Number);
  if (values.every((value) => Number.isInteger(value) && value > 0 && value % multiple === 0)) return values;
  return usage(
    `--${flag} is ${JSON.stringify(text)}; expected multiples of ${multiple}, with commas between them.`,
  );
}

export interface LoadFlags {
  readonly threads?: string | undefined;
  readonly memory?: string | undefined;
  readonly precision?: string | undefined;
}

/** loadModel's options from the command line. */
export async function loadOptions(flags: LoadFlags): Promise<LoadOptions> {
  const { threads, memory, precision } = flags;
  if (memory !== undefined && memory !== "low" && memory !== "normal")
    usage(`--memory is ${JSON.stringify(memory)}; expected "low" or "normal".`);
  const given = precision === undefined || precision === "fp32" ? {} : { precision };
  if ("precision" in given && !(await knowsPrecisions()))
    usage(`--precision ${precision}: this version of emilie computes in fp32 alone.`);
  return { threads: whole("threads", threads), memory: memory as MemoryMode | undefined, ...given };
}

/** Whether loadModel looks at `precision` at all: a version that does refuses one that does not exist. */
export async function knowsPrecisions(): Promise<boolean> {
  const impossible: object = { precision: "a precision that does not exist" };
  const model = await loadModel("picturebook", impossible).catch(() => null);
  await model?.dispose();
  return model === null;
}

/** An edit's options with a preset, where one was asked for. */
export function editOptions(
  model: EditModel,
  steps: number | undefined,
  preset: string | undefined,
): EditOptions {
  if (preset === undefined) return { steps };
  const options: object = { preset };
  const nonsense: object = { preset: "a preset that does not exist" };
  try {
    resolveOptions(model, nonsense);
  } catch {
    return { ...options, steps };
  }
  return usage(`--preset ${preset}: this version of emilie has no presets.`);
}
