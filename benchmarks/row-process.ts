/** A benchmark's part in a process of its own, so that its memory is its own: rows come as lines of JSON. */
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import type { Row } from "./record.ts";

/** The rows that benchmarks/NAME.ts prints, as they come; its stderr is shown. Throws where it ends with another code than 0. */
export async function* rowsOf(name: string, args: readonly string[]): AsyncGenerator<Row> {
  const script = new URL(`./${name}.ts`, import.meta.url).pathname;
  const child = spawn(process.execPath, ["--import", "tsx", script, ...args], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
  for await (const line of createInterface({ input: child.stdout })) {
    if (line.startsWith("{")) yield JSON.parse(line);
  }
  const code = await ended;
  if (code !== 0) throw new Error(`${name} ended with code ${code}.`);
}
