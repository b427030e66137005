/** The methods of the benchmark by name. */
import { EmilieError } from "../../errors.ts";
import type { BenchMethod } from "../types.ts";
import { blendedLatent } from "./blended-latent.ts";
import { concat, concatMasked } from "./concat.ts";
import { diffEdit, diffEditGivenMask } from "./diffedit.ts";
import { SDEDIT } from "./sdedit.ts";
import { vaeOnly } from "./vae-only.ts";

const ALL: readonly BenchMethod[] = [
  // emilie.ts with its variants, and image-iteration.ts, join here.
  concat,
  concatMasked,
  ...SDEDIT,
  diffEdit,
  diffEditGivenMask,
  blendedLatent,
  vaeOnly,
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
