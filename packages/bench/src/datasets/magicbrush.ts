/**
 * MagicBrush (arXiv 2306.10012): sessions of one to three turns on photographs. A split of the release as it is unpacked:
 *
 *   edit_sessions.json                   {ID: [{"input", "mask", "output", "instruction"}, …], …}
 *   images/ID/ID-input.png, ID-mask1.png, ID-output1.png, …
 *   global_descriptions.json             {ID: {FILE: caption}}; test split only
 *
 * Two protocols of the paper: "multi" runs each session through and looks at its final turn; "single" takes every turn by
 * itself, from the true picture before it. Masks are the picture with the region cut out of its alpha, sometimes at another
 * size than the picture.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import type { BenchItem, BenchTurn } from "../types.ts";
import { chooseVariant, type Draft, inside, type LoaderContext, place } from "./draft.ts";
import { readJson } from "./read-json.ts";

export const SESSIONS = "edit_sessions.json";
const CAPTIONS = "global_descriptions.json";

// The layout is not ours: keys that later releases add are no fault.
const fileName = z.string().regex(/^[\w.-]+$/, "expected a file's name without folders");
const sessions = z.record(
  z.string().regex(/^\w+$/, "expected a session's id of letters and digits"),
  z
    .array(
      z.object({
        input: fileName,
        mask: fileName,
        output: fileName,
        instruction: z.string().trim().min(1),
      }),
    )
    .min(1, "a session needs at least one turn"),
);
const captions = z.record(z.string(), z.record(z.string(), z.string()));

export async function loadMagicBrush({ folder, variant }: LoaderContext): Promise<Draft> {
  const protocol = chooseVariant("magicbrush", ["multi", "single"] as const, variant);
  const all = await readJson(join(folder, SESSIONS), sessions);
  const described = existsSync(join(folder, CAPTIONS))
    ? await readJson(join(folder, CAPTIONS), captions)
    : {};
  const items = Object.entries(all).flatMap(([id, edits]): BenchItem[] => {
    const file = (name: string, turn: number) => inside(folder, `images/${id}/${name}`, place(id, turn));
    const caption = (name: string): string | undefined => described[id]?.[name];
    const turns = edits.map(
      ({ mask, output, instruction }, i): BenchTurn => ({
        instruction,
        mask: `invert:alpha:${file(mask, i + 1)}`,
        target: file(output, i + 1),
        caption: caption(output),
      }),
    );
    const starts = edits.map(({ input }, i) => ({ image: file(input, i + 1), caption: caption(input) }));
    return protocol === "multi"
      ? [{ id, part: "multi", ...starts[0]!, turns }]
      : turns.map((turn, i) => ({ id: `${id}~turn${i + 1}`, part: "single", ...starts[i]!, turns: [turn] }));
  });
  return {
    name: `magicbrush-${protocol}`,
    licence: "CC BY 4.0",
    items,
    masksScale: true,
    resultLayout: "magicbrush",
  };
}
