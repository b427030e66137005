/**
 * A PostgreSQL of the tests' own: the system's programs, a new cluster in a temporary folder, on a free port of loopback. PostgreSQL
 * does not run as root; where the tests do, it runs as another user of the machine.
 */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { Database } from "../../src/server/database/database.ts";

export interface Cluster {
  readonly port: number;
  /** Of a database with this name, and of the superuser. */
  url(database: string, user?: string): string;
  /** A new database with emilie's tables; its address. */
  create(): Promise<string>;
  /** A new database with nothing in it. */
  createEmpty(): Promise<string>;
  /** What a power failure does. The cluster is started again by start(). */
  kill(): Promise<void>;
  start(): Promise<void>;
  stop(): Promise<void>;
}

/** A kill of the processes loses nothing that was committed, whether or not the disk has it; only a kill of the machine would. */
const SETTINGS = { max_connections: "200", fsync: "off", full_page_writes: "off" };
const TEMPLATE = "emilie_template";

/** The newest installed one of version 15 or later; $PG_BIN names another. @throws where there is none */
export function postgresFolder(): string {
  const root = "/usr/lib/postgresql";
  const versions = existsSync(root)
    ? readdirSync(root)
        .map(Number)
        .filter((version) => version >= 15)
    : [];
  const folder =
    process.env.PG_BIN ?? (versions.length > 0 ? join(root, `${Math.max(...versions)}`, "bin") : undefined);
  if (folder !== undefined && existsSync(join(folder, "initdb"))) return folder;
  throw new Error(
    "These tests need PostgreSQL 15 or newer: apt-get install postgresql, or name its programs' folder with PG_BIN.",
  );
}

export async function startCluster(settings: Readonly<Record<string, string>> = {}): Promise<Cluster> {
  const bin = postgresFolder();
  const user = otherUser();
  const folder = mkdtempSync(join(tmpdir(), "emilie-postgres-"));
  if (user) chownSync(folder, user.uid, user.gid);
  const data = join(folder, "data");
  const as = { ...user, env: { ...process.env, LC_ALL: "C" }, cwd: folder };
  execFileSync(
    join(bin, "initdb"),
    ["-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync"],
    { ...as, stdio: "ignore" },
  );
  const port = await freePort();
  let child: ChildProcess | null = null;
  const url = (database: string, name = "postgres") => `postgres://${name}@127.0.0.1:${port}/${database}`;
  const options = Object.entries({ ...SETTINGS, ...settings }).flatMap(([name, value]) => [
    "-c",
    `${name}=${value}`,
  ]);
  let count = 0;

  async function start(): Promise<void> {
    child = spawn(
      join(bin, "postgres"),
      ["-D", data, "-p", `${port}`, "-h", "127.0.0.1", "-k", folder, ...options],
      {
        ...as,
        stdio: "ignore",
      },
    );
    for (let tries = 0; ; tries++) {
      const client = new pg.Client(url("postgres"));
      try {
        await client.connect();
        await client.end();
        return;
      } catch (error) {
        if (tries > 300) throw error;
        await sleep(50);
      }
    }
  }

  /** SIGQUIT: immediate shutdown, without a word to anybody and without writing anything out. SIGINT: as it is stopped. */
  async function end(signal: NodeJS.Signals): Promise<void> {
    const running = child;
    if (!running || running.exitCode !== null) return;
    const ended = new Promise((resolve) => running.once("exit", resolve));
    running.kill(signal);
    await ended;
    child = null;
  }

  async function make(from?: string): Promise<string> {
    const name = `emilie_${++count}`;
    const client = new pg.Client(url("postgres"));
    await client.connect();
    await client.query(`CREATE DATABASE ${name}${from ? ` TEMPLATE ${from}` : ""}`);
    await client.end();
    return url(name);
  }

  let template: Promise<void> | null = null;
  async function makeTemplate(): Promise<void> {
    const client = new pg.Client(url("postgres"));
    await client.connect();
    await client.query(`CREATE DATABASE ${TEMPLATE}`);
    await client.end();
    const database = await Database.open(url(TEMPLATE), { check: false });
    await database.migrate();
    await database.close();
  }

  await start();
  return {
    port,
    url,
    start,
    kill: () => end("SIGQUIT"),
    createEmpty: () => make(),
    async create() {
      template ??= makeTemplate();
      await template;
      return make(TEMPLATE);
    },
    async stop() {
      await end("SIGINT");
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Whom PostgreSQL runs as where the tests run as root. */
function otherUser(): { uid: number; gid: number } | undefined {
  if (userInfo().uid !== 0) return undefined;
  for (const name of ["postgres", "nobody"]) {
    try {
      const id = (flag: string) =>
        Number(execFileSync("id", [flag, name], { stdio: ["ignore", "pipe", "ignore"] }).toString());
      return { uid: id("-u"), gid: id("-g") };
    } catch {
      // the next one
    }
  }
  throw new Error("PostgreSQL does not run as root, and this machine has no other user.");
}

export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}
