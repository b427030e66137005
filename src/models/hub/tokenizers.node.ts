/** Tokenizers of models that were pulled, for checkpoints that bring none. */
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { folderSource } from "../../checkpoint/source.node.ts";
import type { CheckpointSource } from "../../checkpoint/source.ts";

/** Every snapshot in the cache that has a CLIP tokenizer, in the order of the repositories' names. */
export function cachedTokenizers(cache: string): CheckpointSource[] {
  const list = (folder: string) => {
    try {
      return readdirSync(folder).sort();
    } catch {
      return []; // no cache yet
    }
  };
  return list(cache)
    .filter((name) => name.startsWith("models--"))
    .flatMap((name) =>
      list(join(cache, name, "snapshots")).map((commit) => join(cache, name, "snapshots", commit)),
    )
    .filter((folder) => existsSync(join(folder, "tokenizer", "vocab.json")))
    .map((folder) => folderSource(folder));
}
