/** Scorers from folders as the hub has them: CLIPModel, BlipForImageTextRetrieval, ViTModel and Dinov2Model. */

import { existsSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import {
  type CheckpointSource,
  cacheFolder,
  createNodeEngine,
  EmilieError,
  findSnapshot,
  folderSource,
  hubCache,
  mappedStorage,
  parseRepoId,
  publicModelName,
  readJson,
} from "../library.ts";
import { benchRoot } from "../package-root.ts";
import type { Scorer } from "../types.ts";
import { openBlip } from "./blip.ts";
import type { ScorerParts } from "./checkpoint.ts";
import { openClip } from "./clip.ts";
import { openDino } from "./dino.ts";

export interface ScorerOptions {
  /** Threads of the CPU runtime; by default the machine's physical cores. */
  readonly threads?: number;
  /** Folder for fp32 copies of half-precision weights; default $EMILIE_CACHE or the system's cache folder. */
  readonly cache?: string;
}

/** By "model_type" of config.json. */
const FAMILIES: Readonly<Record<string, (parts: ScorerParts) => Promise<Scorer>>> = {
  clip: openClip,
  blip: openBlip,
  vit: openDino,
  dinov2: openDino,
};

/** Scorers under scorers/ of this package. */
const SHIPPED = "picturebook-clip";

/**
 * Opens a network that scores pictures. `name` is a folder with config.json, preprocessor_config.json, model.safetensors and a
 * tokenizer; "picturebook-clip", which ships; or a model of the hub ("openai/clip-vit-large-patch14") that is in the cache.
 * Nothing is downloaded. Which network it is, config.json says. Throws EmilieError with code "checkpoint.missing", ".malformed",
 * ".unsupported" or ".unsafe" where the folder cannot be used.
 */
export async function openScorer(name: string, options: ScorerOptions = {}): Promise<Scorer> {
  const folder = scorerFolder(name);
  const source = folderSource(folder, publicId(folder, name));
  const open = await familyOf(source);
  const engine = createNodeEngine({ threads: options.threads });
  try {
    return await open({ source, engine, storage: mappedStorage(options.cache ?? cacheFolder()) });
  } catch (error) {
    await engine.dispose();
    throw error;
  }
}

function scorerFolder(name: string): string {
  const local = resolve(name);
  if (existsSync(local) && statSync(local).isDirectory()) return local;
  const shipped = join(benchRoot(), "scorers", SHIPPED);
  if (name === SHIPPED && existsSync(shipped)) return shipped;
  const id = parseRepoId(name);
  const cached = id && findSnapshot(hubCache(), id);
  if (cached) return cached;
  throw new EmilieError(
    "checkpoint.missing",
    `There is no scorer ${JSON.stringify(name)}: expected a folder with config.json and model.safetensors as transformers writes ` +
      `them, a model in the hub's cache (OWNER/NAME), or ${SHIPPED}.`,
  );
}

/** What reports call it: a model of the hub with the commit that is there, otherwise the folder's own name. */
function publicId(folder: string, name: string): string {
  const [, owner, model, commit] =
    /models--(.+)--(.+)\/snapshots\/([0-9a-f]{40})\/?$/.exec(folder.replaceAll("\\", "/")) ?? [];
  return commit ? `${owner}/${model}@${commit}` : publicModelName(name);
}

async function familyOf(source: CheckpointSource): Promise<(parts: ScorerParts) => Promise<Scorer>> {
  if (!(await source.exists("config.json"))) {
    throw new EmilieError(
      "checkpoint.missing",
      `${source.id} has no config.json: expected a folder as transformers writes it.`,
    );
  }
  const json = (await readJson(source, "config.json")) as { model_type?: unknown } | null;
  const type = json?.model_type;
  if (typeof type === "string" && Object.hasOwn(FAMILIES, type)) return FAMILIES[type]!;
  throw new EmilieError(
    "checkpoint.unsupported",
    `config.json of ${source.id}: "model_type" is ${JSON.stringify(type)}; scorers are ${Object.keys(FAMILIES).join(", ")}.`,
  );
}
