/**
 * What an edit costs and how good it is, by how much is computed for it:
 * `npm run bench -- presets [--only presets,samplers,guidance] [--limit 100] [--threads N] [--out out/presets] [--json] [--write]`
 * runs the settings of benchmarks/presets/settings.ts on the first `limit` held-out edits of picturebook, whose truth is exact.
 * What is measured is kept in --out and not measured again. --write puts the numbers into docs/results/presets.json and the
 * tables into docs/results/speed-presets.md; of what --only leaves out, those from before stay.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { loadModel } from "../src/index.ts";
import { resultOf, tableOf } from "./presets/report.ts";
import { measure } from "./presets/rows.ts";
import { groups } from "./presets/settings.ts";

const { values: flags } = parseArgs({
  options: {
    only: { type: "string", default: Object.keys(groups).join(",") },
    limit: { type: "string", default: "100" },
    threads: { type: "string" },
    out: { type: "string", default: "out/presets" },
    json: { type: "boolean", default: false },
    write: { type: "boolean", default: false },
  },
});
const docs = new URL("../docs/results/", import.meta.url).pathname;
const threads = flags.threads ? Number(flags.threads) : undefined;

await main();

async function main(): Promise<void> {
  const model = await loadModel("picturebook", { threads });
  const chosen = flags.only.split(",").map((name) => {
    if (!groups[name]) throw new RangeError(`--only ${name}; there are ${Object.keys(groups).join(", ")}`);
    return [name, groups[name]] as const;
  });
  const say = (line: string) => void (flags.json || console.log(line));
  const file = join(flags.out, "rows.json");
  const settings = Object.assign({}, ...chosen.map(([, group]) => group));
  const rows = await measure(model, settings, file, Number(flags.limit), say);
  const { fingerprint } = model;
  await model.dispose();
  const results = chosen.map(([name, group]) => ({
    name,
    results: Object.keys(group)
      .filter((setting) => rows[setting])
      .map((setting) => resultOf(setting, rows)),
  }));
  if (flags.json) console.log(JSON.stringify(results, null, 2));
  for (const group of results) say(`\n${group.name}\n\n${tableOf(group.results)}`);
  if (flags.write) write(fingerprint, results);
}

function write(
  fingerprint: string,
  results: readonly { name: string; results: ReturnType<typeof resultOf>[] }[],
): void {
  const about = {
    version: 1,
    command: "npm run bench -- presets --write",
    model: "picturebook",
    fingerprint,
  };
  const file = join(docs, "presets.json");
  // Groups that were not measured now stay as they are.
  const kept: typeof results = JSON.parse(readFileSync(file, "utf8")).groups;
  const all = kept.map((group) => results.find(({ name }) => name === group.name) ?? group);
  const added = results.filter(({ name }) => !kept.some((group) => group.name === name));
  const rounded = JSON.stringify({ ...about, groups: [...all, ...added] }, (_, value) =>
    typeof value === "number" ? Number(value.toPrecision(4)) : value,
  );
  writeFileSync(file, `${rounded}\n`);
  const page = join(docs, "speed-presets.md");
  let text = readFileSync(page, "utf8");
  for (const { name, results: group } of results) {
    const place = new RegExp(`(<!-- table: ${name} -->\n)[^]*?(<!-- end -->)`);
    text = text.replace(place, (_, begin, end) => `${begin}\n${tableOf(group)}\n\n${end}`);
  }
  writeFileSync(page, text);
}
