/**
 * A single file has no vocabulary. All CLIP text encoders share one, so it is taken from wherever it lies: the folder that
 * was named, a tokenizer folder beside the file, or a checkpoint that was pulled before.
 */

import type { CheckpointSource, SingleFile } from "../../../checkpoint/source.ts";
import { EmilieError } from "../../../errors.ts";
import type { ClipTextConfig } from "../../clip/config.ts";
import { readTokenizer, type Tokenizer } from "../../clip/tokenizer.ts";

/** `index` is 0 for the first text encoder, 1 for SDXL's second. `pad` is what the family fills up with. */
export async function singleTokenizer(
  source: CheckpointSource,
  { file, tokenizers }: SingleFile,
  index: number,
  config: ClipTextConfig,
  pad: string,
): Promise<Tokenizer> {
  const folders = [...(index === 1 ? ["tokenizer_2"] : []), "tokenizer", "."];
  const misfits: string[] = [];
  for (const place of tokenizers) {
    for (const folder of folders) {
      const there = await Promise.all(
        ["tokenizer.json", "vocab.json"].map((name) => place.exists(`${folder}/${name}`)),
      );
      if (!there.includes(true)) continue;
      const tokenizer = await readTokenizer(place, folder, config.max_position_embeddings, { pad });
      if (tokenizer.size === config.vocab_size) return tokenizer;
      misfits.push(`${place.id} has ${tokenizer.size} tokens`);
    }
  }
  const found = misfits.length > 0 ? ` What was found does not fit it (${misfits.join("; ")}).` : "";
  throw new EmilieError(
    "checkpoint.missing",
    `${file} of ${source.id} needs CLIP's vocabulary of ${config.vocab_size} tokens, which no single file contains.${found} ` +
      `Put a folder tokenizer/ with vocab.json and merges.txt beside it, or name one (--tokenizer FOLDER), or pull a ` +
      "checkpoint that has it: emilie pull timbrooks/instruct-pix2pix",
  );
}
