/** A server on a free port of loopback, with the model that ships, and what tests need to talk to it. */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { EmilieClient, type JobInfo } from "../../src/client/index.ts";
import { type RunningServer, type ServerOptions, startServer } from "../../src/server.ts";

export const COTTAGE = new URL("../../examples/cottage.png", import.meta.url).pathname;
export const ROOF = new URL("../../examples/cottage-roof.png", import.meta.url).pathname;

export interface Fixture {
  readonly server: RunningServer;
  readonly client: EmilieClient;
  readonly folder: string;
  readonly logs: string[];
  readonly close: () => Promise<void>;
}

/** `start`: where another server than the sources' is wanted. */
export async function serve(options: ServerOptions = {}, start = startServer): Promise<Fixture> {
  const folder = await mkdtemp(join(tmpdir(), "emilie-server-"));
  const logs: string[] = [];
  const server = await start({ port: 0, data: folder, log: (line) => logs.push(line), ...options });
  const close = async () => {
    await server.close();
    await rm(folder, { recursive: true, force: true });
  };
  const client = new EmilieClient({ baseUrl: server.url, token: server.token ?? undefined });
  return { server, client, folder, logs, close };
}

export async function fileOf(path: string, name = "picture.png"): Promise<File> {
  return new File([await readFile(path)], name, { type: "image/png" });
}

/** Edits and waits for the end. */
export async function edit(
  client: EmilieClient,
  session: string,
  request: Parameters<EmilieClient["edit"]>[1],
  options?: Parameters<EmilieClient["edit"]>[2],
): Promise<JobInfo> {
  return client.finished((await client.edit(session, { steps: 2, previews: 0, ...request }, options)).id);
}

export async function bytesOf(blob: Blob | Promise<Blob>): Promise<Uint8Array> {
  return new Uint8Array(await (await blob).arrayBuffer());
}
