/** emilie as a server of the Model Context Protocol: an assistant opens a picture, edits it, looks, and goes on. */
import type { Readable, Writable } from "node:stream";
import { McpServer } from "@modelcontextprotocol/server";
import { StdioServerTransport, serveStdio } from "@modelcontextprotocol/server/stdio";
import type { NodeDevice } from "../models/load.node.ts";
import { crop, expand } from "./canvas.ts";
import { close } from "./close.ts";
import { compare } from "./compare.ts";
import { branch, edit } from "./edit.ts";
import { exportFile } from "./export.ts";
import { history } from "./history.ts";
import { boundedLines } from "./lines.ts";
import { open } from "./open.ts";
import { Roots } from "./roots.ts";
import { register } from "./tool.ts";
import { redo, undo } from "./undo.ts";
import { Workspace } from "./workspace.ts";

export interface McpOptions {
  readonly version: string;
  /** As loadModel takes it. */
  readonly model: string;
  /** Where it runs, as loadModel takes it. Default "cpu". */
  readonly device?: NodeDevice;
  /** The only folders that files are read from and written to. */
  readonly roots: readonly string[];
  /** Told what goes wrong beside the answers. */
  readonly onError: (error: Error) => void;
  readonly stdin: Readable;
  readonly stdout: Writable;
}

const INSTRUCTIONS =
  "Edits pictures step by step. Open a picture, edit it with short instructions, look at each result, continue. Give a mask (a box in pixels) for " +
  "anything local: outside it every pixel stays the same. If a result is not right, undo and try another seed or wording, or branch from an " +
  "earlier node. Nothing is written to disk before export.";

/** Serves one client until its end of the pipe closes. Throws option.invalid for a root that is no folder. */
export async function serveMcp(options: McpOptions): Promise<void> {
  const { version, model, device, roots, onError, stdin, stdout } = options;
  const workspace = new Workspace(await Roots.open(roots), model, device);
  const ended = new Promise<void>((resolve) => {
    stdin.once("end", resolve);
    stdin.once("close", resolve);
  });
  const handle = serveStdio(() => createServer(version, workspace), {
    transport: new StdioServerTransport(boundedLines(stdin, stdout), stdout),
    onerror: onError,
  });
  try {
    await ended;
  } finally {
    await handle.close();
    await workspace.dispose();
  }
}

function createServer(version: string, workspace: Workspace): McpServer {
  const server = new McpServer({ name: "emilie", version }, { instructions: INSTRUCTIONS });
  register(server, "open", open, workspace);
  register(server, "edit", edit, workspace);
  register(server, "branch", branch, workspace);
  register(server, "crop", crop, workspace);
  register(server, "expand", expand, workspace);
  register(server, "compare", compare, workspace);
  register(server, "undo", undo, workspace);
  register(server, "redo", redo, workspace);
  register(server, "history", history, workspace);
  register(server, "export", exportFile, workspace);
  register(server, "close", close, workspace);
  return server;
}
