/** The queue with every job in a file of its own, so that a server that is killed goes on where it was. */
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { removeFile, writeAtomically } from "../../session/file/atomic.node.ts";
import { FILE_MODE, privateFolder } from "../private-folder.ts";
import { MemoryQueue } from "./memory-queue.ts";
import type { Job, QueueLimits } from "./queue.ts";

/** We wrote these files ourselves; this is only to leave alone what is none of them. */
const jobSchema = z.looseObject({
  id: z.string().regex(/^[0-9a-f]{16}$/),
  session: z.string(),
  work: z.looseObject({ kind: z.enum(["edit", "replay", "relevance"]) }),
  state: z.enum(["waiting", "running", "done", "failed", "cancelled"]),
  created: z.number(),
});

export class DiskQueue extends MemoryQueue {
  readonly #folder: string;

  private constructor(folder: string, limits?: Partial<QueueLimits>) {
    super(limits);
    this.#folder = folder;
  }

  /**
   * Call recover() next: what ran when the files were written runs no longer. `onProblem` hears of jobs that cannot be understood;
   * they are left as they are.
   */
  static async open(
    folder: string,
    limits?: Partial<QueueLimits>,
    onProblem: (message: string) => void = () => {},
  ): Promise<DiskQueue> {
    await privateFolder(folder);
    const queue = new DiskQueue(folder, limits);
    const names = (await readdir(folder)).filter((file) => /^[0-9a-f]{16}\.json$/.test(file));
    const jobs: Job[] = [];
    for (const file of names) {
      const text = await readFile(join(folder, file), "utf8");
      const job = jobSchema.safeParse(parse(text));
      if (job.success) jobs.push(job.data as unknown as Job);
      else onProblem(`The job in ${join(folder, file)} cannot be understood.`);
    }
    for (const job of jobs.sort((a, b) => a.created - b.created)) queue.jobs.set(job.id, job);
    return queue;
  }

  protected override persist(job: Job): Promise<void> {
    return writeAtomically(this.#path(job.id), [Buffer.from(JSON.stringify(job))], { mode: FILE_MODE });
  }

  protected override erase(id: string): Promise<void> {
    return removeFile(this.#path(id));
  }

  #path(id: string): string {
    return join(this.#folder, `${id}.json`);
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
