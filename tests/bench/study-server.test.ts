/** The study's server by its requests: blind, resumable, and closed to everybody else. */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { StudyView } from "../../packages/bench/src/study/app.ts";
import { readStudy, writeStudy } from "../../packages/bench/src/study/file.node.ts";
import { makeStudy } from "../../packages/bench/src/study/make.node.ts";
import { type RunningStudy, serveStudy } from "../../packages/bench/src/study/serve.ts";
import { readPicture, writePicture } from "../../src/images/codec.node.ts";
import { blankPicture } from "../../src/images/picture.ts";
import { METHODS, TITLES, writeRun } from "../support/study-fixture.ts";

const [methodA, methodB] = METHODS;
let folder: string;
let file: string;
let server: RunningStudy;
const logs: string[] = [];
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "emilie-study-server-"));
});
afterAll(() => rm(folder, { recursive: true }));
beforeEach(async () => {
  const here = await mkdtemp(join(folder, "one-"));
  const run = await writeRun(here, { items: 8 });
  file = join(here, "study.json");
  await writeStudy(file, await makeStudy(run, run, { out: file, methodA, methodB }));
  server = await serveStudy(file, { port: 0, log: (line) => logs.push(line) });
});
afterEach(() => server.close());

async function post(path: string, body: unknown, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(server.url + path, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: typeof body === "string" ? body : JSON.stringify(body),
  });
}
async function view(path: string, body: unknown): Promise<StudyView> {
  const answer = await post(path, body);
  expect(answer.status).toBe(200);
  return (await answer.json()) as StudyView;
}
const begin = (rater: string) => view("/rater", { rater });
const choose = (rater: string, question: number, side: "left" | "right") =>
  view("/choice", { rater, question, side, seconds: 1.234 });

/** The first method's pictures have 100 of red, the second's 200. */
async function redOf(address: string): Promise<number> {
  const answer = await fetch(server.url + address);
  expect(answer.status).toBe(200);
  return (await readPicture(new Uint8Array(await answer.arrayBuffer()))).data[0]!;
}

describe("a rater", () => {
  it("who always prefers one method has chosen that one, on whichever side it was", async () => {
    let now = await begin("Ann");
    expect(now).toMatchObject({ rater: "Ann", done: 0, total: 9 });
    const sides: string[] = [];
    for (let number = 1; now.question; number++) {
      expect(now.question.number).toBe(number);
      const [left, right] = [await redOf(now.question.left), await redOf(now.question.right)];
      expect([left, right].sort()).toEqual([100, 200]);
      expect(await redOf(now.question.source)).toBe(0);
      const side = left === 100 ? "left" : "right";
      sides.push(side);
      now = await choose("Ann", number, side);
      // It is in the file before it is answered.
      expect((await readStudy(file)).raters[0]!.choices).toHaveLength(number);
    }
    expect(now).toMatchObject({ done: 9, total: 9, question: null, ahead: [] });
    const lefts = sides.filter((side) => side === "left").length;
    expect([4, 5]).toContain(lefts);
    const [rater] = (await readStudy(file)).raters;
    expect(rater!.choices.every(({ chosen, seconds }) => chosen === "a" && seconds === 1.23)).toBe(true);
  });

  it("goes on where it was, after the server was stopped, and as another way of writing the name", async () => {
    const first = await begin("Ann");
    await choose("Ann", 1, "left");
    const second = await choose("Ann", 2, "right");
    await server.close();
    server = await serveStudy(file, { port: 0 });
    expect(await begin(" ann ")).toEqual(second);
    expect(second).toMatchObject({ done: 2, question: { number: 3 } });
    expect(first.ahead.some((address) => address === first.question!.left)).toBe(false);
  });

  it("answers a question once, however often it is sent, and takes answers back", async () => {
    const one = await begin("Ann");
    const two = await choose("Ann", 1, "left");
    expect(await choose("Ann", 1, "right")).toEqual(two);
    expect(await choose("Ann", 7, "right")).toEqual(two);
    expect((await readStudy(file)).raters[0]!.choices).toHaveLength(1);
    expect(await view("/undo", { rater: "Ann" })).toEqual(one);
    expect(await view("/undo", { rater: "Ann" })).toEqual(one);
    expect((await readStudy(file)).raters[0]!.choices).toEqual([]);
  });

  it("has an own order, and disturbs nobody's", async () => {
    const [ann, ben, cem] = [await begin("Ann"), await begin("Ben"), await begin("Cem")];
    const orders = (await readStudy(file)).raters.map(({ order }) => JSON.stringify(order));
    expect(new Set(orders).size).toBe(3);
    await Promise.all([choose("Ann", 1, "left"), choose("Ben", 1, "left"), choose("Cem", 1, "right")]);
    expect((await readStudy(file)).raters.map(({ choices }) => choices.length)).toEqual([1, 1, 1]);
    expect([ann.done, ben.done, cem.done]).toEqual([0, 0, 0]);
  });
});

