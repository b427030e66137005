/** A checkpoint's configurations and headers, read and checked together before any network is made. */

import type { Precision } from "../../checkpoint/derived.ts";
import type { CheckpointSource } from "../../checkpoint/source.ts";
import { dryPlacement } from "../../checkpoint/storage.ts";
import { EmilieError } from "../../errors.ts";
import { checkDefaults } from "../../samplers/index.ts";
import { buildDecoder, buildEncoder, vaeFactor } from "../autoencoder-kl/graph.ts";
import { buildClipText } from "../clip/text.ts";
import { checkTogether } from "./check-together.ts";
import { type Family, familyOf } from "./family.ts";
import { type Layout, readFolder } from "./layout.ts";
import { buildReader, type ReaderPart, readReader } from "./reader.ts";
import { readSingleFile } from "./single-file/layout.ts";
import { buildUNet } from "./unet.ts";

export { pooledWidth } from "./check-together.ts";

/** Everything that is read before the first network runs. */
export interface Checkpoint extends Layout {
  readonly family: Family;
  /** What reads instructions, where the first text encoder does not. */
  readonly reader?: ReaderPart | undefined;
  /** Tokens of a text's encoding. */
  readonly tokens: number;
}

/**
 * Reads configurations and headers of a checkpoint and checks that every tensor fits. Throws EmilieError with code
 * "checkpoint.*", naming the file, key or tensor.
 */
export async function readCheckpoint(
  source: CheckpointSource,
  precision: Precision = "fp32",
): Promise<Checkpoint> {
  if (precision === "int4") {
    throw new EmilieError(
      "option.invalid",
      `${source.id} is a Stable Diffusion checkpoint, which has no precision int4: its convolutions gain nothing from it. Load it in "int8".`,
    );
  }
  const layout = await (source.single
    ? readSingleFile(source, source.single)
    : readFolder(source, precision));
  checkTogether(source.id, layout);
  // Its own edit is tried here, before weights are placed.
  const notes = [...layout.notes, ...checkDefaults(layout.scheduler, layout.own.defaults)];
  const checkpoint = {
    ...layout,
    notes,
    family: familyOf(layout),
    reader: await readReader(source, layout.own.understanding),
    tokens: layout.texts[0]!.tokenizer.length,
  };
  buildSmallest(checkpoint);
  return checkpoint;
}

/** Building the smallest graphs finds every missing, unknown and misshapen tensor before anything is computed. */
function buildSmallest({ unet, vae, texts, reader, tables, family, tokens }: Checkpoint): void {
  const side = 2 ** (unet.levels.length - 1);
  const factor = vaeFactor(vae);
  buildUNet(unet, dryPlacement(tables.unet), { height: side, width: side, tokens, factor });
  buildEncoder(vae, dryPlacement(tables.vae), factor, factor);
  buildDecoder(vae, dryPlacement(tables.vae), 1, 1);
  for (const [i, { config, table }] of texts.entries()) {
    buildClipText(config, dryPlacement(table), tokens, family.texts[i]);
  }
  if (reader) buildReader(reader, dryPlacement(reader.table), 1);
}
