/** Sessions in a browser: as .emilie files, and as the manifest and pieces that a page keeps in its own storage. */
import { encodePng, readPicture } from "../../images/codec.web.ts";
import type { EditModel } from "../../method/edit-model.ts";
import { Session } from "../session.ts";
import {
  type ByteSource,
  type Container,
  type Piece,
  packContainer,
  readContainerFrom,
} from "./container.ts";
import { packSession, unpackSession } from "./pack.ts";
import { damageOf, restoreSession, type SessionWarning } from "./restore.ts";
import { type Manifest, malformed } from "./schema.ts";

const codec = {
  encodePng,
  readPicture: (png: Uint8Array) => readPicture(png as Uint8Array<ArrayBuffer>),
};

/** What a page keeps of a session: the pieces by name, of which an edit adds one or two, and the manifest. */
export interface SessionParts {
  /** The tree with its recipes, as JSON. */
  readonly manifest: Manifest;
  /** What the manifest names: the original, latents, masks. */
  readonly pieces: readonly Piece[];
}

/** The session as parts, for a page that keeps it. */
export function sessionParts(session: Session): Promise<SessionParts> {
  return packSession(session, codec);
}

/** The session as one .emilie file, which Node reads as well. */
export async function sessionFile(session: Session): Promise<Blob> {
  const { manifest, pieces } = await packSession(session, codec);
  const { parts } = await packContainer(manifest, pieces);
  return new Blob(parts as Uint8Array<ArrayBuffer>[], { type: "application/octet-stream" });
}

/** Reads a .emilie file as far as it can be read. Throws session.malformed, session.version. */
export function readSessionFile(file: Blob, name: string): Promise<Container> {
  const source: ByteSource = {
    size: file.size,
    read: async (offset, length) => new Uint8Array(await file.slice(offset, offset + length).arrayBuffer()),
  };
  return readContainerFrom(source, name);
}

/**
 * The session of a file or of kept parts. Throws session.malformed, session.model (other weights), session.damaged (the
 * original is lost).
 */
export async function openStoredSession(
  model: EditModel,
  container: Pick<Container, "manifest" | "pieces"> & { readonly notes?: readonly string[] },
  name: string,
): Promise<{ session: Session; warnings: SessionWarning[] }> {
  const stored = await unpackSession(container, name, codec);
  if (!stored.original) throw malformed(name, "its original picture is lost");
  const session = restoreSession(Session, stored, model, stored.original, name);
  return { session, warnings: damageOf(container.notes ?? [], stored) };
}
