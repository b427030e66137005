import { readFile } from "node:fs/promises";
import { describe, it } from "vitest";
import { parseSafetensorsHeader, readSafetensorsHeader } from "../../src/checkpoint/safetensors.ts";
import type { CheckpointSource } from "../../src/checkpoint/source.ts";
import type { Damage } from "./mutate.ts";
import { FUZZ_TIMEOUT, fuzz } from "./run.ts";

const root = new URL("../..", import.meta.url).pathname;

const files: Uint8Array[] = [];
async function load(): Promise<void> {
  for (const path of ["vae/diffusion_pytorch_model.safetensors", "text_encoder/model.safetensors"]) {
    const whole = await readFile(`${root}tests/fixtures/parity/sd1/checkpoint/${path}`);
    files.push(new Uint8Array(whole));
  }
}

const memory = (file: Uint8Array): CheckpointSource => ({
  id: "memory",
  exists: async () => true,
  size: async () => file.length,
  readText: async () => "",
  read: async (_, offset, length) => file.subarray(offset, offset + length),
});

/** The header as JSON with its list shortened, so that a case is quick. */
function small(file: Uint8Array): Record<string, unknown> {
  const length = Number(new DataView(file.buffer, file.byteOffset).getBigUint64(0, true));
  const json = JSON.parse(Buffer.from(file.subarray(8, 8 + length)).toString()) as Record<string, unknown>;
  const inOrder = Object.entries(json)
    .filter(([name]) => name !== "__metadata__")
    .sort(([, a], [, b]) => offsetOf(a) - offsetOf(b));
  return { __metadata__: { format: "pt" }, ...Object.fromEntries(inOrder.slice(0, 12)) };
}
const offsetOf = (entry: unknown) => (entry as { data_offsets: [number, number] }).data_offsets[0];
const endOf = (json: object) =>
  Math.max(
    ...Object.values(json).map((entry) => (entry as { data_offsets?: number[] }).data_offsets?.[1] ?? 0),
  );

describe("safetensors headers", () => {
  it(
    "with any damage are tensors inside the file, or a typed error",
    async () => {
      await load();
      const headers = files.map(small);
      const texts = headers.map((json) => new TextEncoder().encode(JSON.stringify(json)));
      const run = (damage: Damage, number: number) => {
        const which = damage.below(headers.length);
        const dataBytes = endOf(headers[which]!);
        if (number % 50 === 0)
          return readSafetensorsHeader(memory(damage.bytes(files[which]!, files)), "fuzz");
        const header =
          number % 2 === 0
            ? damage.bytes(texts[which]!, texts)
            : new TextEncoder().encode(JSON.stringify(damage.json(headers[which])));
        return parseSafetensorsHeader(header, 8 + header.length + dataBytes, "fuzz");
      };
      await fuzz({ name: "safetensors", cases: 200_000, share: 4000, run });
    },
    FUZZ_TIMEOUT,
  );
});