describe("blindness", () => {
  it("no page, answer, header or picture tells a method, a file, an item, or a side", async () => {
    const { question, ahead } = await begin("Ann");
    const { left, right, source } = question!;
    const answers = [
      ...(await Promise.all(
        ["/", "/page.js", "/page.css", "/phones.css", left, right, source, ...ahead, "/nothing"].map((path) =>
          fetch(server.url + path),
        ),
      )),
      await post("/rater", { rater: "Ann" }),
      await post("/choice", { rater: "Ann", question: 1, side: "left", seconds: 1 }),
      await post("/choice", { rater: "Ann", question: 2, side: "up", seconds: 1 }),
      await post("/rater", { rater: "simulated:psnr" }),
    ];
    const study = await readFile(file, "utf8");
    const telling = [
      ...METHODS,
      ...TITLES,
      "picturebook",
      folder,
      "scene-",
      "made by",
      JSON.parse(study).secret,
    ];
    for (const answer of answers) {
      const said = `${JSON.stringify([...answer.headers])}${Buffer.from(await answer.arrayBuffer()).toString("latin1")}`;
      for (const word of telling) expect(said, answer.url).not.toContain(word);
      if (answer.headers.get("content-type")?.includes("json"))
        expect(said, answer.url).not.toMatch(/"(a|b|even|pair|repeat|item)"/);
    }
    expect([left, right, source].every((address) => /^\/picture\/[0-9a-f]{32}$/.test(address))).toBe(true);
  });

  it("a study of the same pictures has other addresses", async () => {
    const before = await begin("Ann");
    const study = await readStudy(file);
    await server.close();
    await writeStudy(file, { ...study, secret: "f".repeat(64) });
    server = await serveStudy(file, { port: 0 });
    const after = await begin("Ann");
    expect(after.question!.source).not.toBe(before.question!.source);
    expect((await fetch(server.url + before.question!.left)).status).toBe(404);
  });
});

describe("everybody else", () => {
  it("is kept out: other names of the host, other origins", async () => {
    const { port } = new URL(server.url);
    const status = (headers: Record<string, string>) =>
      new Promise<number>((resolve, reject) => {
        const sent = request({ host: "127.0.0.1", port, path: "/", headers }, (answer) => {
          answer.resume();
          resolve(answer.statusCode!);
        });
        sent.on("error", reject);
        sent.end();
      });
    expect(await status({ host: `localhost:${port}` })).toBe(200);
    expect(await status({ host: "evil.example" })).toBe(403);
    expect(
      await status({
        host: `127.0.0.1:${port}`,
        "sec-fetch-site": "cross-site",
        "sec-fetch-mode": "no-cors",
      }),
    ).toBe(403);
    expect((await post("/rater", { rater: "Eve" }, { origin: "http://evil.example" })).status).toBe(403);
    expect((await readStudy(file)).raters).toEqual([]);
    const page = await fetch(server.url);
    expect(page.headers.get("content-security-policy")).toContain("default-src 'none'");
    expect(page.headers.get("x-frame-options")).toBe("DENY");
  });

  it("gets a clear answer to a request that is none, and nothing is written", async () => {
    const bad: [string, unknown, number, RegExp][] = [
      ["/rater", "{", 400, /the body/],
      ["/rater", {}, 400, /rater/],
      ["/rater", { rater: "<script>" }, 400, /A rater's name/],
      ["/rater", { rater: "simulated:psnr" }, 400, /A rater's name/],
      ["/rater", { rater: "Ann", more: 1 }, 400, /more/],
      ["/choice", { rater: "Ann", question: 0, side: "left", seconds: 1 }, 400, /question/],
      ["/choice", { rater: "Ann", question: 1, side: "left", seconds: -1 }, 400, /seconds/],
      ["/undo", "x".repeat(20_000), 413, /Too long/],
      ["/nothing", {}, 404, /nothing here/],
    ];
    for (const [path, body, status, message] of bad) {
      const answer = await post(path, body);
      expect(answer.status, `${path} ${JSON.stringify(body).slice(0, 80)}`).toBe(status);
      expect(((await answer.json()) as { error: { message: string } }).error.message).toMatch(message);
    }
    for (const path of ["/picture/..%2f..%2fstudy.json", "/picture/0", "/study.json", "/..%2fstudy.json"])
      expect((await fetch(server.url + path)).status, path).toBe(404);
    expect((await readStudy(file)).raters).toEqual([]);
    expect(logs).toEqual([]);
  });

  it("a picture that was made again is not passed off as the one that was judged", async () => {
    const { question } = await begin("Ann");
    const study = await readStudy(file);
    for (const { a, b } of study.pairs)
      for (const { path } of [a, b]) await writePicture(blankPicture(12, 8), join(file, "..", path));
    const answer = await fetch(server.url + question!.left);
    expect(answer.status).toBe(409);
    // The file's name would tell the method: it is for the one who started the study.
    const said = await answer.text();
    expect(said).toContain("said where the study was started");
    expect(said).not.toContain("method");
    expect(logs.splice(0).join()).toMatch(/The picture run\/pictures\/.*Begin a new study/);
  });

  it("a study's file that was damaged meanwhile is said to be, and is left as it is", async () => {
    await begin("Ann");
    await writeFile(file, "{");
    const answer = await post("/choice", { rater: "Ann", question: 1, side: "left", seconds: 1 });
    expect(answer.status).toBe(409);
    expect(await answer.text()).not.toContain(folder);
    expect(logs.splice(0).join()).toContain(`${file} is not a study`);
    expect(await readFile(file, "utf8")).toBe("{");
  });
});
