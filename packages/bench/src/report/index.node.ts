/** report.html: a run's results as one file that can be read, printed and mailed. */

import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { writeAtomically } from "../library.ts";
import type { BenchResults } from "../types.ts";
import { page } from "./page.node.ts";
import { type StripOptions, strips } from "./strips.node.ts";

export type ReportOptions = StripOptions;

/**
 * Writes report.html into `folder`, where results.json and its pictures are, and returns its path. The page loads nothing
 * from anywhere; pictures are in it as thumbnails. Give the dataset so that sources and truths stand beside the results.
 * The same results give the same bytes. Throws io.failed when the disk refuses.
 */
export async function writeReport(
  results: BenchResults,
  folder: string,
  options: ReportOptions = {},
): Promise<string> {
  await mkdir(folder, { recursive: true });
  const path = join(folder, "report.html");
  const text = page(results, await strips(results, folder, options));
  await writeAtomically(path, [Buffer.from(text)]);
  return path;
}
