/**
 * Where a session's model lies: its parts by themselves, absolute and as seen from the session's file, so that a session opens
 * from any folder, and after it has been moved together with its model. Sessions of versions 1 to 3 have one name of them all.
 */

import { existsSync } from "node:fs";
import { dirname, isAbsolute, parse, relative, resolve, sep } from "node:path";
import { EmilieError, isEmilieError } from "../../errors.ts";
import type { EditModel } from "../../method/edit-model.ts";
import { type LoadOptions, loadModel, type ModelParts, partsOfModel } from "../../models/load.node.ts";
import { parseModelName, splitVariant } from "../../models/open.node.ts";
import { defined } from "../../util/defined.ts";
import type { Manifest, ModelSource } from "./schema.ts";

type Place = ModelSource["base"];

const SHARE = /^[\\/]{2}/;

/**
 * On Windows such a name is another machine's folder, and looking there tells it who asks. A session that was opened from a shared
 * folder may name what lies in the same one.
 */
function isFar(name: string, file: string): boolean {
  const { root } = parse(resolve(file));
  return SHARE.test(name) && !(SHARE.test(root) && parse(name).root === root);
}

/**
 * For names of models that files say, whoever wrote them.
 * @throws EmilieError session.model for a folder of another machine
 */
export function refuseFar(name: string, file: string): void {
  if (!isFar(name, file)) return;
  throw new EmilieError(
    "session.model",
    `${file} names a model on another machine, ${name.slice(0, 200)}, which is not accessed. Give its location: ` +
      "loadSession(path, { model }), or --model on the command line (and --lora for a LoRA).",
  );
}

/** What a session's file says of where its model was loaded from; undefined for a model that loadModel did not load. */
export function sourceOf(model: EditModel, file: string): ModelSource | undefined {
  const parts = partsOfModel(model);
  if (!parts) return undefined;
  const { base, loras, precision = "fp32", tokenizer, vae } = parts;
  const place = (path: string): Place =>
    isAbsolute(path)
      ? {
          name: path,
          beside: relative(dirname(resolve(file)), path)
            .split(sep)
            .join("/"),
        }
      : { name: path };
  return {
    base: place(base),
    loras: loras.map(({ file, weight = 1 }) => ({ ...place(file), weight })),
    precision,
    ...(tokenizer === undefined ? {} : { tokenizer: place(tokenizer) }),
    ...(vae === undefined ? {} : { vae: place(vae) }),
  };
}

/** The parts of a session's model, found from where its file lies now; what is not found keeps its name. */
export function partsFor({ source, model }: Pick<Manifest, "source" | "model">, file: string): ModelParts {
  const isThere = (name: string): boolean => !isFar(name, file) && isPresent(name);
  if (!source) return olderParts(model.id, file, isThere);
  const found = ({ name, beside }: Place): string => {
    if (beside === undefined || isThere(name)) return name;
    const moved = SHARE.test(beside) ? beside : resolve(dirname(file), beside);
    return isThere(moved) ? moved : name;
  };
  const { base, loras, precision, tokenizer, vae } = source;
  return {
    id: model.id,
    base: found(base),
    loras: loras.map(({ weight, ...place }) => ({ file: found(place), weight })),
    precision,
    ...(tokenizer === undefined ? {} : { tokenizer: found(tokenizer) }),
    ...(vae === undefined ? {} : { vae: found(vae) }),
  };
}

/** A variant at the end of a folder's name is no part of its path. */
const isPresent = (path: string): boolean => existsSync(splitVariant(path).name);

/**
 * The one name of an older session. Relative paths in it were relative to the folder that emilie ran in: mostly the one that the
 * session's own folder is in.
 */
function olderParts(id: string, file: string, isThere: (name: string) => boolean): ModelParts {
  const { base, loras, precision } = parseModelName(id);
  const folders = [".", dirname(file), resolve(dirname(file), "..")];
  const found = (name: string): string =>
    SHARE.test(name) ? name : (folders.map((folder) => resolve(folder, name)).find(isThere) ?? name);
  return {
    id,
    // A name of the hub, or of what ships, is no path.
    base: isThere(base) ? base : found(base),
    loras: loras.map((lora) => ({ ...lora, file: found(lora.file) })),
    ...(precision ? { precision } : {}),
  };
}

/**
 * Loads the model of a session's file. Parts that are given stand in place of the session's own.
 * @throws EmilieError session.model naming what is missing, and where it was looked for; for a name on another machine too; aborted by the signal
 */
export async function loadModelOf(
  manifest: Pick<Manifest, "source" | "model">,
  file: string,
  given: Partial<ModelParts> = {},
  watch: Pick<LoadOptions, "device" | "onProgress" | "onPlan" | "signal"> = {},
): Promise<EditModel> {
  const own = partsFor(manifest, file);
  if (given.base === undefined) refuseFar(own.base, file);
  if (given.loras === undefined) for (const lora of own.loras) refuseFar(lora.file, file);
  if (given.tokenizer === undefined) refuseFar(own.tokenizer ?? "", file);
  if (given.vae === undefined) refuseFar(own.vae ?? "", file);
  const parts = { ...own, ...defined(given) };
  const { base, loras, vae, precision } = given;
  const asIts = [base, loras, vae, precision].every((part) => part === undefined);
  try {
    return await loadModel({ ...parts, id: asIts ? parts.id : undefined }, watch);
  } catch (cause) {
    // What was asked for, stopped, or has no room is not mended by another place.
    const isLost = isEmilieError(cause) && cause.code.startsWith("checkpoint.");
    if (!isLost || base !== undefined) throw cause;
    const { id, fingerprint } = manifest.model;
    throw new EmilieError(
      "session.model",
      `${file} was made with ${id} (fingerprint ${fingerprint.slice(0, 12)}), which cannot be loaded here: ${cause.message} If it is ` +
        "elsewhere, give its location: loadSession(path, { model }), or --model on the command line (and --lora for a LoRA that has moved).",
      { cause },
    );
  }
}
