/** The study's page and the four requests that it makes. Nothing that leaves here says which method a picture is of. */

import { createHmac } from "node:crypto";
import { Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { z } from "zod";
import {
  ALL_HEADERS,
  EmilieError,
  encodePng,
  guard,
  isEmilieError,
  readPicture,
  staticFiles,
} from "../library.ts";
import { readStudyPicture, updateStudy } from "./file.node.ts";
import { nextQuestion, raterOf, withChoice, withoutLastChoice, withRater } from "./raters.ts";
import type { Asked, Pair, Rater, Study } from "./study.ts";

export interface StudyAppOptions {
  /** The study's file. */
  readonly file: string;
  /** The folder of the page's files. */
  readonly page: string;
  readonly host: string;
  /** Told of what nobody expected. */
  readonly log: (line: string) => void;
}

/** What the page knows about a rater: never a method's name, a file's name, or which side is which. */
export interface StudyView {
  readonly rater: string;
  readonly done: number;
  readonly total: number;
  /** Null when all is answered. */
  readonly question: {
    readonly number: number;
    readonly instructions: readonly string[];
    /** Addresses of pictures. */
    readonly source: string;
    readonly left: string;
    readonly right: string;
  } | null;
  /** Pictures of the question after it, to be fetched meanwhile. */
  readonly ahead: readonly string[];
}

const raterBody = z.strictObject({ rater: z.string().max(100) });
const choiceBody = z.strictObject({
  rater: z.string().max(100),
  /** The number of the question that was shown. */
  question: z.int().positive(),
  side: z.enum(["left", "right"]),
  seconds: z.number().min(0).max(86_400),
});

/** A person chooses a few times a minute; a page that reloads fetches a few pictures at once. */
const RATE = { requestsPerSecond: 50, burst: 200 };
const MAX_BODY = 10_000;
const KEPT_PICTURES = 24;

export function createStudyApp(study: Study, options: StudyAppOptions): Hono {
  const { file, page, host, log } = options;
  const address = (path: string) =>
    createHmac("sha256", study.secret).update(path).digest("hex").slice(0, 32);
  const files = new Map(
    study.pairs.flatMap(({ source, a, b }) => [source, a, b]).map((one) => [address(one.path), one]),
  );
  const pictures = new Map<string, Promise<Uint8Array>>();
  const app = new Hono();

  app.use(async (c, next) => {
    await next();
    for (const [name, value] of Object.entries(ALL_HEADERS)) c.res.headers.set(name, value);
  });
  app.use(guard({ host, token: null, ...RATE }));
  app.use(
    bodyLimit({ maxSize: MAX_BODY, onError: (c) => c.json(problem("option.invalid", "Too long."), 413) }),
  );
  app.onError((error, c) => {
    if (isEmilieError(error)) {
      const status = STATUS[error.code] ?? 400;
      // Messages about files name them, and a file's name may name a method: they are for whoever started the study.
      const told = TELLING.includes(error.code) ? TOLD_ELSEWHERE : error.message;
      if (told !== error.message) log(`! ${error.message}`);
      return c.json(problem(error.code, told), status);
    }
    log(`! ${error.stack ?? error.message}`);
    return c.json(
      problem("runtime.failed", "An unexpected error occurred in the server. See its log for details."),
      500,
    );
  });
  app.notFound((c) => c.json(problem("server.missing", "There is nothing here."), 404));

  /** One step of a rater, saved before it is answered. */
  const step = (name: string, change: (rater: Rater, study: Study) => Rater): Promise<StudyView> =>
    updateStudy(file, (now) => {
      const rater = change(raterOf(now, name), now);
      return { study: withRater(now, rater), result: viewOf(now.pairs, rater, address) };
    });

  app.post("/rater", async (c) => {
    const { rater } = await bodyOf(c.req.raw, raterBody);
    return c.json(await step(rater, (so) => so));
  });
  app.post("/choice", async (c) => {
    const { rater, question, side, seconds } = await bodyOf(c.req.raw, choiceBody);
    const view = await step(rater, (so) => {
      const asked = nextQuestion(so);
      // Another tab has answered it, or a request came twice: what is saved stays, and the page shows where things stand.
      if (!asked || question !== so.choices.length + 1) return so;
      return withChoice(so, side === "left" ? asked.left : other(asked.left), seconds, new Date());
    });
    return c.json(view);
  });
  app.post("/undo", async (c) => {
    const { rater } = await bodyOf(c.req.raw, raterBody);
    return c.json(await step(rater, withoutLastChoice));
  });
  app.get("/picture/:id", async (c) => {
    const id = c.req.param("id");
    const found = files.get(id);
    if (!found) throw new EmilieError("server.missing", "There is no such picture.");
    // Encoded anew: a file may carry the recipe of the edit that made it.
    const png =
      pictures.get(id) ??
      readStudyPicture(file, found)
        .then(readPicture)
        .then((picture) => encodePng(picture));
    pictures.delete(id);
    pictures.set(id, png);
    if (pictures.size > KEPT_PICTURES) pictures.delete(pictures.keys().next().value!);
    png.catch(() => pictures.delete(id));
    return c.body(new Uint8Array(await png), 200, {
      "content-type": "image/png",
      "cache-control": "private, max-age=86400",
    });
  });
  app.use(staticFiles(page));
  return app;
}

const STATUS: Readonly<Record<string, 403 | 404 | 409 | 429 | 500>> = {
  "server.denied": 403,
  "server.missing": 404,
  "server.busy": 429,
  "study.invalid": 409,
  "io.failed": 500,
};
const TELLING = ["study.invalid", "io.failed", "image.unreadable", "image.too-large"];
const TOLD_ELSEWHERE =
  "The study's file or one of its pictures is not as it was. What is wrong is said where the study was started.";
const problem = (code: string, message: string) => ({ error: { code, message } });
const other = (letter: Asked["left"]): Asked["left"] => (letter === "a" ? "b" : "a");

async function bodyOf<T>(request: Request, schema: z.ZodType<T>): Promise<T> {
  const parsed = schema.safeParse(await request.json().catch(() => undefined));
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0]!;
  throw new EmilieError("option.invalid", `${issue.path.join(".") || "the body"}: ${issue.message}`);
}

function viewOf(pairs: readonly Pair[], rater: Rater, address: (path: string) => string): StudyView {
  const { name, order, choices } = rater;
  const show = (asked: Asked | undefined) => {
    if (!asked) return null;
    const pair = pairs[asked.pair]!;
    const url = ({ path }: Pair["source"]) => `/picture/${address(path)}`;
    return {
      source: url(pair.source),
      left: url(pair[asked.left]),
      right: url(pair[other(asked.left)]),
      pair,
    };
  };
  const [now, next] = [show(nextQuestion(rater)), show(order[choices.length + 1])];
  return {
    rater: name,
    done: choices.length,
    total: order.length,
    question: now && {
      number: choices.length + 1,
      instructions: now.pair.instructions,
      ...{ source: now.source, left: now.left, right: now.right },
    },
    ahead: next ? [next.source, next.left, next.right] : [],
  };
}
