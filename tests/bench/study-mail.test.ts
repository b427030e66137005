/** A study as one page by mail: it needs no server, tells nothing, and what comes back is taken in. */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readStudy, writeStudy } from "../../packages/bench/src/study/file.node.ts";
import { type Answers, answered, mailedPage, readAnswers } from "../../packages/bench/src/study/mail.node.ts";
import { makeStudy } from "../../packages/bench/src/study/make.node.ts";
import { planOf } from "../../packages/bench/src/study/plan.ts";
import { withRater } from "../../packages/bench/src/study/raters.ts";
import type { Study } from "../../packages/bench/src/study/study.ts";
import { readPicture } from "../../src/images/codec.node.ts";
import { emilie } from "../support/command-line.ts";
import { METHODS, TITLES, writeRun } from "../support/study-fixture.ts";

let folder: string;
let file: string;
let study: Study;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "emilie-mailed-"));
  const run = await writeRun(folder, { items: 6 });
  file = join(folder, "study.json");
  study = await makeStudy(run, run, { out: file, methodA: METHODS[0], methodB: METHODS[1] });
  await writeStudy(file, study);
});
afterAll(() => rm(folder, { recursive: true }));

describe("a study by mail", () => {
  it("is one page that names no method and no file, and its answers come back as choices of the right methods", async () => {
    const html = await mailedPage(file, study, 2);
    for (const word of [...METHODS, ...TITLES, "1-2.png", study.secret, folder])
      expect(html).not.toContain(word);
    expect(html).not.toMatch(/(src|href)="\/(?!\/)/);
    const mailed = JSON.parse(/globalThis\.mailed = (.*);<\/script>/.exec(html)![1]!);
    expect(mailed.questions).toHaveLength(planOf(study.pairs.length, study.seed, "mailed page 2").length);

    // Somebody who chooses by the picture alone: the redder one, which is the second method's.
    const red = async (n: number) => {
      const picture = await readPicture(Buffer.from(mailed.pictures[n].split(",")[1], "base64"));
      return picture.data[0]!;
    };
    const choices = [];
    for (const { left, right } of mailed.questions) {
      const side = (await red(left)) > (await red(right)) ? "left" : "right";
      choices.push({ side, seconds: 1.5, at: "2026-11-30T10:00:00.000Z" });
    }
    const answers = join(folder, "answers-Kim.json");
    const given = { version: 1, study: mailed.study, order: 2, rater: "Kim", choices };
    await writeFile(answers, JSON.stringify(given));
    const rater = answered(study, await readAnswers(answers));
    expect(rater.choices.map(({ chosen }) => chosen)).toEqual(choices.map(() => "b"));
    expect(rater.order).toEqual(planOf(study.pairs.length, study.seed, "mailed page 2"));

    // Half of them first, all of them later; not other ones under the same name, nor those of another study.
    const half = { ...given, choices: choices.slice(0, 2) } as Answers;
    const begun = withRater(study, answered(study, half));
    expect(answered(begun, given as Answers).choices).toHaveLength(choices.length);
    const others = { ...given, choices: [{ ...choices[0]!, seconds: 9 }] } as Answers;
    expect(() => answered(begun, others)).toThrow(/are others than those that are there/);
    expect(() => answered({ ...study, secret: "0".repeat(64) }, given as Answers)).toThrow(
      /not of this study/,
    );
    await writeFile(answers, JSON.stringify({ ...given, order: "x" }));
    await expect(readAnswers(answers)).rejects.toThrow(
      /answers-Kim.json has no answers of a mailed study: order/,
    );
  });

  it("on the command line", async () => {
    const page = join(folder, "page.html");
    const made = await emilie("study", "page", file, "--page", page, "--order", "3");
    expect(made).toMatchObject({ code: 0, stdout: expect.stringContaining("nothing in it names a method") });
    const mailed = JSON.parse(/globalThis\.mailed = (.*);<\/script>/.exec(await readFile(page, "utf8"))![1]!);
    const answers = join(folder, "answers-Ada.json");
    const choices = [{ side: "left", seconds: 2, at: "2026-11-30T10:00:00.000Z" }];
    await writeFile(
      answers,
      JSON.stringify({ version: 1, study: mailed.study, order: 3, rater: "Ada", choices }),
    );
    const { stdout } = await emilie("study", "add", file, answers, "--json");
    expect(JSON.parse(stdout)).toMatchObject({ added: [{ rater: "Ada", answered: 1 }] });
    expect((await readStudy(file)).raters.map(({ name }) => name)).toEqual(["Ada"]);
    const twice = await emilie("study", "add", file, join(folder, "nowhere.json"));
    expect([twice.code, twice.stderr]).toEqual([1, expect.stringContaining("nowhere.json has no answers")]);
  });
});
