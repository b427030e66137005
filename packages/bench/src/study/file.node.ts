/** A study's file: read whole, checked, changed under a lock, and written so that a reader has the old one or the new one. */

import { createHash } from "node:crypto";
import { dirname, resolve } from "node:path";
import {
  BENCH_JSON,
  EmilieError,
  locked,
  MAX_PICTURE_BYTES,
  parseJson,
  readFileWithin,
  writeAtomically,
} from "../library.ts";
import { type Study, studySchema } from "./study.ts";

/** @throws EmilieError study.invalid */
export async function readStudy(path: string): Promise<Study> {
  const bytes = await readFileWithin(path, BENCH_JSON.length).catch((cause: Error) => {
    throw new EmilieError("study.invalid", `The study ${path} cannot be read: ${cause.message}`, { cause });
  });
  const invalid = (what: string, cause?: unknown) =>
    new EmilieError("study.invalid", `${path} is not a study of emilie, version 1: ${what}`, { cause });
  const json = parseJson(bytes.toString("utf8"), BENCH_JSON, (what, cause) => invalid(`it ${what}`, cause));
  const parsed = studySchema.safeParse(json);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0]!;
  throw invalid(`${issue.path.join(".") || "the whole"}: ${issue.message}`, parsed.error);
}

export async function writeStudy(path: string, study: Study): Promise<void> {
  await locked(path, () => write(path, study));
}

/** Changes a study as it stands in the file now, so that two servers or a simulation beside one lose nothing. */
export async function updateStudy<T>(
  path: string,
  change: (study: Study) => { study: Study; result: T },
): Promise<T> {
  return locked(path, async () => {
    const { study, result } = change(await readStudy(path));
    await write(path, study);
    return result;
  });
}

async function write(path: string, study: Study): Promise<void> {
  await writeAtomically(path, [Buffer.from(`${JSON.stringify(study, null, 1)}\n`)]);
}

/** The bytes of one of the study's pictures. Throws study.invalid where they are no longer those that it was made from. */
export async function readStudyPicture(
  studyPath: string,
  { path, sha256 }: { path: string; sha256: string },
): Promise<Uint8Array> {
  const file = resolve(dirname(studyPath), path);
  const bytes = await readFileWithin(file, MAX_PICTURE_BYTES).catch((cause: Error) => {
    throw new EmilieError("study.invalid", `A picture of the study is gone: ${cause.message}`, { cause });
  });
  if (createHash("sha256").update(bytes).digest("hex") === sha256) return bytes;
  throw new EmilieError(
    "study.invalid",
    `The picture ${path} is not the one that the study was made from: its run was done again. Begin a new study.`,
  );
}
