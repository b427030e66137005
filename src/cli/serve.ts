/** `emilie serve` and `emilie studio`: the server, until Ctrl-C. */

import { chmodSync, readFileSync } from "node:fs";
import { type Command, InvalidArgumentError } from "commander";
import type { Precision } from "../checkpoint/derived.ts";
import { listModels } from "../models/list.node.ts";
import type { NodeDevice } from "../models/load.node.ts";
import { DEFAULT_PORT, TOKEN } from "../server/limits.ts";
import type { Context } from "./context.ts";
import { databaseOf, databaseOptions } from "./database-options.ts";
import { UsageError } from "./errors.ts";
import { deviceOption, fitOption, precisionOption, vaeOption } from "./model-options.ts";
import { openInBrowser } from "./open-browser.ts";
import { portNumber } from "./options.ts";
import type { Output } from "./output.ts";

const SERVE_HELP = `
Examples:
  $ emilie serve
  $ emilie serve --port 8080 --model timbrooks/instruct-pix2pix --precision int8
  $ emilie serve --host 0.0.0.0 --token-file ~/.emilie-token
  $ emilie serve --database postgres://emilie@db/emilie --blobs s3://pictures   (with emilie worker: docs/scale.md)
  $ curl http://127.0.0.1:${DEFAULT_PORT}/v1/images/edits -F image=@photo.png -F prompt="make it winter"

The API is documented at /docs and /openapi.json; programs written for OpenAI's image API use /v1 as their base URL.`;

const STUDIO_HELP = `
Examples:
  $ emilie studio
  $ emilie studio --port 8080 --model timbrooks/instruct-pix2pix
  $ emilie studio --no-open

It serves the same page and API as emilie serve.`;

const COMMON_HELP = `
By default only this machine can reach the server. With any other --host, every request needs a token: the one
from --token-file or $EMILIE_TOKEN, or else a random one. It is printed once, with the address. --token works too, but makes the
token visible to everybody who can list this machine's processes.
Sessions are kept in --data (default: $EMILIE_DATA, or .emilie in your home folder) across restarts.`;

interface Flags {
  readonly port: number;
  readonly host: string;
  readonly database?: string;
  readonly blobs?: string;
  readonly migrate?: boolean;
  readonly data?: string;
  readonly model?: string;
  readonly device?: NodeDevice;
  readonly precision?: Precision;
  readonly vae?: string;
  readonly previewVae?: string;
  readonly token?: string;
  readonly tokenFile?: string;
  readonly allowHost?: string[];
  readonly allowOrigin?: string[];
  readonly publicUrl?: string;
  readonly workerMemory?: number;
  readonly quiet?: boolean;
  readonly json?: boolean;
  readonly open?: boolean;
}

export function addServe(program: Command, context: Context): void {
  databaseOptions(serverCommand(program, "serve", "start the editing server, for programs and the studio"))
    .option("--migrate", "with --database: first create its tables, or upgrade them to this version")
    .option("--json", "print one JSON document with the address on stdout and nothing else")
    .addHelpText("after", SERVE_HELP + COMMON_HELP)
    .action((flags: Flags) =>
      context.run(flags.json ?? false, (output) =>
        serve({ ...flags, database: databaseOf(flags, output) }, false, output),
      ),
    );
}

export function addStudio(program: Command, context: Context): void {
  serverCommand(program, "studio", "open the studio in the browser")
    .option("--no-open", "only print the address")
    .addHelpText("after", STUDIO_HELP + COMMON_HELP)
    .action((flags: Flags) => context.run(false, (output) => serve(flags, flags.open !== false, output)));
}

