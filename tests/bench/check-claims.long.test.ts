/** npm run bench -- check-claims: the committed page holds, and a number, a bold mark, a row or a table that does not is named. */
import { execFile } from "node:child_process";
import { copyFile, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { expect, it } from "vitest";
import { checkPages } from "../../benchmarks/claimed-pages.ts";

const root = resolve(import.meta.dirname, "../..");
const page = join(root, "docs/results/README.md");

const check = (...args: string[]) => run("check-claims", ...args);

function run(name: string, ...args: string[]): Promise<{ code: number; said: string }> {
  return new Promise((done) => {
    const command = ["--import", "tsx", join(root, `benchmarks/${name}.ts`), ...args];
    execFile(process.execPath, command, { cwd: root }, (error, stdout, stderr) =>
      done({ code: Number(error?.code ?? 0), said: stdout + stderr }),
    );
  });
}

it("compares the results' page with the committed files, names what differs, and mends it when asked", async () => {
  const folder = await mkdtemp(join(tmpdir(), "emilie-claims-"));
  const text = await readFile(page, "utf8");
  const wrong = text
    .replace("| emilie | 0.95 [", "| emilie | 0.96 [")
    .replace("| 1.8 [1.6, 2.0] |", "| **1.8** [1.6, 2.0] |")
    .replace("\n## The gate\n", "\n## Of nowhere\n\n| | a |\n|---|---:|\n| b | 1 |\n\n## The gate\n");
  const copy = join(folder, "README.md");
  await writeFile(copy, wrong);
  const [held, failed] = await Promise.all([check(), check(copy)]);
  expect(held).toMatchObject({ code: 0, said: expect.stringContaining("0 differences") });
  expect(failed.code).toBe(1);
  expect(failed.said).toContain("Against other methods, emilie: the page says");
  expect(failed.said).toContain("Of nowhere: its table 1 is in no claim");
  expect(failed.said).toContain("3 differences");
  await check(copy, "--write");
  expect(await readFile(copy, "utf8")).toBe(
    wrong.replace("0.96 [", "0.95 [").replace("**1.8** [1.6", "1.8 [1.6"),
  );
  await rm(folder, { recursive: true });
});

it("compares the tables of the pages that have a file of their own", async () => {
  const folder = await mkdtemp(join(tmpdir(), "emilie-pages-"));
  const names = ["detail", "photographs"].flatMap((name) => [`${name}.md`, `${name}.json`]);
  for (const name of names) await copyFile(join(root, "docs/results", name), join(folder, name));
  expect(await checkPages(folder, false)).toMatchObject({ files: 2, problems: [] });
  const path = join(folder, "detail.md");
  const text = await readFile(path, "utf8");
  await writeFile(path, text.replace(/(\| things [^|]*\| )24/, "$125"));
  const { problems } = await checkPages(folder, true);
  expect(problems).toEqual([expect.stringContaining("| 25 |")]);
  expect(await readFile(path, "utf8")).toBe(text);
  await writeFile(path, text.replace(/\| warm .*\n/, ""));
  expect((await checkPages(folder, false)).problems).toEqual([
    expect.stringContaining('"Photographs" has no table of 8 rows'),
  ]);
  await rm(folder, { recursive: true });
});

it("the rules of success agree with the eye as far as is said", async () => {
  const { code, said } = await run("eye");
  expect(said).toContain("success.strict agrees with the eye in 90 of 100");
  expect(said).toContain("success.strict agrees with the eye in 59 of 64");
  expect(code).toBe(0);
});
