/** Loading a model on Node: from a folder, the package itself, or the cache that `emilie pull` fills. */
import { existsSync } from "node:fs";
import { isAbsolute, join, resolve } from "node:path";
import { cachedModel } from "../checkpoint/hub/cache.node.ts";
import { parseRepoId } from "../checkpoint/hub/repo-id.ts";
import { hubCache } from "../checkpoint/hub/settings.node.ts";
import { folderSource } from "../checkpoint/source.node.ts";
import { cacheFolder, mappedStorage } from "../checkpoint/storage.node.ts";
import { EmilieError } from "../errors.ts";
import { createNodeEngine } from "../runtime/node.ts";
import { packageRoot } from "../runtime/package-root.node.ts";
import { createEditModel } from "./editor.ts";
import type { EditModel } from "./model.ts";
import type { MemoryMode } from "./session-cache.ts";

/** Checkpoints under models/ of the package. */
export const SHIPPED: readonly string[] = ["picturebook"];

/** How a model is loaded and run. */
export interface LoadOptions {
  /** Threads of the CPU runtime; by default the machine's physical cores. */
  readonly threads?: number;
  /** "low": one session at a time, weights only in their files. Default "normal". */
  readonly memory?: MemoryMode;
  /** Folder for fp32 copies of half-precision weights; default $EMILIE_CACHE or the system's cache folder. */
  readonly cache?: string;
}

/**
 * Loads an editing checkpoint in the diffusers layout. `idOrFolder` is a folder, "picturebook", or the name of a model
 * that was pulled from the hub ("owner/name", "owner/name@revision"); nothing is ever downloaded here.
 * Throws EmilieError: "checkpoint.missing", ".malformed", ".unsupported" or ".unsafe" where the checkpoint cannot be used;
 * the runtime itself ("runtime.missing") is only needed by the first call of the model.
 */
export async function loadModel(idOrFolder: string, options: LoadOptions = {}): Promise<EditModel> {
  const folder = checkpointFolder(idOrFolder);
  const engine = createNodeEngine({ threads: options.threads });
  try {
    return await createEditModel(folderSource(folder, idOrFolder), engine, {
      storage: mappedStorage(options.cache ?? cacheFolder()),
      memory: options.memory,
    });
  } catch (error) {
    await engine.dispose();
    throw error;
  }
}

/**
 * The folder of a checkpoint. A folder of that name in the working directory comes first, then what ships with the
 * package, then the hub's cache.
 */
export function checkpointFolder(idOrFolder: string): string {
  const local = isAbsolute(idOrFolder) ? idOrFolder : resolve(idOrFolder);
  if (existsSync(join(local, "model_index.json"))) return local;
  if (SHIPPED.includes(idOrFolder)) return shippedFolder(idOrFolder);
  if (existsSync(local)) return local;
  const id = parseRepoId(idOrFolder);
  if (id) return cachedModel(hubCache(), id);
  throw new EmilieError(
    "checkpoint.missing",
    `There is no checkpoint ${JSON.stringify(idOrFolder)}: expected a folder in the layout of diffusers, the name of a ` +
      `model on the hub (OWNER/NAME), or one of ${SHIPPED.join(", ")}.`,
  );
}

export function shippedFolder(name: string): string {
  return join(packageRoot(), "models", name);
}
