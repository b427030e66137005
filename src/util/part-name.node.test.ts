import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { partName } from "./part-name.node.ts";
import { OWNER, ownerLives, ownerOf } from "./process-identity.node.ts";

/** A number that no process has. */
const GONE = 4_194_305;
/** This process's number, as an earlier process had it. */
const EARLIER = OWNER.replace(/\d+$/, "1");
const ELSEWHERE = `00000000-${process.pid}-1`;

it.skipIf(process.platform !== "linux")("a process is told from another that had its number", () => {
  expect(ownerLives(OWNER)).toBe(true);
  expect(ownerLives(`${OWNER}-0123abcd`)).toBe(true);
  expect(ownerLives(ownerOf(process.ppid))).toBe(true);
  expect(ownerLives(EARLIER)).toBe(false);
  expect(ownerLives(ownerOf(GONE))).toBe(false);
  for (const unknown of [ELSEWHERE, "", "paused", `${process.pid}`]) expect(ownerLives(unknown)).toBe(null);
});

it.skipIf(process.platform !== "linux")(
  "removes what killed processes have left, and nothing else",
  async () => {
    const folder = await mkdtemp(join(tmpdir(), "emilie-part-"));
    onTestFinished(() => rm(folder, { recursive: true }));
    const kept = [
      `.emilie.${OWNER}-00000000.part`,
      `.emilie.${ELSEWHERE}-00000000.part`,
      ".emilie.part",
      "a.part",
    ];
    const left = [GONE].map((pid) => `.emilie.${ownerOf(pid)}-00000000.part`);
    left.push(`.emilie.${EARLIER}-00000000.part`);
    for (const name of [...kept, ...left]) await writeFile(join(folder, name), "x");
    const name = await partName(join(folder, "picture.png"));
    expect(dirname(name)).toBe(folder);
    expect((await readdir(folder)).sort()).toEqual([...kept].sort());
    // By another process it would be found again.
    expect(basename(name)).toContain(OWNER);
  },
);
