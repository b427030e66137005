/** Servers and workers of one database, as processes of their own. */
import { type ChildProcess, spawn } from "node:child_process";
import { resolve } from "node:path";
import { EmilieClient } from "../../src/client/index.ts";
import { EMILIE } from "../support/command.ts";
import { KEYS } from "./bucket.ts";

const root = resolve(import.meta.dirname, "../..");
/** Tiny: what is tested is not the networks. */
export const MODEL = resolve(root, "tests/fixtures/parity/sd1/checkpoint");
/** What the workers call it. */
export const MODEL_NAME = "checkpoint";

export interface Started {
  readonly process: ChildProcess;
  readonly said: Readonly<Record<string, unknown>>;
  /** What it wrote to stderr so far. */
  readonly log: () => string;
  readonly ended: Promise<number | null>;
}

export interface Place {
  readonly database: string;
  readonly blobs?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** A verb that runs until it is stopped; started, once it has said its JSON document. */
export async function startVerb(
  args: readonly string[],
  { database, blobs, env = {} }: Place,
): Promise<Started> {
  const more = blobs === undefined ? [] : ["--blobs", blobs];
  const child = spawn(process.execPath, [...EMILIE, ...args, "--json", ...more], {
    cwd: root,
    env: { ...process.env, ...KEYS, EMILIE_DATABASE: database, EMILIE_THREADS: "1", ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let log = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    log += text;
  });
  const ended = new Promise<number | null>((done) => child.once("exit", done));
  let text = "";
  for await (const chunk of child.stdout.setEncoding("utf8")) {
    text += chunk;
    try {
      return { process: child, said: JSON.parse(text), log: () => log, ended };
    } catch {
      // not all of it yet
    }
  }
  throw new Error(`emilie ${args.join(" ")} ended, having said: ${text}${log}`);
}

export async function startServer(
  place: Place,
  args: readonly string[] = [],
  port = 0,
): Promise<Started & { client: EmilieClient; url: string }> {
  const started = await startVerb(
    ["serve", "--port", `${port}`, "--quiet", "--model", MODEL_NAME, ...args],
    place,
  );
  const url = String(started.said.url);
  return { ...started, url, client: new EmilieClient({ baseUrl: url }) };
}

export function startWorker(place: Place, args: readonly string[] = []): Promise<Started> {
  return startVerb(["worker", "--model", MODEL, ...args], place);
}

export async function stop(...all: readonly Started[]): Promise<void> {
  for (const { process } of all) process.kill("SIGKILL");
  await Promise.all(all.map(({ ended }) => ended));
}
