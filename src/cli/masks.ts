/** Masks as they are named on the command line: which edit each is for, and what it is. */
import type { Mask } from "../images/mask.ts";
import { type MaskSources, parseMaskSpec } from "../images/mask-spec.ts";
import { readBeside } from "../session/script/script-file.node.ts";
import { UsageError } from "./errors.ts";
import type { Output } from "./output.ts";

/** Splits "2=VALUE" and gives back which edit it is for. With a single edit the number may be left out. */
export function parseNumbered(
  text: string,
  flag: string,
  edits: number,
  expected: string,
): { edit: number; value: string } {
  const [, number, value] = /^(\d+)=(.*)$/s.exec(text) ?? [undefined, undefined, text];
  if (number === undefined && edits > 1) {
    throw new UsageError(
      `${flag} ${text}: give the number of the edit, as in ${flag} 1=${text} (there are ${edits} edits).`,
    );
  }
  const edit = Number(number ?? 1);
  if (edit < 1 || edit > edits) {
    throw new UsageError(`${flag} ${text}: there is no edit ${edit}; edits are numbered from 1 to ${edits}.`);
  }
  if (!value?.trim()) throw new UsageError(`${flag} ${text}: expected ${expected}`);
  return { edit, value };
}

/** What a flag says of each edit, by its number; each at most once. */
export function numbered(
  given: readonly string[] | undefined,
  flag: string,
  edits: number,
  expected: string,
): Map<number, string> {
  const found = new Map<number, string>();
  for (const text of given ?? []) {
    const { edit, value } = parseNumbered(text, flag, edits, expected);
    if (found.has(edit))
      throw new UsageError(`${flag} is given twice for edit ${edit}: ${found.get(edit)} and ${value}.`);
    found.set(edit, value);
  }
  return found;
}

/** Where the masks of steps come from: files beside `folder`, and masks that a session holds. */
export function maskSources(folder: string, output: Output, held?: ReadonlyMap<string, Mask>): MaskSources {
  const readFile = (name: string) => readBeside(folder, name);
  return { readFile, held, onWarning: (message) => output.warn(message) };
}

/** Throws a usage error for words that name no mask. */
export function checkMaskSpec(value: string): void {
  try {
    parseMaskSpec(value);
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}
