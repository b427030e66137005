/** The contract of every job queue. Each engine's tests hold it to this. */
import { describe, expect, it } from "vitest";
import type { JobQueue, QueueLimits, Work } from "../../src/server/queue/queue.ts";

export const work = (instruction: string): Work => ({
  kind: "relevance",
  from: "0".repeat(12),
  instruction,
  seed: 0,
  options: {},
});
export const said = (job: { work: Work } | null) => job && (job.work as { instruction: string }).instruction;

export function queueContract(
  queues: Readonly<Record<string, (limits?: Partial<QueueLimits>) => Promise<JobQueue>>>,
): void {
  describe.each(Object.entries(queues))("a queue %s", (_, open) => {
    it("lets sessions take turns, and jobs of one session run in the order they came", async () => {
      const queue = await open();
      for (const text of ["a1", "a2", "a3"]) await queue.add("a", work(text));
      for (const text of ["b1", "b2"]) await queue.add("b", work(text));
      expect((await queue.order()).map(said)).toEqual(["a1", "b1", "a2", "b2", "a3"]);
      const taken: (string | null)[] = [];
      taken.push(said(await queue.take("w")), said(await queue.take("w")));
      await queue.add("c", work("c1")); // comes late, has had nothing yet
      for (let i = 0; i < 5; i++) taken.push(said(await queue.take("w")));
      expect(taken).toEqual(["a1", "b1", "c1", "a2", "b2", "a3", null]);
    });

    it("gives no job to two workers", async () => {
      const queue = await open();
      for (let i = 0; i < 8; i++) await queue.add(`s${i % 3}`, work(`${i}`));
      const taken = await Promise.all(Array.from({ length: 12 }, (_, i) => queue.take(`w${i}`)));
      const ids = taken.flatMap((job) => (job ? [job.id] : []));
      expect(ids).toHaveLength(8);
      expect(new Set(ids).size).toBe(8);
    });

    it("is bounded, in all and for each session", async () => {
      const queue = await open({ total: 3, perSession: 2 });
      await queue.add("a", work("1"));
      await queue.add("a", work("2"));
      await expect(queue.add("a", work("3"))).rejects.toMatchObject({ code: "queue.full" });
      await queue.add("b", work("4"));
      await expect(queue.add("c", work("5"))).rejects.toMatchObject({ code: "queue.full" });
      await queue.take("w");
      await queue.add("c", work("5")); // what runs waits no longer
    });

    it("ends a job once", async () => {
      const queue = await open();
      const { id } = await queue.add("a", work("1"));
      await queue.take("w");
      await queue.update(id, { nodes: ["0123456789ab"] });
      const done = await queue.finish(id, { state: "done" });
      expect(done).toMatchObject({ state: "done", nodes: ["0123456789ab"], error: null, worker: null });
      expect(await queue.finish(id, { state: "cancelled" })).toEqual(done);
      expect(await queue.get(id)).toEqual(done);
      await expect(queue.get("nothing")).rejects.toMatchObject({ code: "server.missing" });
    });

    it("begins an interrupted job once more, before the others of its session, then reports it", async () => {
      const queue = await open();
      await queue.add("a", work("first"));
      await queue.add("a", work("second"));
      await queue.add("b", work("other"));
      await queue.take("w1");
      const other = await queue.take("w2");
      const [waiting] = await queue.recover("w1");
      expect(waiting).toMatchObject({ state: "waiting", attempts: 1 });
      expect((await queue.get(other!.id)).state).toBe("running");
      expect(said(await queue.take("w1"))).toBe("first");
      const [failed] = await queue.recover("w1");
      expect(failed).toMatchObject({ state: "failed", attempts: 2, error: { code: "job.interrupted" } });
      expect(await queue.recover("w1")).toEqual([]);
      expect(said(await queue.take("w1"))).toBe("second");
    });

    it("forgets finished jobs in time, and all of a session that is deleted", async () => {
      const queue = await open({ finished: 2 });
      for (let i = 0; i < 4; i++) {
        const { id } = await queue.add("a", work(`${i}`));
        await queue.take("w");
        await queue.finish(id, { state: "done" });
      }
      expect((await queue.list()).map(said)).toEqual(["2", "3"]);
      await queue.add("a", work("waits"));
      await queue.add("b", work("stays"));
      await queue.forget("a");
      expect((await queue.list()).map(said)).toEqual(["stays"]);
    });
  });
}
