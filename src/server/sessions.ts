/** Sessions come and go: opened on a picture, brought in from a file, deleted with their jobs. */
import { randomBytes } from "node:crypto";
import { EmilieError, isEmilieError } from "../errors.ts";
import { isMadeWith } from "../method/edit-model.ts";
import { parseModelName } from "../models/open.node.ts";
import { packContainer, readContainerBytes } from "../session/file/container.node.ts";
import { keepPicture } from "./kept-picture.ts";
import type { Parts } from "./parts.ts";
import { expiredSessions } from "./store/find.ts";
import { keepUsed, type SessionRecord } from "./store/store.ts";
import { findNode, withoutBin } from "./store/tree.ts";
import { callOn } from "./subject.ts";
import { steps, summaryView } from "./view.ts";

export interface NewSession {
  readonly picture: Uint8Array;
  readonly name: string;
  readonly model?: string;
  /** The longer side that the model works at, in pixels, or "own" for the picture's. Default: the model's native size. */
  readonly workingSize?: number | "own";
  /** Milliseconds until it is deleted again; it is not listed. Default: it is kept. */
  readonly lifetime?: number;
}

/** A session, and what its picture's file holds that the picture does not: further frames, more bits, inks. */
export type OpenedRecord = SessionRecord & { readonly warnings: readonly string[] };

export function newId(): string {
  return randomBytes(8).toString("hex");
}

export async function createSession(parts: Parts, given: NewSession): Promise<OpenedRecord> {
  const { store, worker, catalog, limits, calls } = parts;
  const model = given.model ?? catalog.selected;
  const load = await catalog.resolve(model);
  const id = newId();
  const { picture, workingSize } = given;
  const { manifest, pieces, png, warnings, familiar } = await calls.run(() =>
    worker.call("open", { session: id, model: load, picture, workingSize, maxPixels: limits.pixels }),
  );
  await catalog.tellLoaded(model);
  const now = Date.now();
  const expires = given.lifetime === undefined ? null : now + given.lifetime;
  const info = {
    id,
    name: given.name || "Untitled",
    created: now,
    modified: now,
    model,
    towards: {},
    expires,
    familiar,
  };
  await store.create({ info, manifest }, pieces);
  await keepPicture(parts, id, manifest.head, png);
  const record = await store.read(id);
  if (expires === null) emitSession(parts, record);
  return { ...record, warnings };
}

/** A session from the bytes of an .emilie file. @throws EmilieError "session.malformed", "session.damaged", "session.model" */
export async function importSession(parts: Parts, bytes: Uint8Array, name: string): Promise<SessionRecord> {
  const { worker, calls, limits } = parts;
  const { damage } = await calls.run(() => worker.call("check", { file: bytes, maxPixels: limits.pixels }));
  if (damage) {
    const advice = "Repair it first with emilie replay --verify.";
    throw new EmilieError("session.damaged", `The file is damaged: ${damage} ${advice}`);
  }
  const container = await readContainerBytes(bytes, "The file");
  const { manifest } = container;
  const model = await modelOf(parts, manifest.model);
  const now = Date.now();
  const info = {
    id: newId(),
    name: name || "Imported",
    created: now,
    modified: now,
    model,
    towards: {},
    expires: null,
  };
  const pieces = manifest.pieces.map((entry) => ({ ...entry, bytes: container.pieces.get(entry.name)! }));
  await parts.store.create({ info, manifest }, pieces);
  const record = await parts.store.read(info.id);
  emitSession(parts, record);
  return record;
}

/** The model of that fingerprint: the one of that name, or the one that is selected. Names in files are never loaded. */
async function modelOf(
  { catalog, worker }: Parts,
  wanted: { id: string; fingerprint: string },
): Promise<string> {
  const { models } = await catalog.list();
  const usable = models
    .filter(({ state }) => state === "available" || state === "selected")
    .map(({ id }) => id);
  const { base, precision = "fp32" } = parseModelName(wanted.id);
  for (const id of new Set([base, catalog.selected])) {
    if (!usable.includes(id)) continue;
    const model = await worker.call("load", { model: await catalog.resolve(id, precision) });
    if (isMadeWith(model, wanted.fingerprint)) return id;
  }
  throw new EmilieError(
    "session.model",
    `The session was made with ${wanted.id} (fingerprint ${wanted.fingerprint.slice(0, 12)}), which is not available here. Pull it first.`,
  );
}

export async function deleteSession(parts: Parts, id: string): Promise<void> {
  const { store, queue, dispatcher, events, metrics } = parts;
  await store.read(id);
  const jobs = await queue.list(id);
  await store.delete(id);
  // It is deleted, and its jobs with it: one that stays on the disk finds no session, and ends.
  for (const job of jobs) {
    if (job.finished === null) await dispatcher.cancel(job.id).catch((error) => metrics.problem(error));
  }
  await queue.forget(id).catch((error) => metrics.problem(error));
  events.emit({ type: "session-deleted", session: id });
}

/** The bytes of a session's .emilie file, without what is in its bin. @throws EmilieError "server.missing" */
export async function exportSession({ store }: Parts, id: string): Promise<Uint8Array> {
  const record = await store.read(id);
  const bytes = await store.export(id);
  if (!record.info.bin?.length) return bytes;
  const { pieces, manifest } = await readContainerBytes(bytes, "The session");
  const all = manifest.pieces.flatMap((entry) => {
    const piece = pieces.get(entry.name);
    return piece ? [{ ...entry, bytes: piece }] : [];
  });
  const kept = keepUsed(withoutBin(record), all);
  return Buffer.concat((await packContainer(kept.manifest, kept.pieces)).parts);
}

/** How long a session stays in the bin. */
const BIN_MS = 30 * 24 * 3_600_000;

/** Sessions whose time is over. */
export async function deleteExpired(parts: Parts, now = Date.now()): Promise<void> {
  for (const id of await expiredSessions(parts.store, now, now - BIN_MS)) {
    // Another server may have been faster.
    await deleteSession(parts, id).catch((error: unknown) => {
      if (!isEmilieError(error) || error.code !== "server.missing") throw error;
    });
  }
}

export function emitSession({ events }: Parts, record: SessionRecord, deleted: string[] = []): void {
  events.emit({ type: "session", session: summaryView(record), ...steps(record), deleted });
}

/** The picture of a node as PNG: kept when it was made, made again where it is not. */
export async function pictureOf(parts: Parts, session: string, node: string): Promise<Uint8Array> {
  const { store, calls } = parts;
  const { manifest } = await store.read(session);
  findNode(manifest, node);
  const kept = await store.file(session, "pictures", `${node}.png`).catch(() => null);
  if (kept) return kept;
  const { png } = await calls.run(() => callOn(parts, "render", session, { node }));
  await keepPicture(parts, session, node, png);
  return png;
}
