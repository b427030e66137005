/** The door to cells.ts that needs nothing installed: what it is made of is loaded where a database is named. */
import type { Cells } from "./cells.ts";

export type { CellPart, Cells } from "./cells.ts";

/** @throws EmilieError as Database.open */
export async function openSharedCells(
  ...args: Parameters<typeof import("./cells.ts").Cells.open>
): Promise<Cells> {
  const { Cells } = await import("./cells.ts");
  return Cells.open(...args);
}
