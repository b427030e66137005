/** Options that several benchmarks share, checked. */
import { isEmilieError, type LoadOptions } from "../src/index.ts";

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

/** loadModel's options from the command line; it refuses a precision that there is none of. */
export function loadOptions(flags: LoadFlags): LoadOptions {
  const { threads, memory, precision } = flags;
  if (memory !== undefined && memory !== "low" && memory !== "normal")
    usage(`--memory is ${JSON.stringify(memory)}; expected "low" or "normal".`);
  return { threads: whole("threads", threads), memory, precision: precision as LoadOptions["precision"] };
}
