/** The measurements of `npm run bench -- presets`: one row for each setting and held-out picture, kept in a file as they are made. */
import { existsSync, readFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { errors } from "../../packages/bench/src/picture-metrics.ts";
import { openSession, readPicture } from "../../src/index.ts";
import type { EditModel } from "../../src/method/edit-model.ts";
import { writeAtomically } from "../../src/session/file/atomic.node.ts";
import type { Settings } from "./settings.ts";

/** One edit. Errors are mean squares over RGB in 8-bit levels, against the true picture. */
export interface Row {
  readonly item: string;
  /** Where the truth differs from the source; `source` is the error of doing nothing. */
  readonly inside: number;
  readonly source: number;
  /** Elsewhere; null where the truth differs everywhere. */
  readonly outside: number | null;
  readonly unetCalls: number;
  /** Picture to picture, without the encoder, which a session runs once. */
  readonly seconds: number;
}

export type Rows = Record<string, Row[]>;

interface Item {
  readonly id: string;
  readonly image: string;
  readonly turns: readonly [{ instruction: string; target: string; change_mask: string }];
}

const folder = new URL("../picturebook/single/", import.meta.url).pathname;

/** The held-out edits, in an order in which any number from the start is spread over all kinds. */
function items(limit: number): Item[] {
  const { items } = JSON.parse(readFileSync(join(folder, "dataset.json"), "utf8")) as { items: Item[] };
  // 89 has no divisor in common with 200: every item is met once.
  return items.map((_, i) => items[(i * 89) % items.length]!).slice(0, limit);
}

/** Measures what `file` does not hold yet. All settings of an item run one after the other, so that they see the same machine. */
export async function measure(
  model: EditModel,
  settings: Readonly<Record<string, Settings>>,
  file: string,
  limit: number,
  say: (line: string) => void,
): Promise<Rows> {
  const rows: Rows = existsSync(file) ? JSON.parse(readFileSync(file, "utf8")) : {};
  await mkdir(dirname(file), { recursive: true });
  let warm = false;
  for (const [number, item] of items(limit).entries()) {
    const missing = Object.entries(settings).filter(([name]) => !rows[name]?.some((r) => r.item === item.id));
    if (missing.length === 0) continue;
    const [{ instruction, target: truth, change_mask }] = item.turns;
    const [source, target, mask] = await Promise.all(
      [item.image, truth, change_mask].map((name) => readPicture(join(folder, name))),
    );
    const changed = (i: number) => mask!.data[4 * i]! > 127;
    const session = await openSession(model, source!);
    for (const [name, options] of missing) {
      if (!warm) await (await session.edit("leave it as it is", { steps: 1, seed: 99 })).render();
      warm = true;
      const calls = model.calls.denoise;
      const start = performance.now();
      const node = await session.edit(instruction, { ...options, from: session.root, seed: 0 });
      const result = await node.render();
      const seconds = (performance.now() - start) / 1000;
      const [inside, outside] = [changed, (i: number) => !changed(i)].map((where) =>
        errors(result, target!, where),
      );
      rows[name] = [
        ...(rows[name] ?? []),
        {
          item: item.id,
          inside: inside!.squared,
          source: errors(source!, target!, changed).squared,
          outside: outside!.pixels > 0 ? outside!.squared : null,
          unetCalls: model.calls.denoise - calls,
          seconds,
        },
      ];
      // Settings that come to the same recipe are measured each on its own.
      session.delete(node);
    }
    await writeAtomically(file, [new TextEncoder().encode(JSON.stringify(rows))]);
    if ((number + 1) % 5 === 0) say(`  ${number + 1} pictures`);
  }
  return rows;
}
