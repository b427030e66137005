/** `emilie doctor`: what this machine has, whether each part works, and what will therefore run. */
import { randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdtemp, rm, statfs, writeFile } from "node:fs/promises";
import { arch, cpus, platform, release, tmpdir, totalmem } from "node:os";
import { dirname, join } from "node:path";
import type { Command } from "commander";
import type { Precision } from "../checkpoint/derived.ts";
import { cacheFolder } from "../checkpoint/storage.node.ts";
import { isEmilieError } from "../errors.ts";
import { readPicture, writePicture } from "../images/codec.node.ts";
import { blankPicture } from "../images/picture.ts";
import type { Device } from "../method/edit-model.ts";
import { machineNow } from "../models/fit.node.ts";
import { folderBytes } from "../models/hub/cache.node.ts";
import { hubCache, hubEndpoint, hubOffline, hubToken } from "../models/hub/settings.node.ts";
import { listModels, type ModelFacts } from "../models/list.node.ts";
import { loadModel, SHIPPED } from "../models/load.node.ts";
import type { ModelPlan } from "../models/plan.ts";
import { physicalCores } from "../runtime/node.ts";
import { probeRuntime, type RuntimeFacts } from "../runtime/probe.node.ts";
import type { Context } from "./context.ts";
import { EXIT, Unsuccessful } from "./errors.ts";
import { sayDevice } from "./model-options.ts";
import { offersFor } from "./offers.ts";
import { formatLarge, formatSeconds, type Output } from "./output.ts";

const HELP = `
Examples:
  $ emilie doctor
  $ emilie doctor --json

Nothing is downloaded and no network request is made. If there is a GPU, a self-test is run on it, which takes a few seconds. The exit code is 1 if a required component does not work.`;

interface Check {
  readonly name: string;
  readonly ok: boolean;
  readonly detail: string;
  /** What to do where it is not. */
  readonly fix?: string;
}

interface Folder {
  readonly name: string;
  readonly path: string;
  readonly exists: boolean;
  readonly writable: boolean;
  readonly bytes: number;
  readonly freeBytes: number | null;
}

interface Prospect {
  readonly what: string;
  readonly works: "yes" | "slowly" | "no";
  readonly why: string;
}

export function addDoctor(program: Command, context: Context): void {
  program
    .command("doctor")
    .description("check the runtime, CPU cores, memory and caches, and report what works on this machine")
    .option("--json", "print one JSON document on stdout and nothing else")
    .addHelpText("after", HELP)
    .action((flags: { json?: boolean }) => context.run(flags.json ?? false, doctor));
}

async function doctor(output: Output): Promise<void> {
  const machine = {
    node: process.version,
    system: `${platform()} ${release()} ${arch()}`,
    processor: cpus()[0]?.model.trim() ?? "unknown",
    cores: physicalCores(),
    threads: cpus().length,
    memoryBytes: totalmem(),
    availableBytes: process.availableMemory(),
  };
  const runtime = await probeRuntime();
  const folders = [
    await probeFolder("models from the hub", hubCache()),
    await probeFolder("converted weights", cacheFolder()),
  ];
  const { models } = await listModels();
  const checks: Check[] = [
    nodeCheck(),
    {
      name: "ONNX Runtime",
      ok: runtime.version !== null,
      detail: runtime.problem ?? `${runtime.version}, ${sayBackends(runtime)}`,
      fix: "npm install onnxruntime-node --ignore-scripts",
    },
    await attempt("pictures", "npm rebuild sharp, or install emilie again", checkPictures),
    ...folders.map(folderCheck),
    await attempt("hub settings", "correct the environment variable", async () => {
      const token = hubToken();
      const offline = hubOffline() ? ", offline (HF_HUB_OFFLINE)" : "";
      return `${hubEndpoint()}, ${token ? `token from ${token.from}` : "no token"}${offline}`;
    }),
    await attempt(SHIPPED[0]!, "install emilie again", checkShipped),
  ];
  const device = await probeDevice();
  const half = device?.name === "webgpu" ? await probeDevice("fp16") : null;
  const prospects = [
    ...models.map(modelProspect),
    ...offersFor(
      models.map(({ id }) => id),
      await machineNow(cacheFolder()),
      null,
    ).map(
      ({ id, title, plan }): Prospect => ({
        what: id,
        ...prospectOf(plan, `${title}, not pulled, pictures of ${plan.width} px`),
      }),
    ),
  ];
  const ok = checks.every((check) => check.ok);
  output.document({ ok, machine, runtime, device, half, folders, checks, models, prospects });

  output.say(`Node ${machine.node} on ${machine.system}`);
  output.say(`${machine.processor}: ${machine.cores} cores, ${machine.threads} threads`);
  output.say(
    `${formatLarge(machine.memoryBytes, "B")} of memory, ${formatLarge(machine.availableBytes, "B")} available\n`,
  );
  for (const check of checks) {
    output.say(`${check.ok ? "✓" : "✗"} ${check.name}: ${check.detail}`);
    if (!check.ok && check.fix) output.say(`    ${check.fix}`);
  }
  if (device) output.say(`\nWith --device auto: ${sayDevice(device)}`);
  if (half) output.say(`In half precision (--precision fp16): ${sayDevice(half)}`);
  output.say("\nWhat will work:");
  const mark = { yes: "✓", slowly: "~", no: "✗" };
  for (const { what, works, why } of prospects) output.say(`${mark[works]} ${what}: ${why}`);
  if (!ok) {
    const failed = checks.filter((check) => !check.ok).map(({ name }) => name);
    throw new Unsuccessful(`Failed checks: ${failed.join(", ")}.`, EXIT.failed);
  }
}

