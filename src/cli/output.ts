/**
 * What the command line says and where: the report on stdout, progress and warnings on stderr, and with --json exactly
 * one document on stdout and nothing else. Every text goes through printable.ts on its way out, so that no instruction of a
 * stranger's session steers the terminal.
 */
import { onOneLine, printable, printableJson } from "../session/script/printable.ts";

export interface Stream {
  write(text: string): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
}

export interface Streams {
  readonly stdout: Stream;
  readonly stderr: Stream;
}

/** Between two lines of something that takes long. */
const STEADY_MS = 1000;

export class Output {
  /** Everything warned about, for the JSON document. */
  readonly warnings: string[] = [];
  /** Whether the one document of --json has been printed. */
  documented = false;
  #progressShown = false;
  #lastQuarter = -1;
  #lastSteady = Number.NEGATIVE_INFINITY;
  #lastText = "";

  constructor(
    readonly json: boolean,
    private readonly streams: Streams,
  ) {}

  /** A line of the report; silent with --json. */
  say(line = ""): void {
    if (this.json) return;
    this.#clearProgress();
    this.streams.stdout.write(`${printable(line)}\n`);
  }

  /** Whether a person looks at the report. */
  get isTerminal(): boolean {
    return !this.json && this.streams.stdout.isTTY === true;
  }

  /** Escape sequences of ours among the report, as they are; silent with --json. */
  raw(text: string): void {
    this.#clearProgress();
    if (!this.json) this.streams.stdout.write(text);
  }

  warn(line: string): void {
    this.warnings.push(line);
    this.note(`Note: ${line}`);
  }

  /** A line on stderr. */
  note(line: string): void {
    this.#clearProgress();
    this.streams.stderr.write(`${printable(line)}\n`);
  }

  /**
   * One line that is rewritten at every step on a terminal; elsewhere a line at each quarter of the way.
   * `done` steps of `total` took `seconds` in all.
   */
  progress(label: string, done: number, total: number, seconds: number): void {
    const left = done > 0 ? `, ${formatSeconds((seconds / done) * (total - done))} left` : "";
    this.progressLine(`${label}: step ${done} of ${total}${done < total ? left : ""}`, done, total);
  }

  /** The same with words of its own; `done` of `total` in any unit. */
  progressLine(line: string, done: number, total: number): void {
    const text = onOneLine(line);
    if (this.streams.stderr.isTTY) {
      const width = Math.max(20, (this.streams.stderr.columns ?? 80) - 1);
      const bar = "█".repeat(Math.round((12 * done) / total)).padEnd(12, "░");
      this.streams.stderr.write(`\r\x1b[K${`${bar} ${text}`.slice(0, width)}`);
      this.#progressShown = true;
      return;
    }
    const quarter = Math.floor((4 * done) / total);
    if (quarter === this.#lastQuarter && done > 1) return;
    this.#lastQuarter = quarter;
    if (quarter > 0) this.streams.stderr.write(`${text}\n`);
  }

  /** As progressLine, but elsewhere than on a terminal a line every second or two: for what nobody should take for a standstill. */
  steadyLine(text: string, done: number, total: number): void {
    if (this.streams.stderr.isTTY) {
      this.progressLine(text, done, total);
      return;
    }
    const now = performance.now();
    const ended = done >= total && text !== this.#lastText;
    if (now - this.#lastSteady < STEADY_MS && !ended) return;
    [this.#lastSteady, this.#lastText] = [now, text];
    this.streams.stderr.write(`${text}\n`);
  }

  /** The one document of --json. */
  document(value: unknown): void {
    this.#clearProgress();
    this.documented = true;
    if (this.json) this.streams.stdout.write(`${printableJson(JSON.stringify(value, null, 2))}\n`);
  }

  #clearProgress(): void {
    if (this.#progressShown) this.streams.stderr.write("\r\x1b[K");
    this.#progressShown = false;
  }
}

export function formatSeconds(seconds: number): string {
  if (seconds < 90) return `${seconds.toFixed(seconds < 9.95 ? 1 : 0)} s`;
  return `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;
}

/** 12345 → "12,345". */
export function formatCount(count: number): string {
  return count.toLocaleString("en-US");
}

/** 859520964 → "859.5 M": three or four figures and a unit. */
export function formatLarge(value: number, unit = ""): string {
  const prefixes = ["", "k", "M", "G", "T"];
  let power = 0;
  let scaled = value;
  while (scaled >= 999.95 && power < prefixes.length - 1) {
    scaled /= 1000;
    power++;
  }
  const digits = power === 0 ? 0 : 1;
  return `${scaled.toFixed(digits)} ${prefixes[power]}${unit}`.trim();
}
