/**
 * The rooms of the house and the doors between them. What may import what is a table; a new door is a decision, made
 * here and not by accident.
 */
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { describe, expect, it } from "vitest";

/** What every room needs: errors, limits on what comes from outside, one rule for the names of options, and small tools that know nothing of any room. */
const OPEN = ["errors.ts", "limits.ts", "input/options.ts", "input/names.ts", "input/input-error.ts"];
const isOpen = (file: string) => OPEN.includes(file) || file.startsWith("util/");

const root = resolve(import.meta.dirname, "../..");
const src = join(root, "src");
/** The benchmark's package, seen from src/. */
const BENCH = "../packages/bench/src/";

/**
 * OPEN is open to all. "contract" is src/method/edit-model.ts: what the method knows about any editor. "settings" is the table of an
 * edit's settings, from which every interface is made (src/method/settings.ts and what is derived from it).
 */
const DOORS: Readonly<Record<string, readonly string[]>> = {
  util: [],
  tensor: [],
  graph: ["tensor"],
  checkpoint: ["contract", "settings", "tensor"],
  settings: ["contract", "tensor", "samplers", "method"],
  // Weights are placed by their storage; a session takes them as they are placed.
  runtime: ["contract", "tensor", "graph", "checkpoint"],
  // Whether a checkpoint's schedule can be sampled is tried when it is loaded.
  // A network that looks at pictures resizes them first.
  networks: ["contract", "tensor", "graph", "checkpoint", "runtime", "samplers", "images"],
  models: ["contract", "graph", "method", "tensor", "checkpoint", "runtime", "networks"],
  // What a prediction is, the contract says.
  samplers: ["contract", "tensor"],
  method: ["contract", "settings", "tensor", "samplers"],
  images: ["tensor"],
  // What comes from outside: names, values, pictures as text. One rule for every door.
  input: [],
  // A saved session is a safetensors file, and loads its model by name (store.node.ts).
  session: ["contract", "settings", "tensor", "samplers", "method", "images", "checkpoint", "models"],
  mcp: ["input", "contract", "settings", "method", "images", "session", "models", "checkpoint"],
  // A package of its own: between it and the library there are two doors (BENCH_DOORS).
  bench: [],
  // The typed client knows the server's messages, as types, and no code of it.
  client: ["server"],
  server: [
    "input",
    "contract",
    "settings",
    "tensor",
    "samplers",
    "method",
    "images",
    "session",
    "models",
    "checkpoint",
    "runtime",
  ],
  cli: [
    ...["contract", "settings", "tensor", "samplers", "method", "images", "session", "networks"],
    "models",
    ...["checkpoint", "runtime"],
    "mcp",
    "server",
  ],
};

/** Where one package imports the other: what a build replaces by the other's published name (tsdown.config.ts). */
const BENCH_DOORS: Readonly<Record<string, string>> = {
  [`${BENCH}library.ts`]: "internal.ts",
  "cli/bench-package.ts": `${BENCH}index.ts`,
};

/** Packages that a room may use; everybody else leaves them alone. */
const PACKAGES: Readonly<Record<string, readonly string[]>> = {
  "onnxruntime-node": ["runtime"],
  "onnxruntime-web": ["runtime"],
  sharp: ["images"],
  "any-ascii": ["images"],
  commander: ["cli", "bench"],
  yaml: ["session"],
  zod: ["input", "settings", "checkpoint", "networks", "models", "session", "server", "cli", "mcp", "bench"],
  hono: ["server", "bench"],
  "@hono/node-server": ["server", "bench"],
  "@hono/zod-openapi": ["server"],
  "@fastify/busboy": ["server"],
  // Optional: only --database and --blobs load them.
  pg: ["server"],
  "pg-boss": ["server"],
  s3mini: ["server"],
  "@modelcontextprotocol/server": ["mcp"],
  "@bufbuild/protobuf": ["graph"],
  hyparquet: ["bench"],
  "@huggingface/jinja": ["networks"],
  "@huggingface/tokenizers": ["networks"],
};

