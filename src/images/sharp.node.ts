/** sharp, loaded when the first picture is read or written: its native libraries take longer than most commands run. */
import { createRequire } from "node:module";
import type { Sharp, SharpInput, SharpOptions } from "sharp";

type Open = (input: SharpInput, options?: SharpOptions) => Sharp;

const require = createRequire(import.meta.url);
let loaded: Open | undefined;

/** sharp's own constructor. */
export const sharp: Open = (input, options) => {
  loaded ??= require("sharp") as Open;
  return loaded(input, options);
};
