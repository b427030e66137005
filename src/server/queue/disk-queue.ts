/** The queue with every job in a file of its own, so that a server that is killed goes on where it was. */
import { mkdir, readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { writeAtomically } from "../../session/atomic.node.ts";
import { Turns } from "../store/store.ts";
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
  readonly #turns = new Turns();

  private constructor(folder: string, limits?: Partial<QueueLimits>) {
    super(limits);
    this.#folder = folder;
  }

  /** Call recover() next: what ran when the files were written runs no longer. */
  static async open(folder: string, limits?: Partial<QueueLimits>): Promise<DiskQueue> {
    await mkdir(folder, { recursive: true });
    const queue = new DiskQueue(folder, limits);
    const names = (await readdir(folder)).filter((file) => /^[0-9a-f]{16}\.json$/.test(file));
    const jobs: Job[] = [];
    for (const file of names) {
      const text = await readFile(join(folder, file), "utf8");
      const job = jobSchema.safeParse(parse(text));
      if (job.success) jobs.push(job.data as unknown as Job);
    }
    for (const job of jobs.sort((a, b) => a.created - b.created)) queue.jobs.set(job.id, job);
    return queue;
  }

  protected override persist(job: Job): Promise<void> {
    return this.#turns.take(job.id, () =>
      writeAtomically(join(this.#folder, `${job.id}.json`), [Buffer.from(JSON.stringify(job))]),
    );
  }

  protected override erase(id: string): Promise<void> {
    return this.#turns.take(id, () => rm(join(this.#folder, `${id}.json`), { force: true }));
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
