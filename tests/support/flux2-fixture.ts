/** FLUX.2 klein in small (training/parity/make_flux2.py), as a folder that may be changed: sessions work at the size of the fixture's pictures. */
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll } from "vitest";

export const FLUX2 = fileURLToPath(new URL("../fixtures/flux2", import.meta.url));
export const SIDE = 96;

type Json = Record<string, unknown>;

/** A folder for the tests of a file. */
export function scratchFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "emilie-flux2-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A copy of a checkpoint in `folder`, with keys of its files replaced. */
export function copyCheckpoint(
  folder: string,
  name: "klein" | "klein-base" | "embedded",
  changes: Readonly<Record<string, Json>> = {},
  as = name as string,
): string {
  const to = join(folder, as);
  cpSync(join(FLUX2, name, "checkpoint"), to, { recursive: true });
  writeFileSync(join(to, "emilie.json"), JSON.stringify({ nativeSize: SIDE }));
  for (const [file, keys] of Object.entries(changes)) {
    const path = join(to, file);
    writeFileSync(path, JSON.stringify({ ...JSON.parse(readFileSync(path, "utf8")), ...keys }));
  }
  return to;
}
