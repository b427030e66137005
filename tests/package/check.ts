/**
 * Both packages as people get them: packed, installed in an empty project, compiled against with strict TypeScript, run, and run
 * again without the native parts. Needs a build (npm run build) and a registry. `npm run test:package`
 */
import { strict as assert } from "node:assert";
import { spawnSync } from "node:child_process";
import {
  copyFileSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

/** The shipped checkpoint is most of it. */
const MAX_UNPACKED_BYTES = 75e6;

const root = resolve(import.meta.dirname, "../..");
const folder = mkdtempSync(join(tmpdir(), "emilie-package-"));
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));

function run(command: string, args: readonly string[], cwd = folder) {
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    cwd,
    encoding: "utf8",
    maxBuffer: 1e8,
  });
  if (error) throw error;
  return { status, stdout, stderr };
}

function succeed(command: string, args: readonly string[], cwd = folder): string {
  const { status, stdout, stderr } = run(command, args, cwd);
  assert.equal(status, 0, `${command} ${args.join(" ")} ended with ${status}\n${stdout}\n${stderr}`);
  return stdout;
}

function passed(what: string): void {
  console.log(`✓ ${what}`);
}

assert(existsSync(join(root, "dist/index.mjs")), "Build first: npm run build");

interface Packed {
  readonly filename: string;
  readonly size: number;
  readonly unpackedSize: number;
  readonly files: readonly { readonly path: string }[];
}

function pack(path: string): Packed {
  const packed = JSON.parse(
    succeed("npm", ["pack", "--json", "--pack-destination", folder], join(root, path)),
  )[0] as Packed;
  const [size, unpacked] = [packed.size, packed.unpackedSize].map((bytes) => (bytes / 1e6).toFixed(1));
  passed(`packed ${packed.filename}: ${packed.files.length} files, ${size} MB, unpacked ${unpacked} MB`);
  return packed;
}

const packed = pack(".");
const paths = packed.files.map(({ path }) => path);
for (const path of [
  "dist/index.mjs",
  "dist/web.mjs",
  "dist/worker.mjs",
  "dist/cli/main.mjs",
  "LICENSE",
  "README.md",
])
  assert(paths.includes(path), `${path} is not in the package`);
