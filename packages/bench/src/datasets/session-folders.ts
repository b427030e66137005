/**
 * IMIE-style sessions: a folder for each picture, with the instructions that follow on each other and a mask for those that
 * are local, as in the paper's IMIE-Bench (arXiv 2309.00613, section 4). That benchmark was not published as files, so the
 * layout is ours:
 *
 *   NAME/input.png                    the picture (.jpg, .jpeg or .webp too)
 *   NAME/instructions.txt             an instruction a line
 *   NAME/edits.json                   or, instead: [{"instruction", "kind"?, "global"?, "caption"?}, …]
 *   NAME/mask_1.png, target_1.png …   by turn, each of them only where there is one
 */
import { readdir } from "node:fs/promises";
import { basename, join } from "node:path";
import { z } from "zod";
import type { BenchItem } from "../types.ts";
import { type Draft, type LoaderContext, place, wrong } from "./draft.ts";
import { readJson, readText } from "./read-json.ts";

const words = z.string().trim().min(1).max(2000);
const edits = z
  .array(
    z.strictObject({
      instruction: words,
      kind: words.optional(),
      global: z.boolean().optional(),
      caption: words.optional(),
    }),
  )
  .min(1, "a session needs at least one instruction")
  .max(1000);

const PICTURE = /^input\.(png|jpe?g|webp)$/i;
const BY_TURN = /^(mask|target|change_mask)_(\d+)\.(png|jpe?g|webp)$/i;

/** The subfolders that hold a session. */
export async function sessionFolders(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  const folders = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  const holds = await Promise.all(
    folders.map(async (name) => {
      const files = await readdir(join(folder, name));
      return files.some((file) => file === "instructions.txt" || file === "edits.json");
    }),
  );
  return folders.filter((_, i) => holds[i]).sort();
}

export async function loadSessionFolders({ folder }: LoaderContext): Promise<Draft> {
  const names = await sessionFolders(folder);
  return { name: basename(folder), items: await Promise.all(names.map((name) => readSession(folder, name))) };
}

async function readSession(folder: string, name: string): Promise<BenchItem> {
  const files = (await readdir(join(folder, name))).sort();
  const where = place(name);
  const images = files.filter((file) => PICTURE.test(file));
  if (images.length !== 1) {
    throw wrong(
      where,
      `expected one picture input.png, .jpg or .webp in ${name}, found ${images.join(" and ") || "none"}.`,
    );
  }
  const listed = files.includes("edits.json")
    ? await readJson(join(folder, name, "edits.json"), edits)
    : await readLines(join(folder, name, "instructions.txt"), where);
  const byTurn = new Map<string, string>();
  for (const file of files) {
    const [, kind, number] = BY_TURN.exec(file) ?? [];
    if (kind === undefined) continue;
    const turn = Number(number);
    if (turn < 1 || turn > listed.length) {
      throw wrong(where, `${file} belongs to turn ${turn}, and there are turns 1 to ${listed.length}.`);
    }
    byTurn.set(`${kind.toLowerCase()} ${turn}`, join(folder, name, file));
  }
  return {
    id: name.replace(/[^\w.-]+/g, "-"),
    image: join(folder, name, images[0]!),
    turns: listed.map((edit, i) => ({
      ...edit,
      mask: byTurn.get(`mask ${i + 1}`),
      target: byTurn.get(`target ${i + 1}`),
      changeMask: byTurn.get(`change_mask ${i + 1}`),
    })),
  };
}

async function readLines(path: string, where: string): Promise<z.infer<typeof edits>> {
  const lines = (await readText(path))
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter(Boolean);
  if (lines.length === 0) throw wrong(where, "instructions.txt has no line with an instruction.");
  return lines.map((instruction) => ({ instruction }));
}
