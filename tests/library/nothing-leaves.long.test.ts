/**
 * Nothing leaves the machine, and nothing is written but where emilie says: real edits through the doors that start an inference
 * worker, in a process whose home is empty. What is in the home afterwards can be seen anywhere; where strace is installed (Linux:
 * apt-get install strace), every socket and every file that is opened for writing is seen too, those of native libraries among them.
 *
 * ONNX Runtime calls its maker some 14 seconds after it was loaded: `npm run test:quiet` stays that long. By its files it shows at once.
 */
import { spawn, spawnSync } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { EMILIE } from "../support/command.ts";

vi.setConfig({ testTimeout: 300_000 });

const SECONDS = process.env.EMILIE_QUIET_SECONDS ?? "0";
const root = resolve(import.meta.dirname, "../..");
const CHECKPOINT = join(root, "tests/fixtures/parity/sd1/checkpoint");
const CALLS =
  "%network,openat,open,creat,mkdir,mkdirat,rename,renameat,renameat2,link,linkat,symlink,symlinkat";
const canTrace = spawnSync("strace", ["-f", "-qq", "-o", "/dev/null", "true"]).status === 0;

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "emilie-quiet-"));
});
afterAll(() => rm(folder, { recursive: true }));

interface Seen {
  /** Files in the home, relative. */
  readonly home: string[];
  /** Lines of the trace; null where there is no tracer. */
  readonly trace: string[] | null;
  readonly out: string;
}

/** Runs a script of ours in a process with an empty home of its own. */
async function watch(name: string, script: string, args: (out: string) => string[]): Promise<Seen> {
  const [home, out, trace] = ["home", "out", "trace"].map((part) => join(folder, `${name}-${part}`)) as [
    string,
    string,
    string,
  ];
  await mkdir(home);
  await mkdir(out);
  const started = script === "src/cli/main.ts" ? EMILIE : ["--import", "tsx", script];
  const node = [process.execPath, ...started, ...args(out)];
  const traced = [
    "strace",
    "-f",
    "-qq",
    "--seccomp-bpf",
    "-y",
    "-s",
    "200",
    "-e",
    `trace=${CALLS}`,
    "-o",
    trace,
  ];
  const [command, ...rest] = canTrace ? [...traced, ...node] : node;
  const { ORT_DISABLE_TELEMETRY: _, XDG_CACHE_HOME: __, EMILIE_CACHE: ___, CI: ____, ...env } = process.env;
  const child = spawn(command!, rest, {
    cwd: root,
    stdio: ["ignore", "ignore", "pipe"],
    // The transformer of the sources has a cache and a pipe of its own; the package has neither.
    env: {
      ...env,
      HOME: home,
      USERPROFILE: home,
      LOCALAPPDATA: join(home, "local"),
      TMPDIR: out,
      TSX_DISABLE_CACHE: "1",
    },
  });
  let said = "";
  child.stderr.on("data", (chunk) => {
    said += chunk;
  });
  const code = await new Promise((done) => child.on("close", done));
  expect(code, said).toBe(0);
  const files = await readdir(home, { recursive: true, withFileTypes: true });
  return {
    home: files
      .filter((file) => file.isFile())
      .map((file) => join(file.parentPath, file.name).slice(home.length)),
    trace: canTrace ? (await readFile(trace, "utf8")).split("\n") : null,
    out,
  };
}

/** Sockets but those between processes of this machine's own kernel, and what was opened for writing outside of `places`. */
function strangers(trace: readonly string[], places: readonly string[]) {
  const sockets = trace.filter((line) => /AF_INET|sa_family=AF_(?!UNIX|NETLINK)/.test(line));
  const written = trace.filter(
    (line) =>
      /O_WRONLY|O_RDWR|O_CREAT|\b(?:creat|mkdir(?:at)?|rename(?:at2?)?|link(?:at)?|symlink(?:at)?)\(/.test(
        line,
      ) &&
      !/ = -1 /.test(line) &&
      !/"\/dev\/(?:null|tty)"|"\/proc\/self\//.test(line) &&
      !places.some((place) => line.includes(`"${place}`)),
  );
  return { sockets, written };
}

describe("an edit leaves nothing behind but its files, and calls nobody", () => {
  const doors = {
    library: (out: string) => ["tests/library/quiet.worker.ts", CHECKPOINT, out, SECONDS],
    "command line": (out: string) => [
      ...["src/cli/main.ts", "edit", "examples/cottage.png", "make it winter"],
      ...["--model", CHECKPOINT, "--steps", "1", "--out", out],
    ],
    "library in a thread of the user's": (out: string) => [
      "tests/library/quiet-thread.mjs",
      CHECKPOINT,
      out,
      SECONDS,
    ],
    doctor: () => ["src/cli/main.ts", "doctor"],
  };
  for (const [name, door] of Object.entries(doors)) {
    it(`by the ${name}`, async () => {
      const [script] = door("");
      const { home, trace, out } = await watch(name.replace(/\W/g, "-"), script!, (to) => door(to).slice(1));
      expect(home.filter((file) => !/^\/(?:\.cache|Library\/Caches|local)\/emilie\//.test(file))).toEqual([]);
      if (!trace) return;
      // It has seen what is there to see.
      if (name !== "doctor") expect(trace.join("\n")).toContain(`${out}/`);
      const at = join(folder, `${name.replace(/\W/g, "-")}-home`);
      const cache = join(at, ".cache");
      // The doctor tries whether the home can be written to.
      const places = [out, join(cache, "emilie"), `${cache}",`, join(at, ".emilie-")];
      expect(strangers(trace, places)).toEqual({
        sockets: [],
        written: [],
      });
    });
  }

  it.skipIf(!canTrace)("and what the runtime does by itself would be seen", async () => {
    // The same binding without our switch: the trace and the home tell.
    const { home, trace } = await watch("loud", "tests/library/loud.worker.ts", () => []);
    const { written } = strangers(trace!, [join(folder, "loud-out")]);
    // A version that no longer writes would make the test above say nothing: then this line says so.
    expect(home.length + written.length).toBeGreaterThan(0);
  });
});
