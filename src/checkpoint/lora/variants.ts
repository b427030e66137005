/** What LoRAs add to a model's fingerprint. */
import { fingerprint } from "../fingerprint.ts";
import type { Lora, LoraFile } from "./read.ts";

/** @param named whether a file's name is part of it, as it was in earlier versions */
export function loraVariants(
  files: readonly LoraFile[],
  loras: readonly Lora[],
  named: boolean,
): Promise<string[]> {
  return Promise.all(
    loras.map(async ({ file }, i) => {
      const { source, weight } = files[i]!;
      const table = { folder: "", files: [file], tensors: new Map() };
      return `lora ${weight} ${await fingerprint(source, [table], [], named)};`;
    }),
  );
}
