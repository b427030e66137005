/** sharp, loaded when the first picture is read or written: its native libraries take longer than most commands run. */
import { createRequire } from "node:module";
import type { Sharp, SharpInput, SharpOptions } from "sharp";
import { EmilieError } from "../errors.ts";

type Open = (input: SharpInput | SharpInput[], options?: SharpOptions) => Sharp;

const require = createRequire(import.meta.url);
let loaded: Open | undefined;

/** sharp's own constructor. Throws runtime.missing where it cannot be loaded. */
export const sharp: Open = (input, options) => {
  loaded ??= load();
  return loaded(input, options);
};

function load(): Open {
  try {
    return require("sharp") as Open;
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message.split("\n")[0] : String(cause);
    throw new EmilieError(
      "runtime.missing",
      `sharp, which reads and writes pictures, cannot be loaded on ${process.platform}-${process.arch} (${reason}). Its libraries are ` +
        "optional packages. Run: npm install sharp --include=optional",
      { cause },
    );
  }
}
