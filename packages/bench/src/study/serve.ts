/** A study on a port of this machine, until it is closed. */

import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join, resolve } from "node:path";
import { createAdaptorServer } from "@hono/node-server";
import { listen, shut } from "../library.ts";
import { benchRoot } from "../package-root.ts";
import { createStudyApp } from "./app.ts";
import { readStudy } from "./file.node.ts";

/** Only this machine: raters sit before it, and nobody else sees the pictures. */
const HOST = "127.0.0.1";
export const STUDY_PORT = 7861;

export interface RunningStudy {
  readonly url: string;
  close(): Promise<void>;
}

/** @throws EmilieError study.invalid, server.busy where the port is taken */
export async function serveStudy(
  file: string,
  { port = STUDY_PORT, log = () => {} }: { port?: number; log?: (line: string) => void } = {},
): Promise<RunningStudy> {
  const path = resolve(file);
  const page = join(benchRoot(), "study-page");
  const app = createStudyApp(await readStudy(path), { file: path, page, host: HOST, log });
  const server = createAdaptorServer({ fetch: app.fetch }) as Server;
  server.headersTimeout = 15_000;
  await listen(server, port, HOST);
  return {
    url: `http://${HOST}:${(server.address() as AddressInfo).port}`,
    close: () => shut(server),
  };
}
