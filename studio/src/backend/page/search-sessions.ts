/** The sessions that are kept in the browser. */
import type { SessionSummary } from "../backend.ts";
import { listSessions, type StoredSession } from "./storage.ts";

/** Those in the bin or out of it whose name or instructions hold the text. */
export async function searchSessions({ search = "", bin = false } = {}): Promise<readonly SessionSummary[]> {
  const wanted = search.trim().toLowerCase();
  const holds = ({ name, manifest }: StoredSession) =>
    [name, ...manifest.nodes.flatMap(({ recipe }) => recipe?.regions.map((r) => r.instruction) ?? [])].some(
      (text) => text.toLowerCase().includes(wanted),
    );
  const found = (await listSessions()).filter((one) => (one.binned !== undefined) === bin && holds(one));
  return found.map(({ id, name, edits, updated, thumbnail, manifest }) => ({
    id,
    root: manifest.nodes[0]!.id,
    name,
    edits,
    updated,
    thumbnail,
  }));
}
