/**
 * One peer of `npm run bench -- peers`: a process that has loaded its model and answers one request at a time, a line of JSON each way.
 * It says "ready" once it has loaded; what it cannot do it answers with "error". Its own words go to stderr. The protocol is
 * the same for emilie (peer-emilie.ts) and for Python (peers/protocol.py), and each peer takes its own time.
 */
import { type ChildProcessByStdio, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { anonymousBytesOf, watchMemory } from "./memory.ts";
import { digits, type Row } from "./record.ts";

/** What a peer is asked. */
export type Request =
  /** One UNet call, batch 1, on z, c and text (fp32 in NAME.f32 in `folder`); its output as fp32 into `out`, where given. */
  | {
      readonly do: "unet";
      readonly folder: string;
      readonly shapes: Readonly<Record<"z" | "c" | "text", readonly number[]>>;
      readonly timestep: number;
      readonly out?: string;
    }
  /** A whole edit, picture to picture. What is not given is the peer's own default. */
  | {
      readonly do: "edit";
      readonly image: string;
      readonly instruction: string;
      readonly seed: number;
      readonly out: string;
      readonly settings: EditSettings;
    };

/** "defaults": what the peer does when nothing is said. Otherwise the same for all. */
export type EditSettings =
  | "defaults"
  | { readonly steps: number; readonly textGuidance: number; readonly imageGuidance: number };

export interface Answer {
  readonly seconds: number;
  /** UNet calls that it took, where the peer counts them. */
  readonly calls?: number;
}

/** Of what the peer was made: versions, for the table. */
export interface Ready {
  readonly ready: true;
  readonly versions: Readonly<Record<string, string>>;
}

/** A peer could not do what it was asked, or could not be started; the message is the reason. */
export class PeerError extends Error {}

/**
 * Asks peers one after the other, each in a process of its own, and gives a row of each to `keep`: what `ask` makes of it, with the most anonymous memory that it had. Who cannot
 * be started or asked is left out; returns the reasons.
 */
export async function askEach(
  peers: readonly (readonly [name: string, command: readonly [string, ...string[]]])[],
  limitSeconds: number,
  ask: (peer: Peer) => Promise<Row>,
  keep: (row: Row) => void,
): Promise<string[]> {
  const skipped: string[] = [];
  for (const [name, command] of peers) {
    console.error(`${name}: loading`);
    let peer: Peer | undefined;
    try {
      peer = await Peer.start(name, command, limitSeconds);
      const row = await ask(peer);
      keep({ peer: name, ...row, anonymousGB: digits((await peer.stop()) / 1e9) });
    } catch (error) {
      await peer?.stop();
      if (!(error instanceof PeerError)) throw error;
      skipped.push(`${name}: ${error.message}`);
      console.error(`${name} is left out: ${error.message}`);
    }
  }
  return skipped;
}

/** What is kept of a peer's stderr, in characters: enough for the last error. */
const KEPT = 4000;

export class Peer {
  readonly name: string;
  ready!: Ready;
  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>;
  readonly #lines: AsyncIterator<string>;
  readonly #stopMemory: () => number;
  #stderr = "";

  private constructor(name: string, command: readonly [string, ...string[]]) {
    const [program, ...args] = command;
    this.name = name;
    this.#child = spawn(program, args, { stdio: ["pipe", "pipe", "pipe"] });
    this.#child.on("error", (error) => {
      this.#stderr += error.message;
    });
    // A peer that has ended is noticed when it does not answer.
    this.#child.stdin.on("error", () => {});
    this.#child.stderr.setEncoding("utf8").on("data", (text: string) => {
      this.#stderr = (this.#stderr + text).slice(-KEPT);
    });
    this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
    const { pid } = this.#child;
    this.#stopMemory = watchMemory(100, () => (pid === undefined ? 0 : anonymousBytesOf(pid)));
  }

  /** Starts a peer and waits until it is ready. Throws PeerError with the reason where it is not within the limit. */
  static async start(
    name: string,
    command: readonly [string, ...string[]],
    limitSeconds: number,
  ): Promise<Peer> {
    const peer = new Peer(name, command);
    try {
      const answer = await peer.#next(limitSeconds);
      if (answer.ready !== true) throw await peer.#gaveUp(`it began with ${JSON.stringify(answer)}`);
      peer.ready = answer as unknown as Ready;
      return peer;
    } catch (error) {
      // One that says why it cannot start has not ended yet.
      await peer.stop();
      throw error;
    }
  }

  /** Throws PeerError where the peer says that it cannot, ends, or takes longer than the limit; the last two end it. */
  async ask(request: Request, limitSeconds: number): Promise<Answer> {
    this.#child.stdin.write(`${JSON.stringify(request)}\n`);
    const answer = await this.#next(limitSeconds);
    if (typeof answer.seconds !== "number") throw new PeerError(`it answered ${JSON.stringify(answer)}`);
    return answer as unknown as Answer;
  }

  /** Ends the peer; the most anonymous memory that it had, in bytes. */
  async stop(): Promise<number> {
    const peak = this.#stopMemory();
    const { exitCode, signalCode } = this.#child;
    if (exitCode === null && signalCode === null && this.#child.pid !== undefined) {
      const ended = new Promise((resolve) => this.#child.once("exit", resolve));
      this.#child.kill("SIGKILL");
      await ended;
    }
    return peak;
  }

  async #next(limitSeconds: number): Promise<Record<string, unknown>> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<"late">((resolve) => {
      timer = setTimeout(() => resolve("late"), 1000 * limitSeconds);
    });
    const line = await Promise.race([this.#lines.next(), late]);
    clearTimeout(timer);
    if (line === "late") throw await this.#gaveUp(`it took longer than ${limitSeconds} s`);
    if (line.done) throw await this.#gaveUp("it ended");
    const answer = parsed(line.value);
    if (!answer) throw await this.#gaveUp(`it said ${JSON.stringify(line.value)}, which is no JSON object`);
    if (typeof answer.error === "string") throw new PeerError(answer.error);
    return answer;
  }

  async #gaveUp(what: string): Promise<PeerError> {
    await this.stop();
    const last = this.#stderr.trim().split("\n").at(-1)?.trim();
    return new PeerError(last ? `${what}: ${last}` : what);
  }
}

function parsed(line: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