const stray = paths.filter((path) => /^(src|tests|training|benchmarks|packages|node_modules)\//.test(path));
assert.deepEqual(stray, []);
assert(packed.unpackedSize <= MAX_UNPACKED_BYTES, `the package takes ${packed.unpackedSize} bytes unpacked`);
succeed(
  "npx",
  ["attw", join(folder, packed.filename), ...["--profile", "esm-only", "--exclude-entrypoints", "internal"]],
  root,
);
passed("its types resolve as its modules do (attw)");
const bench = pack("packages/bench");
for (const path of ["dist/index.mjs", "study-page/index.html", "datasets/imie-picturebook/dataset.json"])
  assert(
    bench.files.some((file) => file.path === path),
    `${path} is not in @emilie/bench`,
  );
assert(
  bench.files.every(({ path }) => !path.startsWith("src/")),
  "@emilie/bench contains its source",
);

writeFileSync(join(folder, "package.json"), JSON.stringify({ name: "trial", private: true, type: "module" }));
const { dependencies, devDependencies } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
const others = ["typescript", "@types/node"].map((name) => `${name}@${devDependencies[name]}`);
// Scripts stay off: onnxruntime-node's would download CUDA libraries.
const quiet = ["--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline"];
succeed("npm", ["install", ...quiet, `./${packed.filename}`, ...others]);
passed("installed in an empty project");

const built = readdirSync(join(root, "dist"), { recursive: true, encoding: "utf8" })
  .filter((file) => file.endsWith(".mjs"))
  .map((file) => readFileSync(join(root, "dist", file), "utf8"))
  .join("\n");
const unused = Object.keys(dependencies).filter(
  (name) => !built.includes(`"${name}"`) && !built.includes(`"${name}/`),
);
assert.deepEqual(unused, []);
assert(!existsSync(join(folder, "node_modules/@emilie")));
passed("emilie installs nothing that it does not import, and not the benchmark");
const absent = run("npx", ["emilie", "bench", "--limit", "1", "--json"]);
assert.equal(absent.status, 1);
const { error } = JSON.parse(absent.stdout);
assert.equal(error.code, "bench.missing");
assert.match(error.message, /npm install @emilie\/bench@\d/);
assert.match(succeed("npx", ["emilie", "--help"]), /study .*npm install @emilie\/bench/);
passed("without @emilie/bench: emilie bench and emilie study say what to install");

copyFileSync(join(root, "examples/cottage.png"), join(folder, "photo.jpg"));
copyFileSync(join(root, "examples/cottage-roof.png"), join(folder, "roof.png"));
writeFileSync(
  join(folder, "edit.ts"),
  `import { type FileNode, isEmilieError, loadModel, loadSession, openSession } from "emilie";

const controller = new AbortController();
let steps = 0;
try {
  const model = await loadModel("picturebook");
  const session = await openSession(model, "photo.jpg");
  const winter: FileNode = await session.edit("make it winter", {
    seed: 7,
    steps: 4,
    signal: controller.signal,
    onProgress: ({ step }) => void (steps = step + 1),
  });
  const roof = await session.edit("paint the roof blue", { mask: "roof.png", steps: 4 });
  await roof.save("out.png");
  const other = await winter.edit("make it night", { steps: 4 });
  await session.save("cottage.emilie");
  const again = await loadSession("cottage.emilie", { model });
  console.log(JSON.stringify({ steps, nodes: again.nodes.size, other: other.parent === winter }));
  await model.dispose();
} catch (error) {
  if (!isEmilieError(error)) throw error;
  console.log(JSON.stringify({ code: error.code, message: error.message }));
}
`,
);
const strict =
  "--strict --noUncheckedIndexedAccess --exactOptionalPropertyTypes --target es2022 --module nodenext --types node";
succeed("npx", ["tsc", ...strict.split(" "), "edit.ts"]);
passed("compiles with strict TypeScript, declarations included");
assert.deepEqual(JSON.parse(succeed("node", ["edit.js"])), { steps: 4, nodes: 4, other: true });
passed("edits, branches, saves and loads");

const report = JSON.parse(succeed("npx", ["emilie", "demo", "--json"]));
assert.equal(
  report.checks.length > 0 && report.checks.every((check: { passed: boolean }) => check.passed),
  true,
);
passed(`npx emilie demo: ${report.steps.length} edits as expected`);
assert.match(succeed("npx", ["emilie", "replay", "out.png", "--image", "photo.jpg"]), /same, byte for byte/);
passed("npx emilie replay makes the library's picture again");

succeed("npm", ["install", ...quiet, `./${bench.filename}`]);
const limits = ["--limit", "1", "--turns", "1", "--parts", "chains", "--scorers", "picturebook-clip"];
const benched = JSON.parse(succeed("npx", ["emilie", "bench", ...limits, "--same-steps", "2", "--json"]));
assert.equal(benched.computed, 2);
assert(existsSync(join(folder, "out/bench/report.html")));
succeed("npx", ["emilie", "bench", "--help"]);
passed("with @emilie/bench: emilie bench runs, scores and reports");
writeFileSync(
  join(folder, "study.mjs"),
  `import { spawn } from "node:child_process";
const study = spawn("npx", ["emilie", "study", "out/bench", "--method-a", "emilie", "--method-b", "image-iteration",
  "--port", "0", "--json"], { stdio: ["ignore", "pipe", "inherit"], detached: true });
let text = "";
for await (const part of study.stdout) {
  text += part;
  if (text.trimEnd().endsWith("}")) break;
}
const { url } = JSON.parse(text);
const page = await fetch(url + "/");
console.log(page.status, (await page.text()).includes("<title>"));
process.kill(-study.pid, "SIGTERM");
`,
);
assert.match(succeed("node", ["study.mjs"]), /^200 true/);
passed("emilie study serves its page");

// As where the optional package could not be installed.
rmSync(join(folder, "node_modules/onnxruntime-node"), { recursive: true });
const without = JSON.parse(succeed("node", ["edit.js"]));
assert.equal(without.code, "runtime.missing");
assert.match(without.message, /npm install onnxruntime-node/);
const doctor = run("npx", ["emilie", "doctor"]);
assert.equal(doctor.status, 1);
assert.match(
  doctor.stdout,
  /✗ ONNX Runtime: onnxruntime-node is not installed\n +npm install onnxruntime-node/,
);
passed("without onnxruntime-node: says what to install");

rmSync(join(folder, "node_modules/@img"), { recursive: true });
const blind = JSON.parse(succeed("node", ["edit.js"]));
assert.equal(blind.code, "runtime.missing");
assert.match(blind.message, /npm install sharp/);
passed("without sharp's libraries: likewise");