interface Import {
  readonly file: string;
  readonly target: string;
  readonly typeOnly: boolean;
}

/** All source files but tests, relative to src/: the library's and the benchmark's. */
const files = [src, join(root, "packages/bench/src")]
  .flatMap((folder) =>
    readdirSync(folder, { recursive: true, encoding: "utf8" }).map((file) =>
      relative(src, join(folder, file)),
    ),
  )
  .map((file) => file.replaceAll("\\", "/"))
  .filter((file) => /\.(ts|mjs)$/.test(file) && !file.endsWith(".test.ts"))
  .sort();
const imports = files.flatMap(importsOf);

/** Static imports and re-exports, and import("…") with a plain string. Relative targets become paths below src/. */
function importsOf(file: string): Import[] {
  const text = readFileSync(join(src, file), "utf8");
  const statics = text.matchAll(/^\s*(?:import|export)\s+(type\s)?(?:[^"';]*?\sfrom\s+)?"([^"]+)"/gm);
  const dynamics = text.matchAll(/\bimport\(\s*"([^"]+)"\s*\)/g);
  const found = [
    ...Array.from(statics, ([, type, target]) => ({ file, target: target!, typeOnly: type !== undefined })),
    ...Array.from(dynamics, ([, target]) => ({ file, target: target!, typeOnly: false })),
  ];
  return found.map((one) => {
    if (!one.target.startsWith(".")) return one;
    return { ...one, target: relative(src, join(src, dirname(file), one.target)).replaceAll("\\", "/") };
  });
}

function roomOf(file: string): string {
  if (file === "method/edit-model.ts") return "contract";
  if (/^method\/settings?(-derived)?\.ts$/.test(file)) return "settings";
  if (file.startsWith(BENCH)) return "bench";
  return file.includes("/") ? file.slice(0, file.indexOf("/")) : "entry";
}

const isPackage = (target: string) => !files.includes(target);
const packageName = (target: string) =>
  target
    .split("/")
    .slice(0, target.startsWith("@") ? 2 : 1)
    .join("/");

/** Ways that lead from a file back to it. */
function circlesOf(all: readonly { readonly file: string; readonly target: string }[]): string[] {
  const targets = new Map<string, string[]>();
  for (const { file, target } of all) targets.set(file, [...(targets.get(file) ?? []), target]);
  const done = new Set<string>();
  const circles: string[] = [];
  const visit = (file: string, path: readonly string[]) => {
    if (path.includes(file)) circles.push([...path.slice(path.indexOf(file)), file].join(" → "));
    else if (!done.has(file)) {
      for (const target of targets.get(file) ?? []) visit(target, [...path, file]);
      done.add(file);
    }
  };
  for (const file of targets.keys()) visit(file, []);
  return circles;
}

/** Files that run in Node only, by their name or their room. */
function isNodeOnly(file: string): boolean {
  return (
    /(^|\/|\.)node\.(ts|mjs)$/.test(file) ||
    file.endsWith(".source.mjs") ||
    ["cli", "mcp", "server", "bench"].includes(roomOf(file))
  );
}

describe("the rooms of src/", () => {
  it("were all found, with their imports", () => {
    expect(files.length).toBeGreaterThan(30);
    expect(imports.length).toBeGreaterThan(100);
    const rooms = new Set(files.map(roomOf));
    for (const room of Object.keys(DOORS)) expect(rooms, `room ${room}`).toContain(room);
  });

  it("are entered through the doors in the table only", () => {
    const wrong = imports.filter(({ file, target }) => {
      if (isPackage(target) || isOpen(target)) return false;
      const [from, to] = [roomOf(file), roomOf(target)];
      if (from === to || BENCH_DOORS[file] === target) return false;
      // The library works without the command line, which lends its output and options to the benchmark's verbs.
      if (from === "entry") return to === "bench" || (to === "cli" && file !== "internal.ts");
      // Types alone: what a denoiser predicts, and what a checkpoint may state of the settings.
      if (from === "contract") return !["tensor", "samplers", "settings"].includes(to);
      return !DOORS[from]?.includes(to);
    });
    expect(wrong.map(({ file, target }) => `${file} imports ${target}`)).toEqual([]);
  });

  it("use packages that they may use, and Node only in files named so", () => {
    const wrong = imports.filter(({ file, target, typeOnly }) => {
      if (!isPackage(target)) return false;
      const name = packageName(target);
      if (name.startsWith("node:")) return !isNodeOnly(file);
      if (name === "tsx") return !file.endsWith(".source.mjs");
      const rooms = PACKAGES[name];
      return !rooms?.includes(roomOf(file)) || (name === "sharp" && !isNodeOnly(file) && !typeOnly);
    });
    expect(wrong.map(({ file, target }) => `${file} imports ${target}`)).toEqual([]);
  });

  it("keep Node out of whatever the browser loads", () => {
    const reached = new Set<string>();
    const walk = (file: string) => {
      if (reached.has(file)) return;
      reached.add(file);
      for (const one of imports)
        if (one.file === file && !one.typeOnly && !isPackage(one.target)) walk(one.target);
    };
    const webEntries = files.filter((file) => /(^|\/|\.)web\.ts$/.test(file) || file === "client/index.ts");
    expect(webEntries.length).toBeGreaterThan(0);
    webEntries.forEach(walk);
    expect([...reached].filter((file) => isNodeOnly(file))).toEqual([]);
    const nodeImports = imports.filter(({ file, target }) => reached.has(file) && target.startsWith("node:"));
    expect(nodeImports.map(({ file, target }) => `${file} imports ${target}`)).toEqual([]);
  });

  it("have no circle of files, types counted: each can be read, and understood, after those that it imports", () => {
    expect(circlesOf(imports.filter(({ target }) => files.includes(target)))).toEqual([]);
  });
});

describe("the studio", () => {
  const folder = join(root, "studio/src");
  const studioImports = readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((file) => /\.tsx?$/.test(file))
    .flatMap((file) => {
      const text = readFileSync(join(folder, file), "utf8");
      return Array.from(text.matchAll(/(?:\sfrom|\bimport) "(\.[^"]+)"/g), ([, target]) => ({
        file: join("studio/src", file).replaceAll("\\", "/"),
        target: relative(root, join(folder, dirname(file), target!)).replaceAll("\\", "/"),
      }));
    });

  it("enters the library by its web entry and its client only", () => {
    expect(studioImports.length).toBeGreaterThan(50);
    const wrong = studioImports
      .map(({ target }) => target)
      .filter(
        (target) => target.startsWith("src/") && target !== "src/web.ts" && target !== "src/client/index.ts",
      );
    expect(wrong).toEqual([]);
  });

  it("has no circle of files", () => {
    expect(circlesOf(studioImports)).toEqual([]);
  });
});

describe("files", () => {
  it("are short enough to read: under 400 lines, tests, benchmarks and styles too", () => {
    const folders = [
      "src",
      "packages/bench/src",
      "studio/src",
      "studio/tests",
      ...[
        "bench",
        "cli",
        "fuzz",
        "library",
        "mcp",
        "method",
        "models",
        "parity",
        "server",
        "session",
        "support",
      ].map((subject) => `tests/${subject}`),
      "tests/browser",
      "benchmarks",
    ];
    const long = folders.flatMap((folder) =>
      readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
        .filter((file) => /\.(tsx?|mjs|css)$/.test(file))
        .map((file) => ({
          file: join(folder, file),
          lines: readFileSync(join(root, folder, file), "utf8").split("\n").length,
        }))
        .filter(({ lines }) => lines > 400),
    );
    expect(long).toEqual([]);
  });
});
