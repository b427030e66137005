/** Every method of the benchmark, by the name that the command line knows it by. */
import { EmilieError } from "../library.ts";
import type { BenchMethod } from "../types.ts";
import { blendedLatent } from "./blended-latent.ts";
import { concat, concatMasked } from "./concat.ts";
import { diffEdit, diffEditGivenMask } from "./diffedit.ts";
import { emilieMethods } from "./emilie.ts";
import { imageIterationMethods } from "./image-iteration.ts";
import { reencodeMethods } from "./reencode.ts";
import { revert } from "./revert.ts";
import { SDEDIT } from "./sdedit.ts";
import { vaeMethods } from "./vae.ts";
import { vaeLfa } from "./vae-lfa.ts";

const ALL: readonly BenchMethod[] = [
  ...emilieMethods,
  ...imageIterationMethods,
  concat,
  concatMasked,
  ...SDEDIT,
  diffEdit,
  diffEditGivenMask,
  blendedLatent,
  ...reencodeMethods,
  vaeLfa,
  revert,
  ...vaeMethods,
];

/** Every method by its name on the command line. */
export const METHODS: Readonly<Record<string, BenchMethod>> = Object.fromEntries(
  ALL.map((method) => [method.name, method]),
);

/** A method by its name. @throws EmilieError "option.invalid" listing the names there are. */
export function methodNamed(name: string): BenchMethod {
  if (Object.hasOwn(METHODS, name)) return METHODS[name]!;
  const known = Object.keys(METHODS).join(", ");
  throw new EmilieError("option.invalid", `There is no method "${name}"; there are ${known}.`);
}
