/** A server as a process of its own: what is killed, and what is put under load. */
import { type ChildProcess, spawn } from "node:child_process";
import { EMILIE } from "./command.ts";

const root = new URL("../..", import.meta.url).pathname;

/** Starts `emilie serve`, on any free port where `more` names none, with its data in `data`; its address, once it listens. */
export async function spawnServer(
  data: string,
  env: Readonly<Record<string, string>> = {},
  more: readonly string[] = [],
): Promise<{ process: ChildProcess; url: string }> {
  const port = more.includes("--port") ? [] : ["--port", "0"];
  const serve = ["serve", ...port, "--data", data, "--json", "--quiet", ...more];
  const child = spawn(process.execPath, [...EMILIE, ...serve], {
    cwd: root,
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "inherit"],
  });
  let text = "";
  for await (const chunk of child.stdout.setEncoding("utf8")) {
    text += chunk;
    try {
      return { process: child, url: (JSON.parse(text) as { url: string }).url };
    } catch {
      // not all of it yet
    }
  }
  throw new Error(`the server ended, having said: ${text}`);
}
