/** OpenAI's image API: /v1/images/edits and /v1/models. */
import type { OpenAPIHono } from "@hono/zod-openapi";
import { z } from "@hono/zod-openapi";
import type { Context } from "hono";
import { type SSEStreamingApi, streamSSE } from "hono/streaming";
import { coverPicture } from "../../images/encode.node.ts";
import { describeError } from "../errors.ts";
import { ownerOfRequest } from "../guard.ts";
import type { Parts } from "../parts.ts";
import type { Job } from "../queue/queue.ts";
import { fileField } from "../routes/form.ts";
import { route } from "../routes/route.ts";
import { warningsOf } from "../view.ts";
import { addLinks, linkOf } from "./link.ts";
import { type OpenAIRequest, ParameterError, parametersSchema, readRequest } from "./request.ts";
import {
  beginEdit,
  type Edit,
  finish,
  keepForLinks,
  reshape,
  resultPicture,
  type Shape,
  shapeOf,
} from "./run.ts";

const tag = "OpenAI";
/** Nothing is counted, nothing is billed. */
const USAGE = {
  input_tokens: 0,
  output_tokens: 0,
  total_tokens: 0,
  input_tokens_details: { image_tokens: 0, text_tokens: 0 },
};

export function addOpenAI(app: OpenAPIHono, parts: Parts): void {
  const { catalog, limits, store, metrics } = parts;

  route(
    app,
    {
      method: "post",
      path: "/v1/images/edits",
      tag,
      summary: "OpenAI's images.edit",
      description:
        "In a mask transparent = edit. Beyond OpenAI's: session (an id, or new), from (a node), seed, steps; the answer has `emilie`.",
      body: {
        "multipart/form-data": parametersSchema.extend({ image: fileField, mask: fileField.optional() }),
        "application/json": parametersSchema.extend({ images: z.any(), mask: z.any().optional() }),
      },
      answer: z.looseObject({
        created: z.int(),
        data: z.array(z.looseObject({ b64_json: z.string().optional(), url: z.string().optional() })),
      }),
    },
    async (c) => {
      try {
        const request = await readRequest(c, limits.uploadBytes);
        const shape = shapeOf(request.parameters);
        const edit = await beginEdit(parts, request, ownerOfRequest(c));
        return request.parameters.stream
          ? streamed(c, request, edit, shape)
          : await whole(c, request, edit, shape);
      } catch (error) {
        if (error instanceof ParameterError) return parameterError(c, error);
        throw error;
      }
    },
  );

  async function whole(
    c: Context,
    { parameters }: OpenAIRequest,
    edit: Edit,
    shape: Shape,
  ): Promise<Response> {
    let isLinked = false;
    try {
      const job = await finish(parts, edit, c.req.raw.signal);
      if (parameters.response_format === "url") {
        await keepForLinks(parts, edit);
        isLinked = true;
      }
      const data = job.nodes.map(async (node) => {
        if (parameters.response_format === "url") return { url: linkOf(parts, c, edit.session, node, shape) };
        return { b64_json: base64(await resultPicture(parts, edit.session, node, shape)) };
      });
      const output = {
        output_format: shape.format,
        size: await sizeOf(edit.session, shape),
        ...saidBack(parameters),
      };
      return c.json({
        created: seconds(),
        data: await Promise.all(data),
        ...output,
        usage: USAGE,
        emilie: extension(edit, job),
      });
    } finally {
      if (!isLinked) await edit.dispose();
    }
  }

  function streamed(c: Context, { parameters }: OpenAIRequest, edit: Edit, shape: Shape): Response {
    return streamSSE(c, async (out) => {
      const controller = new AbortController();
      out.onAbort(() => controller.abort());
      let partial = 0;
      const size = await sizeOf(edit.session, shape);
      const common = {
        created_at: seconds(),
        output_format: shape.format,
        ...saidBack(parameters),
        size,
      };
      try {
        const job = await finish(parts, edit, controller.signal, async (event) => {
          if (event.type !== "preview") return;
          const b64_json = base64(await previewPicture(edit.session, event.picture, shape));
          await send(out, {
            type: "image_edit.partial_image",
            b64_json,
            partial_image_index: partial++,
            ...common,
          });
        });
        for (const node of job.nodes) {
          const b64_json = base64(await resultPicture(parts, edit.session, node, shape));
          await send(out, {
            type: "image_edit.completed",
            b64_json,
            ...common,
            usage: USAGE,
            emilie: extension(edit, job),
          });
        }
      } catch (error) {
        const { code, message } = describeError(error, metrics);
        await send(out, { type: "error", error: { type: "server_error", code, message, param: null } });
      } finally {
        await edit.dispose();
      }
    });
  }

  /** Previews are small; a program may expect pictures of the size it asked for. */
  async function previewPicture(session: string, url: string, shape: Shape): Promise<Uint8Array> {
    const { width, height } = (await store.read(session)).manifest.picture;
    const bytes = Buffer.from(url.slice(url.indexOf(",") + 1), "base64");
    const [wide, high] = shape.size ?? [width, height];
    return reshape(await coverPicture(bytes, wide, high), { ...shape, size: null });
  }

  async function sizeOf(session: string, { size }: Shape): Promise<string> {
    const { width, height } = (await store.read(session)).manifest.picture;
    return size ? `${size[0]}x${size[1]}` : `${width}x${height}`;
  }

  function extension({ session, seed }: Edit, job: Job) {
    const seeds = job.nodes.map((_, i) => `${seed + BigInt(i)}`);
    return { session, job: job.id, nodes: job.nodes, seeds, warnings: warningsOf(job) };
  }

  const model = z.object({
    id: z.string(),
    object: z.literal("model"),
    created: z.int(),
    owned_by: z.string(),
  });
  const entries = async () => {
    const { models } = await catalog.list();
    const usable = models.filter(({ state }) => state === "available" || state === "selected");
    return usable.map(({ id }) => ({
      id,
      object: "model" as const,
      created: 0,
      owned_by: id.split("/")[0]!,
    }));
  };
  route(
    app,
    {
      method: "get",
      path: "/v1/models",
      tag,
      summary: "OpenAI's models.list",
      answer: z.object({ object: z.literal("list"), data: z.array(model) }),
    },
    async (c) => c.json({ object: "list", data: await entries() }),
  );
  addLinks(app, parts);
  // Names have slashes, which programs may send as they are.
  app.get("/v1/models/:id{.+}", async (c) => {
    const id = c.req.param("id");
    const found = (await entries()).find((entry) => entry.id === id);
    if (found) return c.json(found);
    const message = `The model '${id.slice(0, 120)}' does not exist.`;
    return parameterError(c, new ParameterError("model", message, "model_not_found", 404));
  });
}

function parameterError(c: Context, { message, param, openaiCode, status }: ParameterError): Response {
  return c.json(
    { error: { message, type: "invalid_request_error", param: param || null, code: openaiCode } },
    status,
  );
}

function send(out: SSEStreamingApi, event: { type: string } & Record<string, unknown>): Promise<void> {
  return out.writeSSE({ event: event.type, data: JSON.stringify(event) });
}

/** Of the parameters those that OpenAI's answers repeat. */
function saidBack({ quality, background }: OpenAIRequest["parameters"]) {
  return { quality: quality ?? "auto", background: background ?? "auto" };
}

const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString("base64");
const seconds = () => Math.floor(Date.now() / 1000);
