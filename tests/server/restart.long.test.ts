/** Planned restarts, a worker that stands still, and who may read what a server keeps. */
import { chmod, mkdir, mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { EmilieClient } from "../../src/client/index.ts";
import { startServer } from "../../src/server.ts";
import { emilie } from "../support/command-line.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "emilie-restart-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function running(data: string, options = {}) {
  const server = await startServer({ port: 0, data, ...options });
  return { server, client: new EmilieClient({ baseUrl: server.url }) };
}

/** Until the job is at its first step. */
async function begun(client: EmilieClient, id: string): Promise<void> {
  await expect
    .poll(async () => (await client.job(id)).progress, { timeout: 60_000, interval: 20 })
    .not.toBeNull();
}

it("restarts cost the running job no try, however many there are", async () => {
  const data = join(folder, "planned");
  let job = "";
  for (let restart = 0; restart < 3; restart++) {
    const { server, client } = await running(data);
    if (job === "") {
      const { id } = await client.createSession({ example: "cottage" });
      job = (await client.edit(id, { instruction: "make it winter", steps: 100, previews: 0 })).id;
    }
    await begun(client, job);
    expect((await client.job(job)).attempts).toBe(1);
    await server.close();
  }
  const { server, client } = await running(data);
  expect(await client.job(job)).toMatchObject({ error: null });
  await client.cancelJob(job);
  expect(await client.finished(job)).toMatchObject({ state: "cancelled", error: null });
  await server.close();
});

it.runIf(process.platform !== "win32")(
  "a worker that stands still is ended, and its job begun again, then reported",
  async () => {
    const { server, client } = await running(join(folder, "frozen"), { workerSilence: 4000 });
    const { id } = await client.createSession({ example: "cottage" });
    const job = await client.edit(id, { instruction: "make it winter", steps: 200, previews: 0 });
    for (let attempt = 1; attempt <= 2; attempt++) {
      await expect.poll(async () => (await client.job(job.id)).attempts, { timeout: 60_000 }).toBe(attempt);
      await begun(client, job.id);
      process.kill(server.workerPid()!, "SIGSTOP");
    }
    expect(await client.finished(job.id)).toMatchObject({
      state: "failed",
      error: { code: "job.interrupted" },
    });
    const next = await client.edit(id, { instruction: "make it winter", steps: 1, previews: 0 });
    expect(await client.finished(next.id)).toMatchObject({ state: "done" });
    await server.close();
  },
);

it.runIf(process.platform !== "win32")(
  "what it keeps is its owner's to read, also where it was not before",
  async () => {
    const data = join(folder, "open");
    await mkdir(join(data, "sessions", "0".repeat(16)), { recursive: true });
    await mkdir(join(data, "jobs"));
    await writeFile(join(data, "jobs", "notes.json"), "{}");
    await writeFile(join(data, "jobs", ".half.json.0badc0de.part"), "half");
    for (const path of [data, join(data, "sessions"), join(data, "jobs")]) await chmod(path, 0o755);
    const { server, client } = await running(data);
    const { id } = await client.createSession({ example: "cottage" });
    await client.finished((await client.edit(id, { instruction: "make it winter", steps: 1 })).id);
    const found = await readdir(data, { recursive: true });
    for (const name of [".", ...found]) {
      const { mode } = await stat(join(data, name));
      expect(mode & 0o077, name).toBe(0);
    }
    expect(found.filter((name) => name.endsWith(".part"))).toEqual([]);
    await server.close();
    // A folder with other things in it is not closed to them.
    await writeFile(join(data, "holiday.png"), "");
    await chmod(data, 0o755);
    await (await running(data)).server.close();
    expect((await stat(data)).mode & 0o777).toBe(0o755);
  },
);

it("a token file is read, closed to others, and checked before anything is started", async () => {
  const file = join(folder, "token");
  const serve = (...args: string[]) => emilie("serve", "--port", "0", "--data", join(folder, "t"), ...args);
  expect(await serve("--token-file", file)).toMatchObject({ code: 2, stderr: expect.stringContaining(file) });
  await writeFile(file, "two words\n", { mode: 0o644 });
  expect(await serve("--token-file", file)).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("one line of 8 to 200"),
  });
  expect(await serve("--token-file", file, "--token", "abcdefgh")).toMatchObject({ code: 2 });
  expect(await serve("--token", "short")).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/Note: .*list this machine's processes/s),
  });
});
