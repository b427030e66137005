/**
 * What a benchmark leaves behind with --json: its rows, the command that made them, and the machine. `npm run bench -- speed-report`
 * makes the page of them.
 */
import { readFileSync } from "node:fs";
import { arch, cpus, platform, totalmem } from "node:os";
import { basename, isAbsolute } from "node:path";
import { physicalCores } from "../src/runtime/node.ts";

/** A cell: a number, a word, or nothing where nothing could be measured. */
export type Row = Readonly<Record<string, number | string | null>>;

export interface BenchRecord {
  /** As in `npm run bench -- NAME`. */
  readonly bench: string;
  /** Which block of the page it belongs to, where a benchmark has several: "full-size", "picturebook". */
  readonly subject?: string;
  /** The command, to be typed again. */
  readonly command: string;
  readonly machine: Machine;
  /** One table; rows may lack columns. */
  readonly rows: readonly Row[];
  /** What was asked for and could not be had, each with its reason. */
  readonly skipped?: readonly string[];
  /** Of the programs that took part. */
  readonly versions?: readonly string[];
}

export interface Machine {
  readonly processor: string;
  /** Physical cores, as far as this process may use them. */
  readonly cores: number;
  readonly memoryGB: number;
  /** Instructions for matrix products that the processor has: they decide what int8 and bf16 are worth. */
  readonly instructions: string;
  readonly system: string;
  readonly node: string;
  readonly onnxruntime: string;
}

/** Vector and matrix instructions by their names in /proc/cpuinfo. */
const INSTRUCTIONS = ["avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_tile", "asimddp", "bf16"];

export function machine(): Machine {
  return {
    processor: cpus()[0]?.model.trim() ?? "unknown",
    cores: physicalCores(),
    memoryGB: Math.round(totalmem() / 2 ** 30),
    instructions: instructions(),
    system: `${platform()} ${arch()}`,
    node: process.version,
    onnxruntime: packageVersion("onnxruntime-node"),
  };
}

/** The machine in a sentence. */
export function describeMachine(m: Machine): string {
  const { processor, cores, memoryGB, instructions, system, node, onnxruntime } = m;
  return `${processor}, ${cores} core${cores === 1 ? "" : "s"}, ${memoryGB} GB, ${instructions}; ${system}, Node ${node}, ONNX Runtime ${onnxruntime}`;
}

/** What `npm run bench -- NAME …` was called with; where files lie on this machine is nobody's business. */
export function commandLine(bench: string, args: readonly string[] = process.argv.slice(2)): string {
  const words = args
    .filter((word) => word !== "--json")
    .map((word) => (isAbsolute(word) ? basename(word) : word))
    .map((word) => (/\s/.test(word) ? `"${word}"` : word));
  return [`npm run bench -- ${bench}`, ...words].join(" ");
}

/** What a benchmark prints with --json. */
export function record(
  bench: string,
  rows: readonly Row[],
  more: Pick<BenchRecord, "subject" | "skipped" | "versions"> = {},
): BenchRecord {
  return { bench, ...more, command: commandLine(bench), machine: machine(), rows };
}

/** A number with three digits that count, as far as tables go. */
export function digits(value: number, count = 3): number {
  return Number(value.toPrecision(count));
}

function instructions(): string {
  try {
    const flags = /^(?:flags|Features)\s*:(.*)$/m.exec(readFileSync("/proc/cpuinfo", "utf8"))?.[1] ?? "";
    const known = new Set(flags.trim().split(/\s+/));
    return INSTRUCTIONS.filter((name) => known.has(name)).join(" ") || "none known";
  } catch {
    return process.arch;
  }
}

/** The installed version, as npm knows it: benchmarks say what they measured, not what package.json allows. */
function packageVersion(name: string): string {
  try {
    const url = new URL(`../node_modules/${name}/package.json`, import.meta.url);
    return JSON.parse(readFileSync(url, "utf8")).version;
  } catch {
    return "not installed";
  }
}
