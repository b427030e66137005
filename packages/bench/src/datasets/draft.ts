/** What every loader hands on: items whose files are named but not yet looked at, and the words for what is wrong with them. */

import { posix, resolve, sep } from "node:path";
import { EmilieError } from "../library.ts";
import type { BenchItem, ResultLayout } from "../types.ts";

/** A dataset as its index describes it. */
export interface Draft {
  readonly name: string;
  readonly licence?: string;
  readonly items: readonly BenchItem[];
  /** Masks were drawn at another size than the pictures (MagicBrush); only their shape is held to the picture's. */
  readonly masksScale?: boolean;
  /** How results are written for the authors' own scorer. */
  readonly resultLayout?: ResultLayout;
}

/** How a dataset's folder is to be read. */
export interface LoaderContext {
  readonly folder: string;
  /** What stands behind the colon, as "rich" in editbench:rich. */
  readonly variant?: string;
}

/** An error of the dataset; `where` names the item and the turn. */
export function wrong(where: string, what: string, options?: { cause?: unknown }): EmilieError {
  return new EmilieError("dataset.invalid", `${where}: ${what}`, options);
}

/** "item cottage, turn 2"; turns count from 1. */
export function place(item: string, turn?: number): string {
  return turn === undefined ? `item ${item}` : `item ${item}, turn ${turn}`;
}

/** The absolute path of a file that an index names. It stays in the folder, whatever the index says. */
export function inside(folder: string, name: string, where: string): string {
  const path = resolve(folder, name);
  // A drive letter or a backslash means something on one system and nothing on another.
  const portable = !posix.isAbsolute(name) && !/[\\\0]|^[A-Za-z]:/.test(name);
  if (name === "" || !portable || !path.startsWith(folder.endsWith(sep) ? folder : folder + sep)) {
    throw wrong(
      where,
      `a file is named by a relative path with forward slashes that stays in the dataset's folder, got ${JSON.stringify(name)}.`,
    );
  }
  return path;
}

/** The one of the variants that was asked for, or the first. */
export function chooseVariant<T extends string>(
  dataset: string,
  variants: readonly T[],
  asked: string | undefined,
): T {
  const found = asked === undefined ? variants[0] : variants.find((variant) => variant === asked);
  if (found !== undefined) return found;
  throw new EmilieError(
    "option.invalid",
    `${dataset}:${asked} is not known. Expected ${variants.map((v) => `${dataset}:${v}`).join(", ")}, or ${dataset} for ${variants[0]}.`,
  );
}