async function attempt(name: string, fix: string, run: () => Promise<string>): Promise<Check> {
  try {
    return { name, ok: true, detail: await run() };
  } catch (error) {
    const detail = isEmilieError(error) || error instanceof Error ? error.message : String(error);
    return { name, ok: false, detail, fix };
  }
}

function sayBackends({ backends }: RuntimeFacts): string {
  const names = (bundled: boolean) =>
    backends.filter((one) => one.bundled === bundled).map(({ name }) => name);
  const more = names(false).length > 0 ? ` (not installed with it: ${names(false).join(", ")})` : "";
  return `with ${names(true).join(", ")}${more}`;
}

function nodeCheck(): Check {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  const ok = major > 20 || (major === 20 && minor >= 19);
  return { name: "Node", ok, detail: process.version, fix: "emilie needs Node 20.19 or newer" };
}

async function checkPictures(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "emilie-doctor-"));
  try {
    const file = join(folder, "picture.png");
    await writePicture(blankPicture(16, 9), file);
    const { width, height } = await readPicture(file);
    if (width !== 16 || height !== 9) throw new Error(`a 16×9 picture came back as ${width}×${height}`);
    return "read and written";
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** The shipped checkpoint encodes a sentence: weights, graph and runtime work together. */
async function checkShipped(): Promise<string> {
  const start = performance.now();
  const model = await loadModel(SHIPPED[0]!);
  try {
    const { hidden } = await model.encodeText("make it winter");
    if (!hidden.data.every(Number.isFinite))
      throw new Error("its text encoding is not made of finite numbers");
  } finally {
    await model.dispose();
  }
  return `encodes a sentence, ${formatSeconds((performance.now() - start) / 1000)} with loading`;
}

/** Where the shipped checkpoint runs when it may take a graphics card; null where it does not run. */
async function probeDevice(precision?: Precision): Promise<Device | null> {
  const model = await loadModel(SHIPPED[0]!, { device: "auto", precision }).catch(() => null);
  try {
    await model?.encodeText("make it winter");
    return model?.device ?? null;
  } catch {
    return null; // checkShipped has said why
  } finally {
    await model?.dispose();
  }
}

async function probeFolder(name: string, path: string): Promise<Folder> {
  // Where a folder is still to be made, its nearest ancestor decides.
  let base = path;
  while (!existsSync(base) && dirname(base) !== base) base = dirname(base);
  const file = join(base, `.emilie-${randomUUID()}`);
  const writable = await writeFile(file, "").then(
    () => rm(file).then(() => true),
    () => false,
  );
  const disk = await statfs(base).catch(() => null);
  return {
    name,
    path,
    exists: base === path,
    writable,
    bytes: await folderBytes(path),
    freeBytes: disk && disk.bavail * disk.bsize,
  };
}

function folderCheck({ name, path, exists, writable, bytes, freeBytes }: Folder): Check {
  const size = exists ? formatLarge(bytes, "B") : "does not exist yet";
  const free = freeBytes === null ? "" : `, ${formatLarge(freeBytes, "B")} free`;
  const locked = writable ? "" : ", not writable";
  const variable = name === "converted weights" ? "EMILIE_CACHE" : "HF_HOME";
  return {
    name,
    ok: writable,
    detail: `${path} (${size}${free}${locked})`,
    fix: `Set ${variable} to a folder that you can write to.`,
  };
}

function modelProspect({ id, family, nativeSize, plan, problem }: ModelFacts): Prospect {
  if (problem !== null || plan === null) return { what: id, works: "no", why: problem ?? "" };
  return { what: id, ...prospectOf(plan, `${family}, pictures of about ${nativeSize} px`) };
}

function prospectOf(plan: ModelPlan, of: string): Pick<Prospect, "works" | "why"> {
  const taken = plan.precisions.find(({ precision }) => precision === plan.takes);
  const least = plan.precisions.toSorted((a, b) => a.memoryBytes - b.memoryBytes)[0];
  if (!taken) {
    const need = `${formatLarge(least?.memoryBytes ?? 0, "B")} of memory and ${formatLarge(least?.derivedBytes ?? 0, "B")} of disk`;
    return { works: "no", why: `${of}, needs at least ${need}; use smaller pictures or another machine` };
  }
  const slowly = taken.works === "slowly" ? "; its weights will be read from the disk in every step" : "";
  const need = `${formatLarge(taken.memoryBytes, "B")} of memory`;
  return { works: taken.works, why: `${of}, in ${taken.precision} with ${need}${slowly}` };
}
