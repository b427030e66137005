/** Sessions that are left and come back to: `session.save(path)` and `loadSession(path)`, one .emilie file. */
import { realpath } from "node:fs/promises";
import { resolve } from "node:path";
import { EmilieError } from "../../errors.ts";
import { readPicture } from "../../images/codec.node.ts";
import { type Mask, resizeMask } from "../../images/mask.ts";
import type { Picture } from "../../images/picture.ts";
import { checkOptions, type OptionNames } from "../../input/options.ts";
import type { EditModel } from "../../method/edit-model.ts";
import type { LoadOptions, NodeDevice } from "../../models/load.node.ts";
import { pictureId, Session, type SessionEditOptions } from "../session.ts";
import { checkEditOptions } from "../tree/check-options.ts";
import { describeMask } from "../tree/recipe.ts";
import type { NodeHost, NodeRecord } from "../tree/tree-node.ts";
import { locked, writeAtomically } from "./atomic.node.ts";
import { readContainer, readContainerBytes, readRevision } from "./container.node.ts";
import { type Container, packContainer } from "./container.ts";
import { type FileEditOptions, type FileNode, FileTreeNode, readMasks } from "./file-node.node.ts";
import { loadModelOf, sourceOf } from "./model-source.node.ts";
import { packSession, type Unpacked, unpackSession } from "./pack.node.ts";
import { addNode, damageOf, restoreSession, type SessionWarning } from "./restore.ts";
import { type ModelSource, parseManifest } from "./schema.ts";

export { damageOf, type SessionWarning } from "./restore.ts";

/** How a session is saved. */
export interface SaveOptions {
  /**
   * What to do when the file is not the one this session last read or wrote there: "refuse" (default) with the error
   * session.changed; "merge" adds the nodes of the file to this session and writes both; "overwrite".
   */
  readonly onChange?: "refuse" | "merge" | "overwrite";
}

const SAVE_OPTIONS: OptionNames<SaveOptions> = { onChange: true };

/** A session that can be saved; what {@link loadSession} and Node's openSession return. */
export class StoredSession extends Session<FileNode> {
  /** What was damaged in the file that this session was loaded from; empty where nothing was. */
  warnings: readonly SessionWarning[] = [];
  /**
   * Where the model lay, by the file that this session was loaded from.
   * @internal
   */
  source: ModelSource | undefined;
  /** By real path: what this session knows of the file, to tell when another process has written it. */
  readonly #known = new Map<string, { revision: string; nodes: ReadonlySet<string> }>();

  /**
   * Edits a node and returns the new one, which becomes the head. What has been computed before (the same recipe from the
   * same parent) is returned, not computed again.
   *
   * @throws EmilieError option.invalid, mask.invalid, image.unreadable and image.too-large (a mask's file), aborted (the
   *   session is then as it was before), session.damaged, disposed, and runtime.missing where onnxruntime-node is not installed
   */
  override async edit(instruction: string, options: FileEditOptions = {}): Promise<FileNode> {
    // Before a mask is read: what is spelt wrongly may be one.
    checkEditOptions(options as SessionEditOptions);
    // The head of now, not of when the mask has been read.
    const from = options.from ?? this.head;
    return super.edit(instruction, { ...(await readMasks(this, options)), from });
  }

  /**
   * Saves the whole session, recipes, latents, masks and the original, to one file. The file is replaced at once: a
   * crash leaves the old one or the new one.
   *
   * @throws EmilieError session.changed, io.failed
   */
  async save(path: string, options: SaveOptions = {}): Promise<void> {
    checkOptions(options, SAVE_OPTIONS, "session.save's options");
    const target = await realpath(path).catch(() => resolve(path));
    await locked(target, async () => {
      const there = await readRevision(target);
      const known = this.#known.get(target);
      if (there !== null && there !== known?.revision && options.onChange !== "overwrite") {
        if (options.onChange !== "merge") throw changed(path, known === undefined);
        await this.#merge(path, known?.nodes);
      }
      const { manifest: plain, pieces } = await packSession(this);
      const manifest = { ...plain, source: sourceOf(this.model, target) ?? this.source };
      const { parts, revision } = await packContainer(manifest, pieces);
      // What could not be read again is not written.
      parseManifest(JSON.stringify(manifest), path);
      await writeAtomically(target, parts);
      this.knows(target, revision);
    });
  }

  protected override makeNode(record: NodeRecord, host: NodeHost): FileNode {
    return new FileTreeNode(record, host, this);
  }

  /** Remembers that the file at `target` holds this session as it is now. */
  knows(target: string, revision: string): void {
    this.#known.set(target, { revision, nodes: new Set(this.nodes.keys()) });
  }

