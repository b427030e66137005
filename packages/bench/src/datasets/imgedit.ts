/**
 * The multi-turn suite of ImgEdit-Bench (arXiv 2505.20275; github.com/PKU-YuanGroup/ImgEdit): thirty sessions of two or three instructions. Benchmark.tar of
 * the release, unpacked; the folder is multiturn/ or one above it:
 *
 *   content_memory/annotation.json      {"id": "000066341.jpg", "turn1": …, "turn2": …, "turn3": …}, one object a line; or, as the authors'
 *                                       guide shows it, one object of such objects
 *   content_memory/000066341.jpg        the pictures, beside it
 *   content_understand/, version_backtrace/
 *
 * "chains" gives every turn what the turn before made. "branches" takes sessions as trees: a turn that withdraws the one before it starts from the version
 * before that one, so that the item is the path to it ("ID~branch3": turns 1 and 3). The words stay as they are. Which turns do so is read from their words
 * (WITHDRAWS); a session without such a turn is left a chain, and `part` tells the two apart.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import type { BenchItem } from "../types.ts";
import { chooseVariant, type Draft, inside, type LoaderContext, wrong } from "./draft.ts";
import { parseIndex, readText } from "./read-json.ts";

const SUITES = ["content_memory", "content_understand", "version_backtrace"] as const;
const INDEX = "annotation.json";

const words = z.string().trim().min(1);
const session = z.object({
  id: z.string().regex(/^[\w.-]+$/, "expected a picture's name without folders"),
  turn1: words,
  turn2: words,
  turn3: words.optional(),
});
type Session = z.infer<typeof session>;

/** A turn that takes the one before it back: "withdraw the previous round of modifications, …", "undo the last edit and …". */
export const WITHDRAWS =
  /\b(withdraw|undo|revert|cancel|discard|roll(ing)? back|take back)\b[^,.;]*\b(previous|last|prior|preceding|latest|(second|2nd) (round|turn|edit|step)|(round|turn|step) ?(2|two))\b/i;

const rootOf = (folder: string): string | undefined =>
  [folder, join(folder, "multiturn"), join(folder, "Benchmark/multiturn")].find((root) =>
    SUITES.some((suite) => existsSync(join(root, suite, INDEX))),
  );

export const isImgEdit = (folder: string): boolean => rootOf(folder) !== undefined;

export async function loadImgEdit({ folder, variant }: LoaderContext): Promise<Draft> {
  const form = chooseVariant("imgedit", ["chains", "branches"] as const, variant);
  const root = rootOf(folder)!;
  const present = SUITES.filter((suite) => existsSync(join(root, suite, INDEX)));
  const items = await Promise.all(present.map((suite) => readSuite(root, suite, form === "branches")));
  return { name: `imgedit-multiturn-${form}`, items: items.flat() };
}

async function readSuite(root: string, suite: string, branches: boolean): Promise<BenchItem[]> {
  const name = `${suite}/${INDEX}`;
  const sessions = readSessions(await readText(join(root, suite, INDEX)), name);
  return sessions.map(({ id, turn1, turn2, turn3 }) => {
    const stem = id.replace(/\.\w+$/, "");
    const image = inside(join(root, suite), id, `${name}, ${id}`);
    const turn = (instruction: string) => ({ instruction });
    // A withdrawal in the second turn goes back to the original.
    const back = [turn2, turn3].findIndex((text) => text !== undefined && WITHDRAWS.test(text)) + 2;
    if (branches && back >= 2) {
      const path = back === 2 ? [turn2, turn3] : [turn1, turn3];
      return {
        id: `${suite}-${stem}~branch${back}`,
        part: `${suite}.branch`,
        image,
        turns: path.flatMap((text) => (text === undefined ? [] : turn(text))),
      };
    }
    const turns = [turn1, turn2, turn3].flatMap((text) => (text === undefined ? [] : turn(text)));
    return { id: `${suite}-${stem}`, part: suite, image, turns };
  });
}

/** One object a line, or one object of numbered ones, whichever the file is. */
function readSessions(text: string, name: string): Session[] {
  const lines = text.split(/\r?\n/).map((line, i) => ({ line: line.trim(), number: i + 1 }));
  const filled = lines.filter(({ line }) => line !== "");
  if (filled.length === 0) throw wrong(name, "is empty; expected a session a line.");
  if (filled.every(({ line }) => line.startsWith("{") && line.endsWith("}")) && !isNumbered(filled[0]!.line))
    return filled.map(({ line, number }) => parseIndex(line, `${name}, line ${number}`, session));
  return Object.values(parseIndex(text, name, z.record(z.string(), session)));
}

const isNumbered = (line: string): boolean => /^\{\s*"[^"]*"\s*:\s*\{/.test(line);
