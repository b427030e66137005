/** /models, /examples, /info: what there is to work with. */
import { type OpenAPIHono, z } from "@hono/zod-openapi";
import { EmilieError } from "../../errors.ts";
import { readPicture } from "../../images/codec.node.ts";
import { MAX_TEXT } from "../../limits.ts";
import { CONTROLS } from "../../method/gradient-control.ts";
import { samplerNames } from "../../samplers/index.ts";
import { EXAMPLES } from "../examples.ts";
import { MAX_VARIATIONS } from "../limits.ts";
import type { Parts } from "../parts.ts";
import * as s from "../schemas/index.ts";
import { readJson } from "./body.ts";
import { route } from "./route.ts";
import { examplePicture } from "./sessions.ts";

export function addModels(app: OpenAPIHono, parts: Parts): void {
  const { catalog, worker, limits, version, token, metrics } = parts;

  route(
    app,
    {
      method: "get",
      path: "/info",
      tag: "Server",
      summary: "The server: version, limits, what it understands",
      answer: s.serverInfoSchema,
    },
    (c) =>
      c.json({
        name: "emilie",
        version,
        model: catalog.selected,
        samplers: samplerNames,
        controls: CONTROLS,
        limits: {
          uploadBytes: limits.uploadBytes,
          pixels: limits.pixels,
          variations: MAX_VARIATIONS,
          instructionLength: MAX_TEXT,
        },
        auth: token !== null,
      }),
  );

  route(
    app,
    {
      method: "get",
      path: "/examples",
      tag: "Server",
      summary: "Pictures to try it on",
      answer: z.array(s.exampleSchema),
    },
    async (c) => {
      const examples = EXAMPLES.map(async ({ name, title, suggestions }) => {
        const { width, height } = await readPicture(await examplePicture(name));
        return { name, title, width, height, suggestions };
      });
      return c.json(await Promise.all(examples));
    },
  );
  route(
    app,
    {
      method: "get",
      path: "/examples/{example}",
      tag: "Server",
      summary: "An example picture",
      params: z.object({ example: z.string().max(60) }),
      answer: ["image/png"],
    },
    async (c, { params: { example } }) => {
      const found = EXAMPLES.find(({ name }) => name === example);
      if (!found) throw new EmilieError("server.missing", `There is no example ${JSON.stringify(example)}.`);
      const bytes = new Uint8Array(await examplePicture(found.name));
      return c.body(bytes, 200, { "content-type": "image/png", "cache-control": "private, max-age=3600" });
    },
  );

  route(
    app,
    {
      method: "get",
      path: "/models",
      tag: "Models",
      summary: "Models that are here, and what each can do",
      answer: s.modelListSchema,
    },
    async (c) => c.json(await catalog.list()),
  );
  route(
    app,
    {
      method: "post",
      path: "/models/select",
      tag: "Models",
      summary: "Choose the model of new sessions; it is loaded",
      body: { "application/json": s.selectModelSchema },
      answer: s.modelListSchema,
    },
    async (c) => {
      const { model } = await readJson(c, s.selectModelSchema);
      const load = await catalog.resolve(model);
      await catalog.select(model);
      // Behind a running edit of another model this takes a while; the choice itself need not wait.
      void worker.call("load", { model: load }).then(
        () => catalog.tellLoaded(model),
        (error) => metrics.problem(error),
      );
      return c.json(await catalog.list());
    },
  );
  route(
    app,
    {
      method: "post",
      path: "/models/pull",
      tag: "Models",
      summary: "Fetch a model from the hub; progress comes as events",
      body: { "application/json": s.pullModelSchema },
      status: 202,
      answer: s.modelSchema,
    },
    async (c) => {
      const { model, variant } = await readJson(c, s.pullModelSchema);
      return c.json(await catalog.pull(model, variant), 202);
    },
  );
  route(
    app,
    {
      method: "post",
      path: "/models/pull/cancel",
      tag: "Models",
      summary: "Stop fetching a model; what has arrived is kept",
      body: { "application/json": s.selectModelSchema },
      answer: s.modelSchema,
    },
    async (c) => c.json(await catalog.cancelPull((await readJson(c, s.selectModelSchema)).model)),
  );
}