  /** Adds what another process has saved. A node that this session has deleted since it last saw the file stays deleted. */
  async #merge(path: string, seen: ReadonlySet<string> = new Set()): Promise<void> {
    const stored = await unpackSession(await readContainer(path), path);
    const { nodes, model, workingSize } = stored.manifest;
    const same = nodes[0]!.id === this.root.id && model.fingerprint === this.modelFacts.fingerprint;
    if (!same || workingSize !== this.workingSize) {
      throw new EmilieError(
        "session.changed",
        `${path} is a session of another picture, model or working size, so the two cannot be merged. Save under another name.`,
      );
    }
    for (const node of nodes) {
      const parent = this.nodes.has(node.parent ?? "");
      if (parent && !this.nodes.has(node.id) && !seen.has(node.id)) addNode(this, node, stored);
    }
  }
}

/** What a session's file may lack. */
export interface LoadSessionOptions extends Pick<LoadOptions, "onProgress" | "onPlan" | "signal"> {
  /** Default: the model that the session was made with, loaded by its name. */
  readonly model?: EditModel;
  /** Where that runs; see loadModel. Nothing to a `model` that is given. Default "cpu". */
  readonly device?: NodeDevice;
  /** The original picture or its file, where the session's own was damaged. */
  readonly original?: Picture | string | URL | Uint8Array;
  /** Masks that were damaged in the file; they are recognised by their hashes. */
  readonly masks?: readonly Mask[];
}

const LOAD_SESSION_OPTIONS: OptionNames<LoadSessionOptions> = {
  ...{ model: true, device: true, original: true, masks: true, onProgress: true, onPlan: true, signal: true },
};

/**
 * Opens a saved session. A damaged file opens as far as it can: `session.warnings` says what was lost, and to ask a node
 * for a lost part throws session.damaged. Lost latents are computed again by session.verify().
 *
 * @throws EmilieError session.malformed, session.version, session.model (other weights than it was made with),
 *   session.damaged (the original is lost, and was not given), io.failed, and what loadModel throws
 */
export async function loadSession(path: string, options: LoadSessionOptions = {}): Promise<StoredSession> {
  checkOptions(options, LOAD_SESSION_OPTIONS, "loadSession's options");
  const target = await realpath(path).catch(() => resolve(path));
  const container = await readContainer(target);
  const session = await restore(container, path, target, options);
  session.knows(target, container.revision);
  return session;
}

/**
 * Opens a saved session from its file's bytes; `name` is what messages call it.
 *
 * @throws EmilieError as {@link loadSession}
 */
export async function readSession(
  bytes: Uint8Array,
  name: string,
  options: LoadSessionOptions = {},
): Promise<StoredSession> {
  return restore(await readContainerBytes(bytes, name), name, resolve(name), options);
}

async function restore(
  container: Container,
  path: string,
  /** Where its file lies, or would lie: a model beside it is looked for there. */
  target: string,
  options: LoadSessionOptions,
): Promise<StoredSession> {
  const stored = await unpackSession(container, path);
  const { manifest, masks } = stored;
  const sizes = new Map(
    manifest.nodes.flatMap(
      ({ recipe }) =>
        recipe?.regions.flatMap(({ mask }) =>
          mask ? [[`${mask.width}×${mask.height}`, mask] as const] : [],
        ) ?? [],
    ),
  );
  for (const mask of options.masks ?? []) {
    for (const { width, height } of sizes.values()) {
      const fitted = resizeMask(mask, width, height);
      masks.set((await describeMask(fitted)).sha256, fitted);
    }
  }
  const original = await originalOf(stored, options, path);
  const { device, onProgress, onPlan, signal } = options;
  const model =
    options.model ?? (await loadModelOf(manifest, target, {}, { device, onProgress, onPlan, signal }));
  try {
    const session = restoreSession(StoredSession, stored, model, original, path);
    session.warnings = damageOf(container.notes, stored);
    session.source = manifest.source;
    return session;
  } catch (error) {
    if (!options.model) await model.dispose();
    throw error;
  }
}

async function originalOf(stored: Unpacked, options: LoadSessionOptions, path: string): Promise<Picture> {
  if (stored.original) return stored.original;
  const [id, given] = [stored.manifest.nodes[0]!.id, options.original];
  if (given === undefined) {
    throw new EmilieError(
      "session.damaged",
      `${path} has lost its original picture; everything else may be intact. Give the picture again: ` +
        "loadSession(path, { original }), or --image on the command line.",
    );
  }
  const picture =
    typeof given === "object" && "width" in given
      ? given
      : await readPicture(given as string | URL | Uint8Array);
  if ((await pictureId(picture)) === id) return picture;
  throw new EmilieError("option.invalid", `The picture given is not the original that ${path} starts from.`);
}

function changed(path: string, unknown: boolean): EmilieError {
  const what = unknown
    ? "exists and was not read by this session"
    : "was written by another process since it was read";
  return new EmilieError(
    "session.changed",
    `${path} ${what}, so it was not replaced. Save under another name, or with onChange "merge" (keeps both) or "overwrite".`,
  );
}
