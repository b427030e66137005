/** This package's own folder: its data sets, its scorer and the page of a study lie in it, beside src/ and dist/. */
import { packageRoot } from "./library.ts";

export function benchRoot(): string {
  return packageRoot("@emilie/bench", import.meta.url);
}
