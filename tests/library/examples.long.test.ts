/**
 * Every example of the README and the guides, as it stands there: TypeScript is compiled and run, shell lines are run, JSON is
 * parsed. What cannot run here says so above itself, with a reason: <!-- not run: REASON -->
 */
import { execFile } from "node:child_process";
import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { EMILIE, entry } from "../support/command.ts";

const run = promisify(execFile);
const root = resolve(import.meta.dirname, "../..");
const tsx = import.meta.resolve("tsx");

interface Example {
  readonly title: string;
  readonly language: string;
  readonly code: string;
  /** Why it is not run. */
  readonly reason?: string;
}

const guides = (await readdir(join(root, "docs"))).filter((name) => name.endsWith(".md")).sort();
const files = ["README.md", ...guides.map((name) => `docs/${name}`)];
const examples = (await Promise.all(files.map(examplesOf))).flat();
const scripts: Record<string, string> = JSON.parse(
  await readFile(join(root, "package.json"), "utf8"),
).scripts;

async function examplesOf(file: string): Promise<Example[]> {
  const text = await readFile(join(root, file), "utf8");
  const fences = text.matchAll(/(?:<!-- not run: ([^>]+?) -->\s*\n)?^```(\w*)\n([\s\S]*?)^```$/gm);
  return Array.from(fences, ([whole, reason, named, code], i) => {
    const line = text.slice(0, text.indexOf(whole)).split("\n").length;
    const language = named || (/^(npm|npx|emilie|node) /.test(code!) ? "sh" : "text");
    return { title: `${file}, example ${i + 1} (line ${line})`, language, code: code!, reason };
  });
}

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "emilie-examples-"));
  await symlink(join(root, "examples"), join(folder, "examples"));
  await copyFile(join(root, "examples/cottage.png"), join(folder, "photo.jpg"));
  await copyFile(join(root, "examples/cottage-roof.png"), join(folder, "roof.png"));
  await mkdir(join(folder, "cache"));
});
afterAll(() => rm(folder, { recursive: true }));

const env = () => ({
  ...process.env,
  HF_HOME: join(folder, "cache"),
  HF_HUB_CACHE: "",
  EMILIE_CACHE: join(folder, "cache/converted"),
});

/** npm run emilie and npm run demo mean the source; everything else of npm is the project's own checks, and is left out. */
const SHELL = `
emilie() { "${process.execPath}" ${EMILIE.map((word) => `"${word}"`).join(" ")} "$@"; }
npm() {
  case "$1 $2" in
    "run emilie") shift 3; emilie "$@" ;;
    "run demo") shift 2; emilie demo "$@" ;;
    *) echo "npm $*: mark the example as not run" >&2; return 1 ;;
  esac
}
`;

/** Checks of the project, which this is one of. */
const isCheck = (line: string) => /^(npm (ci|test)|npm run (?!emilie|demo)|\.ci\/run)/.test(line);

describe("examples", () => {
  it("are found, and what is not run says why", () => {
    expect(examples.filter(({ language }) => language === "ts").length).toBeGreaterThan(6);
    expect(examples.filter(({ language }) => language === "sh").length).toBeGreaterThan(4);
    for (const { title, reason } of examples)
      if (reason !== undefined) expect(reason.length, title).toBeGreaterThan(10);
  });

  const runnable = examples.filter(({ reason }) => reason === undefined);

  it.each(runnable.filter(({ language }) => language === "ts"))(
    "$title",
    { timeout: 300_000 },
    async (example) => {
      const file = join(folder, `example-${examples.indexOf(example)}.mts`);
      await writeFile(file, example.code.replaceAll(/from "emilie"/g, `from "${entry("index")}"`));
      await run(process.execPath, ["--import", tsx, file], { cwd: folder, env: env() });
    },
  );

  it.each(runnable.filter(({ language }) => language === "sh"))(
    "$title",
    { timeout: 300_000 },
    async (example) => {
      const lines = example.code.split("\n").filter(Boolean);
      for (const line of lines) {
        for (const [, script] of line.matchAll(/npm run ([\w:]+)/g))
          expect(scripts, line).toHaveProperty([script!]);
      }
      const code = `${SHELL}\n${lines.filter((line) => !isCheck(line)).join("\n")}`;
      await run("bash", ["-euo", "pipefail", "-c", code], { cwd: folder, env: env() });
    },
  );

  it.each(runnable.filter(({ language }) => language === "json"))("$title", ({ code }) => {
    expect(() => JSON.parse(code)).not.toThrow();
  });

  it("compile, those that are not run too", { timeout: 300_000 }, async () => {
    const typed = examples.filter(({ language }) => language === "ts");
    for (const [i, { code }] of typed.entries()) await writeFile(join(folder, `typed-${i}.mts`), code);
    const compilerOptions = {
      paths: {
        emilie: [join(root, "src/index.ts")],
        "emilie/client": [join(root, "src/client/index.ts")],
        "emilie/server": [join(root, "src/server.ts")],
        "emilie/web": [join(root, "src/web.ts")],
        openai: [join(root, "node_modules/openai/index.d.mts")],
      },
      typeRoots: [join(root, "node_modules/@types")],
    };
    const config = { extends: join(root, "tsconfig.json"), compilerOptions, include: ["typed-*.mts"] };
    await writeFile(join(folder, "tsconfig.json"), JSON.stringify(config));
    const tsc = join(root, "node_modules/typescript-7/bin/tsc");
    const { stdout } = await run(process.execPath, [tsc, "-p", folder]).catch((error) => error);
    expect(stdout).toBe("");
  });
});

describe("the guides", () => {
  it("list every error code, and every verb", async () => {
    const source = await readFile(join(root, "src/errors.ts"), "utf8");
    const codes = [...source.slice(0, source.indexOf("class EmilieError")).matchAll(/^ {2}\| "([^"]+)"/gm)];
    expect(codes.length).toBeGreaterThan(20);
    const library = await readFile(join(root, "docs/library.md"), "utf8");
    for (const [, code] of codes) expect(library).toContain(`| \`${code}\` |`);
    const program = await readFile(join(root, "src/cli/program.ts"), "utf8");
    const verbs = [...program.matchAll(/^ {2}(\w+): async \(\) => \(await import/gm)];
    expect(verbs.length).toBeGreaterThan(8);
    const guide = await readFile(join(root, "docs/cli.md"), "utf8");
    for (const [, verb] of verbs) expect(guide).toContain(`| \`${verb}\` |`);
  });
});
