/** Every method of the benchmark, by the name that the command line knows it by. */
import type { BenchMethod } from "../types.ts";
import { emilieMethods } from "./emilie.ts";
import { imageIterationMethods } from "./image-iteration.ts";
import { vaeMethods } from "./vae.ts";

const all: readonly BenchMethod[] = [...emilieMethods, ...imageIterationMethods, ...vaeMethods];

export const METHODS: Readonly<Record<string, BenchMethod>> = Object.fromEntries(
  all.map((method) => [method.name, method]),
);
