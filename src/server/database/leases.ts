/**
 * The lease of the job that this process runs. Every write that belongs to the job is made in a transaction that first asks for the
 * lease: a worker that was thought dead, and whose job another one has, writes nothing (a fencing token, Kleppmann 2017, ch. 8).
 */
import { EmilieError } from "../../errors.ts";
import type { Queries } from "./database.ts";

/** A worker that is not heard for this long has lost what it ran. */
export const LEASE_SECONDS = 15;
export const HEARTBEAT_MS = 3000;

export class Leases {
  readonly #held = new Map<string, string>();

  get jobs(): string[] {
    return [...this.#held.keys()];
  }

  hold(job: string, lease: string): void {
    this.#held.set(job, lease);
  }

  of(job: string): string | undefined {
    return this.#held.get(job);
  }

  drop(job: string): void {
    this.#held.delete(job);
  }

  /** @throws EmilieError "job.lost" unless every job that this process holds is still its own */
  async check(on: Queries): Promise<void> {
    for (const [job, lease] of this.#held) await requireLease(on, job, lease);
  }
}

/** Locks the job's row, so that nobody takes the lease away before the transaction ends. */
export async function requireLease(on: Queries, job: string, lease: string): Promise<void> {
  const [row] = await on.query(
    "SELECT 1 FROM @schema.jobs WHERE id = $1 AND lease = $2 AND state = 'running' FOR UPDATE",
    [job, lease],
  );
  if (!row) throw lostJob(job);
}

export function lostJob(job: string): EmilieError {
  return new EmilieError(
    "job.lost",
    `The job ${job} is another worker's, or has ended: this one was not heard for more than ${LEASE_SECONDS} seconds. What it made is not taken.`,
  );
}