/** What both take. */
function serverCommand(program: Command, verb: string, description: string): Command {
  return program
    .command(verb)
    .description(description)
    .option("--port <port>", "the port to listen on; 0 picks a free one", portNumber, DEFAULT_PORT)
    .option("--host <host>", "the address to listen on", "127.0.0.1")
    .option("--data <folder>", "the folder for sessions and jobs")
    .option("--model <model>", "the model for new sessions (default: picturebook)")
    .addOption(deviceOption())
    .addOption(precisionOption())
    .addOption(fitOption())
    .addOption(vaeOption())
    .option("--preview-vae <path>", "a tiny autoencoder for previews only, which makes them faster")
    .option(
      "--token-file <file>",
      "a file with the token that every request must carry (default: $EMILIE_TOKEN, else none on this machine, random elsewhere)",
    )
    .option("--token <token>", "the token itself; visible to other users in the process list")
    .option("--allow-host <name...>", "additional host names that requests may use, as behind a proxy")
    .option(
      "--allow-origin <origin...>",
      'additional origins whose pages may use the server ("*": any, with a token)',
    )
    .option(
      "--public-url <url>",
      "the address at which clients reach the server, if the proxy does not send it",
    )
    .option("--worker-memory <MB>", "stop an edit that uses more memory than this", megabytes)
    .option("--quiet", "do not log requests");
}

async function serve(flags: Flags, openPage: boolean, output: Output): Promise<void> {
  const { port, host, data, model, device, precision, vae, previewVae, allowHost, allowOrigin, publicUrl } =
    flags;
  const token = readToken(flags, output);
  const { workerMemory, quiet, database, blobs, migrate } = flags;
  const options = {
    ...{ port, host, data, database, blobs, migrate, model, device, precision, vae, previewVae, token },
    allowedHosts: allowHost,
    allowedOrigins: allowOrigin,
    publicUrl,
    workerMemory: workerMemory && workerMemory * 1e6,
    log: quiet ? undefined : (line: string) => output.note(line),
  };
  // Loaded here, so that help and completion do not wait for a server.
  const { start } = await import("../server/start.ts");
  const server = await start(options, listModels);
  const page = server.token === null ? `${server.url}/` : `${server.url}/?token=${server.token}`;
  output.document({ url: server.url, token: server.token, pid: process.pid });
  output.say(`emilie listens at ${page}`);
  output.say(`  API        ${server.url}/docs`);
  output.say(`  OpenAI     base address ${server.url}/v1, key: ${server.token ?? "any"}`);
  output.say("Ctrl-C stops it; sessions are kept.");
  if (openPage) openInBrowser(page);
  const stopped = new Promise<null>((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => resolve(null));
  });
  const lost = await Promise.race([stopped, server.lost]);
  if (lost) throw lost;
  await server.close();
}

/** The token, from where its user has put it. Undefined where that is nowhere. */
function readToken({ token, tokenFile }: Flags, output: Output): string | undefined {
  const inEnvironment = process.env.EMILIE_TOKEN || undefined;
  // No child of ours needs it.
  delete process.env.EMILIE_TOKEN;
  if (token !== undefined && tokenFile !== undefined)
    throw new UsageError("--token and --token-file both set the token. Give only one of them.");
  if (token !== undefined) {
    output.warn(
      "--token shows the token to everybody who can list this machine's processes. Use --token-file, or EMILIE_TOKEN in the environment.",
    );
    return token;
  }
  return tokenFile === undefined ? inEnvironment : readTokenFile(tokenFile);
}

/** A token is one line. The file is closed to others, where it is ours to close. */
function readTokenFile(file: string): string {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    throw new UsageError(
      `--token-file ${file} cannot be read: ${(error as Error).message}. Make one with: openssl rand -hex 16 > ${file}`,
    );
  }
  const token = text.trim();
  // The server says what a token is made of, but not whence it came.
  if (!TOKEN.test(token)) {
    throw new UsageError(
      `--token-file ${file}: expected one line of 8 to 200 visible ASCII characters without spaces, got ${text.length} characters.`,
    );
  }
  try {
    chmodSync(file, 0o600);
  } catch {
    // Another's file, or a secret that was mounted read-only.
  }
  return token;
}

export function megabytes(text: string): number {
  const value = /^\d{1,8}$/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= 100)) throw new InvalidArgumentError("Expected megabytes, at least 100.");
  return value;
}
