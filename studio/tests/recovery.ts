/** What the tests of recovery share: a draft with two places, and what of it is kept, byte by byte. */
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import type { Page } from "playwright";
import { expect } from "vitest";
import { drag } from "./site.ts";

/** Words and seed as they stand on the screen, and words, seed and masks as the browser keeps them. */
export interface Kept {
  readonly words: string;
  readonly seed: string;
  readonly regions: readonly {
    readonly id: number;
    readonly instruction: string;
    readonly masked: boolean;
  }[];
  readonly keptSeed: string;
  /** By region: width, height, and the bytes in base64. */
  readonly masks: readonly (readonly [number, number, number, string])[];
}

export const text = (page: Page) => page.inputValue("#instruction");
export const names = (page: Page) => page.locator(".node-name").allTextContents();
export const enter = (page: Page) => page.locator("#instruction").press("Enter");
export const base64 = (bytes: Uint8Array | number[]) => Buffer.from(bytes).toString("base64");

export async function keptOf(page: Page): Promise<Kept> {
  const words = await page.inputValue("#instruction");
  const seed = await page.getByLabel("Seed", { exact: true }).inputValue();
  const kept = await page.evaluate(async () => {
    const id = new URLSearchParams(location.hash.slice(1)).get("session")!;
    const draft = JSON.parse(localStorage.getItem(`emilie.draft.${id}`) ?? '{"regions":[]}');
    const whole = <T>(request: IDBRequest<T>) =>
      new Promise<T>((resolve, reject) => {
        request.onsuccess = () => resolve(request.result);
        request.onerror = () => reject(request.error);
      });
    const db = await whole(indexedDB.open("emilie-drafts"));
    const store = db.transaction("masks").objectStore("masks");
    const range = IDBKeyRange.bound([id, 0], [id, 1e6]);
    const [keys, layers] = await Promise.all([whole(store.getAllKeys(range)), whole(store.getAll(range))]);
    db.close();
    const base64 = (data: Uint8Array) =>
      btoa(data.reduce((text, byte) => text + String.fromCharCode(byte), ""));
    return {
      regions: draft.regions.map((one: Kept["regions"][number]) => ({
        id: one.id,
        instruction: one.instruction,
        masked: one.masked,
      })),
      keptSeed: draft.seed,
      masks: layers.map(
        ({ width, height, data }, i) => [(keys[i] as number[])[1]!, width, height, base64(data)] as const,
      ),
    };
  });
  return { words, seed, ...kept };
}

export const PLACES = ["paint the roof blue", "paint the boat yellow"] as const;

/** Paints two places, the first with a soft brush, and writes what should change there. */
export async function begin(page: Page): Promise<Kept> {
  await page.locator(".stage canvas").press("b");
  await page.getByRole("slider", { name: "Soft" }).press("End");
  await drag(page, [
    [0.42, 0.48],
    [0.58, 0.48],
    [0.64, 0.52],
  ]);
  await page.fill("#instruction", PLACES[0]);
  await page.locator(".stage canvas").press("n");
  await page.locator(".stage canvas").press("r");
  await drag(page, [
    [0.65, 0.75],
    [0.95, 0.95],
  ]);
  await page.fill("#instruction", PLACES[1]);
  await expect.poll(async () => (await keptOf(page)).masks.length).toBe(2);
  const kept = await keptOf(page);
  // What is compared says something: words, levels between black and white, a seed.
  expect(kept.regions.map(({ instruction }) => instruction)).toEqual(PLACES);
  expect(new Set(Buffer.from(kept.masks[0]![3], "base64")).size).toBeGreaterThan(10);
  expect(kept.seed).toMatch(/^\d+$/);
  expect(kept.keptSeed).toBe(kept.seed);
  return kept;
}

export const running = (page: Page) => page.locator(".edit-button.running");
export const idle = (page: Page) => page.locator(".edit-button:not(.running)").waitFor();

/** Until a step of the edit has been made. */
export const underWay = (page: Page) =>
  running(page)
    .getByText(/[1-9]\d*\/\d+/)
    .waitFor();

export async function stop(page: Page): Promise<void> {
  await page.locator(".stage canvas").press("Escape");
  await idle(page);
}

export async function clear(page: Page): Promise<void> {
  const dismiss = page.locator(".notice").getByRole("button", { name: "Dismiss" });
  while ((await dismiss.count()) > 0) await dismiss.first().click();
  while ((await page.getByRole("button", { name: /^Remove region/ }).count()) > 0)
    await page
      .getByRole("button", { name: /^Remove region/ })
      .first()
      .click();
  if ((await page.locator(".region").count()) > 0) await page.locator(".stage canvas").press("x");
  await page.fill("#instruction", "");
}

/** Edits that are asked of a server take so many steps from here on, so that there is time for what happens to them; 0: as many as are asked for. */
export async function setSteps(page: Page, steps: number): Promise<void> {
  await page.evaluate((steps) => sessionStorage.setItem("steps", String(steps)), steps);
}

/** Before setSteps, once for a page. */
export async function letSetSteps(page: Page): Promise<void> {
  // As text: what a compiler adds to functions is not there in the page.
  const patch = `{
    const own = window.fetch;
    window.fetch = (input, init) => {
      const steps = Number(sessionStorage.getItem("steps"));
      const body = init?.body;
      if (steps === 0 || !body || !String(input).endsWith("/edits")) return own(input, init);
      const withSteps = (request) => JSON.stringify({ ...JSON.parse(request), steps });
      if (!(body instanceof FormData)) return own(input, { ...init, body: withSteps(body) });
      body.set("request", withSteps(body.get("request")));
      return own(input, init);
    };
  }`;
  await page.addInitScript(patch);
  await page.evaluate(patch);
}

/** The way from a page to a server, which can be cut: a browser's own "offline" leaves open what is open. */
export interface Wire {
  readonly url: string;
  cut(): void;
  mend(): Promise<void>;
}

export async function openWire(to: string): Promise<Wire> {
  const sockets = new Set<Socket>();
  const forward = (page: Socket) => {
    const server = connect(Number(to), "127.0.0.1");
    for (const [one, other] of [
      [page, server],
      [server, page],
    ] as const) {
      sockets.add(one);
      one.on("error", () => other.destroy()).on("close", () => sockets.delete(one) && other.destroy());
      one.pipe(other);
    }
  };
  let listener: Server;
  const listen = async (port: number) => {
    listener = createServer(forward).listen(port, "127.0.0.1");
    await once(listener, "listening");
    return (listener.address() as AddressInfo).port;
  };
  const port = await listen(0);
  return {
    url: `http://127.0.0.1:${port}/`,
    cut: () => {
      listener.close();
      for (const socket of sockets) socket.destroy();
    },
    mend: async () => void (await listen(port)),
  };
}
