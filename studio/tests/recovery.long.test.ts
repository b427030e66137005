/**
 * After Stop, the death of a worker or of a server, a reload and a lost network the words, the masks and the seed are what they were, byte by
 * byte, and the edit that is made of them in the end has them. A real server, whose processes are killed; and the static page.
 */
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser, Page } from "playwright";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { EmilieClient } from "../../src/client/index.ts";
import { readPicture } from "../../src/images/codec.node.ts";
import { spawnServer } from "../../tests/support/spawn-server.ts";
import {
  base64,
  begin,
  clear,
  enter,
  idle,
  type Kept,
  keptOf,
  letSetSteps,
  names,
  openWire,
  PLACES,
  running,
  setSteps,
  stop,
  text,
  underWay,
  type Wire,
} from "./recovery.ts";
import { launch, openExample, openPage } from "./site.ts";

/** Steps of an edit that something happens to, and of one that is to end. */
const LONG = 900;
const SHORT = 2;
const idIn = (url: string) => new URLSearchParams(new URL(url).hash.slice(1)).get("session")!;

describe("words, masks and seed, with a server", () => {
  let data: string;
  let server: ChildProcess;
  let url: string;
  let wire: Wire;
  let browser: Browser;
  let page: Page;

  beforeAll(async () => {
    data = await mkdtemp(join(tmpdir(), "emilie-recovery-"));
    ({ process: server, url } = await spawnServer(data));
    browser = await launch();
    wire = await openWire(new URL(url).port);
    ({ page } = await openPage({ url: wire.url, browser }));
    await letSetSteps(page);
    await openExample(page, "cottage");
  });
  afterAll(async () => {
    await browser?.close();
    wire?.cut();
    server?.kill("SIGKILL");
    await rm(data, { recursive: true, force: true, maxRetries: 5 });
  });
  beforeEach(async () => {
    await clear(page);
    await setSteps(page, LONG);
  });

  const killServer = async () => {
    const ended = once(server, "exit");
    server.kill("SIGKILL");
    await ended;
  };
  const startAgain = async () => {
    ({ process: server } = await spawnServer(data, {}, ["--port", new URL(url).port]));
  };
  /** The process that computes: the server's only child. */
  const workers = async () => {
    const { pid } = server;
    const children = await readFile(`/proc/${pid}/task/${pid}/children`, "utf8");
    return children.split(" ").filter(Boolean).map(Number);
  };
  const killWorker = async () => {
    const [pid] = await workers();
    process.kill(pid!, "SIGKILL");
    // Another one, or none for now.
    await expect.poll(async () => (await workers()).includes(pid!)).toBe(false);
  };

  /** The edit that is made of the draft in the end has its words, masks and seed. */
  async function makesOf(kept: Kept): Promise<void> {
    await setSteps(page, SHORT);
    const id = idIn(page.url());
    const client = new EmilieClient({ baseUrl: url });
    const before = (await client.session(id)).nodes.length;
    await enter(page);
    await expect.poll(async () => (await client.session(id)).nodes.length).toBe(before + 1);
    await idle(page);
    const { recipe } = (await client.session(id)).nodes.at(-1)!;
    expect(recipe!.seed).toBe(kept.seed);
    expect(recipe!.regions.map(({ instruction }) => instruction)).toEqual(
      kept.regions.map(({ instruction }) => instruction),
    );
    for (const [i, [, width, height, bytes]] of kept.masks.entries()) {
      const png = await client.mask(id, recipe!.regions[i]!.mask!.sha256);
      const picture = await readPicture(new Uint8Array(await png.arrayBuffer()));
      expect([picture.width, picture.height]).toEqual([width, height]);
      expect(base64([...picture.data].filter((_, at) => at % 4 === 0))).toBe(bytes);
    }
    // They have served.
    await expect.poll(() => text(page)).toBe("");
  }

  it("are what they were after Stop", async () => {
    const kept = await begin(page);
    const before = await names(page);
    await enter(page);
    await underWay(page);
    await stop(page);
    expect(await keptOf(page)).toEqual(kept);
    expect(await names(page)).toEqual(before);
    await makesOf(kept);
  });

  it.runIf(process.platform === "linux")(
    "are what they were after the worker's death, once and for good",
    async () => {
      const kept = await begin(page);
      await enter(page);
      await underWay(page);
      await killWorker();
      expect(await keptOf(page)).toEqual(kept);
      // It is begun again, and the page follows it.
      await expect.poll(async () => (await workers()).length).toBe(1);
      await underWay(page);
      await killWorker();
      const notice = page.getByRole("alert").filter({ hasText: /ended 2 times/ });
      await notice.waitFor();
      await idle(page);
      expect(await keptOf(page)).toEqual(kept);
      await notice.getByRole("button", { name: "Try again" }).click();
      await underWay(page);
      await stop(page);
      expect(await keptOf(page)).toEqual(kept);
      await makesOf(kept);
    },
  );

  it("are what they were after the server's death during an edit, which goes on with the next server", async () => {
    const kept = await begin(page);
    await enter(page);
    await underWay(page);
    await killServer();
    await running(page).getByText("Reconnecting").waitFor();
    expect(await keptOf(page)).toEqual(kept);
    await startAgain();
    await underWay(page);
    expect(await keptOf(page)).toEqual(kept);
    await stop(page);
    expect(await keptOf(page)).toEqual(kept);
    await makesOf(kept);
  });

  it("are what they were after the server's death while nothing ran, and where an edit is asked of a dead one", async () => {
    const kept = await begin(page);
    await killServer();
    await enter(page);
    const notice = page.getByRole("alert").filter({ hasText: "does not answer" });
    await notice.waitFor();
    await idle(page);
    expect(await keptOf(page)).toEqual(kept);
    await startAgain();
    await page.reload();
    await page.locator(".stage canvas").waitFor();
    expect(await keptOf(page)).toEqual(kept);
    await makesOf(kept);
  });

  it("are what they were after a reload, the moment after a stroke", async () => {
    const kept = await begin(page);
    await page.reload();
    await page.locator(".stage canvas").waitFor();
    expect(await keptOf(page)).toEqual(kept);
    await makesOf(kept);
  });

  it("are what they were after a reload during an edit, which is followed on", async () => {
    const kept = await begin(page);
    await enter(page);
    await underWay(page);
    await page.reload();
    await underWay(page);
    expect(await keptOf(page)).toEqual(kept);
    await stop(page);
    expect(await keptOf(page)).toEqual(kept);
    await makesOf(kept);
  });

  it("have served where the edit was made by the time the page is there again", async () => {
    const kept = await begin(page);
    await setSteps(page, 60);
    const before = (await names(page)).length;
    await enter(page);
    await underWay(page);
    await page.goto("about:blank");
    const client = new EmilieClient({ baseUrl: url });
    await expect
      .poll(async () => (await client.jobs()).every(({ finished }) => finished !== null))
      .toBe(true);
    await page.goBack();
    await page.locator(".stage canvas").waitFor();
    await expect.poll(async () => (await names(page)).length).toBe(before + 1);
    await expect.poll(() => text(page)).toBe("");
    expect((await keptOf(page)).seed).not.toBe(kept.seed);
  });

  it("are what they were after the network was lost during an edit; a Stop that was given meanwhile is delivered", async () => {
    const kept = await begin(page);
    const before = await names(page);
    await enter(page);
    await underWay(page);
    wire.cut();
    await running(page).getByText("Reconnecting").waitFor();
    expect(await keptOf(page)).toEqual(kept);
    await page.locator(".stage canvas").press("Escape");
    await wire.mend();
    await idle(page);
    expect(await keptOf(page)).toEqual(kept);
    expect(await names(page)).toEqual(before);
    await makesOf(kept);
  });

  it("are what they were where there is no network to ask through", async () => {
    const kept = await begin(page);
    wire.cut();
    await enter(page);
    await page.getByRole("alert").first().waitFor();
    await idle(page);
    expect(await keptOf(page)).toEqual(kept);
    await wire.mend();
    await makesOf(kept);
  });

  it("come back from an edit that was stopped when the next one had been begun, and was blank again", async () => {
    const kept = await begin(page);
    await enter(page);
    await underWay(page);
    await page.fill("#instruction", "add fog");
    await expect.poll(async () => (await keptOf(page)).masks.length).toBe(0);
    await page.fill("#instruction", "");
    await stop(page);
    // The first place is chosen, as when it was laid out.
    await expect.poll(() => text(page)).toBe(PLACES[0]);
    await page.locator(".region").nth(1).getByRole("button").first().click();
    await expect.poll(() => keptOf(page)).toEqual(kept);
    await makesOf(kept);
  });

  it("wait in a row where the next edit was begun, also across a reload, and come back from there", async () => {
    const kept = await begin(page);
    await enter(page);
    await underWay(page);
    await page.fill("#instruction", "add fog");
    const queue = page.locator(".queue-title");
    await stop(page);
    await expect.poll(() => queue.allTextContents()).toEqual([PLACES.join(" + ")]);
    expect(await text(page)).toBe("add fog");
    await page.reload();
    await page.locator(".stage canvas").waitFor();
    await expect.poll(() => queue.allTextContents()).toEqual([PLACES.join(" + ")]);
    expect(await text(page)).toBe("add fog");
    // Taken back where something else stands in the box, it can be brought back.
    const cancel = page.getByRole("button", { name: /^Cancel “paint/ });
    await cancel.click();
    await page.locator(".notice").getByRole("button", { name: "Undo" }).click();
    expect(await queue.count()).toBe(1);
    await page.fill("#instruction", "");
    await cancel.click();
    await expect.poll(() => text(page)).toBe(PLACES[0]);
    await page.locator(".region").nth(1).getByRole("button").first().click();
    await expect.poll(() => keptOf(page)).toEqual(kept);
    await makesOf(kept);
  });

  it("of what is queued outlive a reload and the server, and are carried out", async () => {
    await page.fill("#instruction", "make it winter");
    await enter(page);
    await underWay(page);
    // A draft that is painted is the next edit's.
    const kept = await begin(page);
    await setSteps(page, SHORT);
    await enter(page);
    const queue = page.locator(".queue-title");
    await expect.poll(() => queue.allTextContents()).toEqual([PLACES.join(" + ")]);
    await page.reload();
    await underWay(page);
    await expect.poll(() => queue.allTextContents()).toEqual([PLACES.join(" + ")]);
    await killServer();
    await startAgain();
    await underWay(page);
    const client = new EmilieClient({ baseUrl: url });
    const id = idIn(page.url());
    const step = async () => (await client.jobs(id)).at(-1)!.progress?.step ?? 0;
    await expect.poll(step).toBeGreaterThan(0);
    // It ends with what its preview shows, and the next one follows.
    await page.getByRole("button", { name: "Keep this" }).click();
    const made = PLACES.join(" + ");
    await page.locator('.node[aria-selected="true"]', { hasText: made }).waitFor();
    await idle(page);
    const { nodes } = await client.session(id);
    const { recipe, parent } = nodes.at(-1)!;
    expect(nodes.find((one) => one.id === parent)!.instruction).toBe("make it winter");
    expect(recipe!.seed).toBe(kept.seed);
  });

  it("stay their session's where another one is opened while an edit runs, whatever becomes of it", async () => {
    const client = new EmilieClient({ baseUrl: url });
    const cottage = page.url();
    const leave = async (end: (job: string) => Promise<unknown>) => {
      await enter(page);
      await underWay(page);
      await page.getByRole("button", { name: /to the start page/ }).click();
      await openExample(page, "lake");
      await page.fill("#instruction", "add a hat");
      const [job] = (await client.jobs(idIn(cottage))).filter(({ finished }) => finished === null);
      await end(job!.id);
      await expect
        .poll(async () => (await client.jobs()).every(({ finished }) => finished !== null))
        .toBe(true);
      // What a page that still listened would show by now.
      await page.waitForTimeout(1000);
      expect(await text(page)).toBe("add a hat");
      expect(await names(page)).toEqual(["original"]);
      expect(await page.locator(".queue").count()).toBe(0);
      await page.goto(cottage);
      await expect.poll(async () => (await names(page)).slice(0, before.length)).toEqual(before);
      await idle(page);
    };
    const before = await names(page);
    const kept = await begin(page);
    await leave((job) => client.cancelJob(job));
    expect(await keptOf(page)).toEqual(kept);
    expect(await names(page)).toEqual(before);
    await leave((job) => client.keepPreview(job));
    await expect.poll(async () => (await names(page)).length).toBe(before.length + 1);
    await expect.poll(() => text(page)).toBe("");
  });
});
