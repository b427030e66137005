/** Datasets by name or folder: which layout it is, is seen from what lies in it. docs/bench.md describes them all. */

import { existsSync, statSync } from "node:fs";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { EmilieError } from "../library.ts";
import { benchRoot } from "../package-root.ts";
import type { BenchDataset } from "../types.ts";
import { checked, type OpenOptions } from "./check.node.ts";
import { type Draft, type LoaderContext, wrong } from "./draft.ts";
import { isEditBench, loadEditBench } from "./editbench.ts";
import { EDIVAL_CSV, isEdiVal, loadEdiVal } from "./edival.ts";
import { isImgEdit, loadImgEdit } from "./imgedit.ts";
import { loadMagicBrush, SESSIONS } from "./magicbrush.ts";
import { isMseBench, loadMseBench } from "./mse-bench.node.ts";
import { INDEX, loadOwn } from "./own.ts";
import { loadSessionFolders, sessionFolders } from "./session-folders.ts";

export type { OpenOptions } from "./check.node.ts";
export { maskFile, readTurnMask } from "./mask.node.ts";

interface Layout {
  readonly recognise: (folder: string) => boolean | Promise<boolean>;
  readonly load: (context: LoaderContext) => Promise<Draft>;
  /** Whether something may stand behind a colon. */
  readonly variants: boolean;
}

const LAYOUTS: readonly Layout[] = [
  { recognise: (folder) => existsSync(join(folder, INDEX)), load: loadOwn, variants: false },
  { recognise: (folder) => existsSync(join(folder, SESSIONS)), load: loadMagicBrush, variants: true },
  { recognise: isEditBench, load: loadEditBench, variants: true },
  { recognise: isEdiVal, load: loadEdiVal, variants: false },
  { recognise: isImgEdit, load: loadImgEdit, variants: true },
  { recognise: isMseBench, load: loadMseBench, variants: false },
  {
    recognise: async (folder) => (await sessionFolders(folder)).length > 0,
    load: loadSessionFolders,
    variants: false,
  },
];

/** Datasets that may be asked for by name once they lie where emilie looks for them. */
const FETCHED: Readonly<Record<string, string>> = {
  "imie-picturebook": "packages/bench/datasets/imie-picturebook of emilie's repository",
  imie: "a folder for each session",
  editbench: "EditBench as it is unpacked",
  magicbrush: "a split of MagicBrush, as dev or test",
  edival: "EdiVal-Bench's CSV and its unpacked pictures",
  "mse-bench": "MSE-Bench's parquet files",
  imgedit: "the unpacked multiturn folder of ImgEdit's Benchmark.tar",
};

/**
 * Opens a dataset: "imie-picturebook", which ships; "editbench", "magicbrush", "edival", "mse-bench", "imgedit" and others of the
 * datasets folder by name; or a folder of any of the layouts in docs/bench.md. A colon chooses a prompt or protocol: editbench:rich, editbench:simple,
 * editbench:full, magicbrush:multi, magicbrush:single, imgedit:chains, imgedit:branches, FOLDER:single.
 *
 * Every file that it names is looked at (there, a picture, the right size) and hashed; no pixel is decoded. A turn's `mask` is
 * in the words of a mask: an absolute path, or one behind alpha: and invert:; readTurnMask reads both.
 *
 * @throws EmilieError dataset.invalid (which item, which turn, what was expected), option.invalid (no such dataset or variant)
 */
export async function openDataset(nameOrFolder: string, options: OpenOptions = {}): Promise<BenchDataset> {
  const { folder, variant } = locate(nameOrFolder);
  for (const { recognise, load, variants } of LAYOUTS) {
    if (!(await recognise(folder))) continue;
    if (variant !== undefined && !variants)
      throw new EmilieError(
        "option.invalid",
        `${nameOrFolder}: this dataset has no variants; leave :${variant} out.`,
      );
    return checked(await load({ folder, variant }), folder, options);
  }
  throw wrong(
    nameOrFolder,
    `no layout is known for this folder. Expected ${INDEX}, ${SESSIONS} (MagicBrush), annotations_natural.csv (EditBench), ${EDIVAL_CSV} ` +
      "(EdiVal-Bench), parquet files (MSE-Bench), multiturn/ (ImgEdit), or a folder for each session with input.png and instructions.txt; " +
      "docs/bench.md describes them.",
  );
}

function locate(nameOrFolder: string): LoaderContext {
  const isFolder = (path: string) => existsSync(path) && statSync(path).isDirectory();
  // A folder's own name may have a colon in it.
  if (isFolder(resolve(nameOrFolder))) return { folder: resolve(nameOrFolder) };
  const [, base = nameOrFolder, variant] = /^(.{2,}?)(?::(\w+))?$/s.exec(nameOrFolder) ?? [];
  const shipped = join(benchRoot(), "datasets", base);
  const candidates = [resolve(base)];
  if (base === "imie-picturebook") candidates.unshift(shipped);
  if (/^[\w-]+$/.test(base)) candidates.push(join(datasetsFolder(), base));
  const folder = candidates.find(isFolder);
  if (folder !== undefined) return { folder, variant };
  const known = FETCHED[base];
  const hint = known
    ? `Put ${known} at ${join(datasetsFolder(), base)}, or name its folder.`
    : `Expected ${Object.keys(FETCHED).join(", ")}, or a folder.`;
  throw new EmilieError("option.invalid", `There is no dataset ${JSON.stringify(nameOrFolder)}. ${hint}`);
}

/** Where datasets lie that are asked for by name: $EMILIE_DATASETS, or .emilie/datasets in the home folder. */
function datasetsFolder(): string {
  return (
    process.env.EMILIE_DATASETS || join(process.env.EMILIE_DATA || join(homedir(), ".emilie"), "datasets")
  );
}
