/**
 * A study by mail: one HTML file with the page, its questions in one order, and their pictures. It needs no server and no network, and nothing in it says which picture is
 * whose: pictures are numbered by addresses that only the study's secret makes. What the rater saves comes back as a file, and becomes a rater of the study.
 */
import { createHmac } from "node:crypto";
import { basename, join } from "node:path";
import { z } from "zod";
import {
  BENCH_JSON,
  convertPicture,
  EmilieError,
  encodePng,
  parseJson,
  readFileWithin,
  readPicture,
} from "../library.ts";
import { benchRoot } from "../package-root.ts";
import { readStudyPicture } from "./file.node.ts";
import { planOf } from "./plan.ts";
import { raterOf, withChoice } from "./raters.ts";
import type { Asked, Rater, Study } from "./study.ts";

/** Of WebP: nothing of it is seen, and it takes a quarter of PNG. */
const QUALITY = 95;
/** More than a page or its script ever has. */
const MAX_PART_BYTES = 1_000_000;

const answersSchema = z.strictObject({
  version: z.literal(1),
  study: z.string().regex(/^[0-9a-f]{32}$/, "expected the study's mark"),
  order: z.int().positive(),
  rater: z.string().max(100),
  choices: z
    .array(
      z.strictObject({
        side: z.enum(["left", "right"]),
        seconds: z.number().min(0).max(86_400),
        at: z.iso.datetime(),
      }),
    )
    .max(100_000),
});
export type Answers = z.infer<typeof answersSchema>;

const mark = (study: Study, of: string): string =>
  createHmac("sha256", study.secret).update(`mailed ${of}`).digest("hex").slice(0, 32);
const orderOf = (study: Study, order: number): Asked[] =>
  planOf(study.pairs.length, study.seed, `mailed page ${order}`);

/** The page with everything in it. @throws EmilieError study.invalid where a picture is gone or another one */
export async function mailedPage(path: string, study: Study, order: number): Promise<string> {
  const asked = orderOf(study, order);
  const files = new Map(
    study.pairs.flatMap(({ source, a, b }) => [source, a, b]).map((file) => [file.path, file]),
  );
  // In the order of their marks, so that a picture's number says nothing about its file.
  const names = [...files.keys()].sort((a, b) => (mark(study, a) < mark(study, b) ? -1 : 1));
  const pictures: string[] = [];
  for (const name of names) {
    // Encoded anew: a file may carry the recipe of the edit that made it. All alike, and small enough to be mailed.
    const png = await encodePng(await readPicture(await readStudyPicture(path, files.get(name)!)));
    const small = await convertPicture(png, { format: "webp", quality: QUALITY });
    pictures.push(`data:image/webp;base64,${Buffer.from(small).toString("base64")}`);
  }
  const numberOf = ({ path }: { path: string }) => names.indexOf(path);
  const questions = asked.map(({ pair: index, left }) => {
    const pair = study.pairs[index]!;
    const right = left === "a" ? "b" : "a";
    return {
      instructions: pair.instructions,
      source: numberOf(pair.source),
      left: numberOf(pair[left]),
      right: numberOf(pair[right]),
    };
  });
  return withEverything({ study: mark(study, "study"), order, questions, pictures });
}

async function withEverything(mailed: object): Promise<string> {
  const part = async (name: string) =>
    (await readFileWithin(join(benchRoot(), "study-page", name), MAX_PART_BYTES)).toString("utf8");
  const [html, own, page] = await Promise.all(["index.html", "mailed.js", "page.js"].map(part));
  let whole = html!;
  for (const name of ["page.css", "phones.css"]) {
    const css = await part(name);
    whole = whole.replace(`<link rel="stylesheet" href="/${name}" />`, () => `<style>\n${css}</style>`);
  }
  const data = JSON.stringify(mailed).replaceAll("<", "\\u003c");
  return whole.replace(
    '<script type="module" src="/page.js"></script>',
    () =>
      `<script>globalThis.mailed = ${data};</script>\n<script type="module">\n${own}</script>\n<script type="module">\n${page}</script>`,
  );
}

/** @throws EmilieError study.invalid */
export async function readAnswers(path: string): Promise<Answers> {
  const name = basename(path);
  const invalid = (what: string, cause?: unknown) =>
    new EmilieError("study.invalid", `${name} has no answers of a mailed study: ${what}`, { cause });
  const bytes = await readFileWithin(path, BENCH_JSON.length).catch((cause: Error) => {
    throw invalid(`it cannot be read: ${cause.message}`, cause);
  });
  const parsed = answersSchema.safeParse(
    parseJson(bytes.toString("utf8"), BENCH_JSON, (what, cause) => invalid(`it ${what}`, cause)),
  );
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0]!;
  throw invalid(`${issue.path.join(".") || "the whole"}: ${issue.message}`, parsed.error);
}

/**
 * The rater that these answers make. Answers that were sent before may come again, with more of them.
 *
 * @throws EmilieError study.invalid for answers of another study, or of a name under which other answers are there; option.invalid for no name of a person
 */
export function answered(study: Study, { study: of, order, rater: name, choices }: Answers): Rater {
  const refuse = (what: string) => new EmilieError("study.invalid", `The answers of ${name.trim()} ${what}`);
  if (of !== mark(study, "study"))
    throw refuse("are not of this study. Was the page made from another study's file?");
  const known = raterOf(study, name);
  const asked = orderOf(study, order);
  if (choices.length > asked.length)
    throw refuse(`are ${choices.length}, and the page has ${asked.length} questions.`);
  const start: Rater = { name: known.name, order: asked, choices: [] };
  const rater = choices.reduce((so, { side, seconds, at }, i) => {
    const { left } = asked[i]!;
    return withChoice(so, (side === "left") === (left === "a") ? "a" : "b", seconds, new Date(at));
  }, start);
  const before = known.choices;
  const goesOn = before.every((choice, i) => JSON.stringify(choice) === JSON.stringify(rater.choices[i]));
  if (before.length > 0 && !goesOn)
    throw refuse(
      "are others than those that are there under this name. Give one of the two another name in its file.",
    );
  return rater;
}
