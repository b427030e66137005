/** Several writes of one session as one statement: each statement of its own takes a way to the database and back. */
import type { Queries } from "./database.ts";

/** One of the statements of a change; $1 is the session. */
export interface Write {
  /** With its own values as #1, #2, … */
  readonly text: string;
  readonly values: readonly unknown[];
}

/** A statement's text where `before` values come before its own. */
export function numbered(text: string, before: number): string {
  return text.replace(/#(\d+)/g, (_, n) => `$${before + Number(n)}`);
}

/** They do not see one another's rows. @returns what the last one returns */
export async function writeAll(on: Queries, id: string, writes: readonly Write[]): Promise<unknown[]> {
  const values: unknown[] = [id];
  const texts = writes.map((write) => {
    const before = values.length;
    values.push(...write.values);
    return numbered(write.text, before);
  });
  const last = texts.pop()!;
  const first = texts.map((text, i) => `w${i} AS (${text})`);
  return on.query(first.length === 0 ? last : `WITH ${first.join(", ")} ${last}`, values);
}
