import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished, vi } from "vitest";
import { EmilieError } from "../errors.ts";
import { DiskHealth } from "./disk-health.ts";

it("forgets a good answer as soon as the machine refuses anything, a read too", async () => {
  const folder = await mkdtemp(join(tmpdir(), "emilie-health-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  // No time passes, so that an answer stands for as long as nothing is noted.
  vi.useFakeTimers({ toFake: ["performance"] });
  onTestFinished(() => void vi.useRealTimers());
  const health = new DiskHealth([folder]);
  expect(await health.problem()).toBe(null);
  await rm(folder, { recursive: true });
  // Asked again at once, the answer of a moment ago stands; what is none of the disk's changes nothing of that.
  health.note(new EmilieError("option.invalid", "a wrong option"));
  expect(await health.problem()).toBe(null);
  const cause = Object.assign(new Error("EIO: i/o error, read"), { code: "EIO", syscall: "read" });
  health.note(new EmilieError("io.failed", "a session could not be read", { cause }));
  expect(await health.problem()).toMatch(/ENOENT/);
});
