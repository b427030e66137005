/** /sessions/{session}/nodes: names, deletion, and what is made of a node: edits, replays, relevance. */
import { type OpenAPIHono, z } from "@hono/zod-openapi";
import type { Context } from "hono";
import { InputError } from "../../input/input-error.ts";
import { parseJson } from "../../input/json.ts";
import { sortByName } from "../../input/names.ts";
import { readInput } from "../../input/read-input.ts";
import { ownerOfRequest } from "../guard.ts";
import type { Parts } from "../parts.ts";
import type { Work } from "../queue/queue.ts";
import { editWork, relevanceWork, replayWork, type UploadedParts } from "../requests.ts";
import * as s from "../schemas/index.ts";
import { emitSession } from "../sessions.ts";
import { binNode, deleteNode, findNode, renameNode, restoreNode } from "../store/tree.ts";
import { callOn } from "../subject.ts";
import { nodeView, sessionView, sizesOf } from "../view.ts";
import { readJson } from "./body.ts";
import { isForm, readParts, textOf, uploadOf } from "./form.ts";
import { route } from "./route.ts";

const session = z.object({ session: s.sessionId });
const node = session.extend({ node: s.nodeId });
const MULTIPART =
  "Masks may be uploaded with it: then the JSON is the part `request`, and `{ part: NAME }` names the others.";

const NO_REQUEST =
  'The form needs a part "request" with the request as JSON; masks beside it are named in it by { part: NAME }.';

export function addNodes(app: OpenAPIHono, parts: Parts): void {
  const { store, queue, dispatcher, limits, events, calls } = parts;
  const nameField = z.strictObject({ name: s.name });

  route(
    app,
    {
      method: "patch",
      path: "/sessions/{session}/nodes/{node}",
      tag: "Nodes",
      summary: 'Name a node; "" takes the name away',
      params: node,
      body: { "application/json": nameField },
      answer: s.nodeSchema,
    },
    async (c, { params }) => {
      const { name } = await readJson(c, nameField);
      const renamed = await store.change(params.session, (draft) => renameNode(draft, params.node, name));
      const { manifest } = await store.read(params.session);
      const view = nodeView(renamed, sizesOf(manifest));
      events.emit({ type: "node", session: params.session, job: null, node: view });
      return c.json(view);
    },
  );

  route(
    app,
    {
      method: "delete",
      path: "/sessions/{session}/nodes/{node}",
      tag: "Nodes",
      summary: "Delete a node and everything made from it",
      params: node,
      answer: s.sessionSchema,
    },
    async (c, { params }) => {
      const gone = await store.change(params.session, (draft) => deleteNode(draft, params.node));
      const record = await store.read(params.session);
      emitSession(parts, record, gone);
      return c.json(sessionView(record));
    },
  );

  for (const [verb, summary, change] of [
    ["bin", "Put a node and everything made from it into the session's bin", binNode],
    [
      "restore",
      "Take a node out of the bin, with what it was made from and what was made from it",
      restoreNode,
    ],
  ] as const) {
    route(
      app,
      {
        method: "post",
        path: `/sessions/{session}/nodes/{node}/${verb}`,
        tag: "Nodes",
        summary,
        params: node,
        answer: s.sessionSchema,
      },
      async (c, { params }) => {
        const gone = (await store.change(params.session, (draft) => change(draft, params.node))) ?? [];
        const record = await store.read(params.session);
        emitSession(parts, record, gone);
        return c.json(sessionView(record));
      },
    );
  }

  route(
    app,
    {
      method: "post",
      path: "/sessions/{session}/edits",
      tag: "Edits",
      summary: "Ask for an edit",
      description: MULTIPART,
      params: session,
      body: {
        "application/json": s.editRequestSchema,
        "multipart/form-data": z.object({ request: z.string() }),
      },
      status: 202,
      answer: s.jobSchema,
    },
    async (c, { params }) => {
      const { request, uploads } = await readRequest(c, s.editRequestSchema);
      return enqueue(c, params.session, await editWork(parts, params.session, request, uploads));
    },
  );

  route(
    app,
    {
      method: "post",
      path: "/sessions/{session}/nodes/{node}/replay",
      tag: "Edits",
      summary: "Change a step and make again what followed it, on a branch of its own",
      description: MULTIPART,
      params: node,
      body: {
        "application/json": s.replayRequestSchema,
        "multipart/form-data": z.object({ request: z.string() }),
      },
      status: 202,
      answer: s.jobSchema,
    },
    async (c, { params }) => {
      const { request, uploads } = await readRequest(c, s.replayRequestSchema);
      return enqueue(
        c,
        params.session,
        await replayWork(parts, params.session, params.node, request, uploads),
      );
    },
  );

  route(
    app,
    {
      method: "post",
      path: "/sessions/{session}/relevance",
      tag: "Edits",
      summary: "Where would an instruction change the picture? A preview of the automatic mask",
      params: session,
      body: { "application/json": s.relevanceRequestSchema },
      status: 202,
      answer: s.jobSchema,
    },
    async (c, { params }) => {
      const request = await readJson(c, s.relevanceRequestSchema);
      return enqueue(c, params.session, await relevanceWork(parts, params.session, request));
    },
  );

  route(
    app,
    {
      method: "post",
      path: "/sessions/{session}/understand",
      tag: "Edits",
      summary: "Does the model understand an instruction? A model that does not say takes every one",
      params: session,
      body: { "application/json": s.understandRequestSchema },
      answer: s.understandingSchema,
    },
    async (c, { params }) => {
      const { instruction, from } = await readJson(c, s.understandRequestSchema);
      const { manifest } = await store.read(params.session);
      const { id: node } = findNode(manifest, from ?? manifest.head);
      const ask = () => callOn(parts, "understand", params.session, { node, instruction });
      return c.json(await calls.run(ask));
    },
  );

  async function readRequest<R extends s.ReplayRequest>(c: Context, schema: z.ZodType<R>) {
    if (!isForm(c)) return { request: await readJson(c, schema), uploads: new Map() as UploadedParts };
    const given = (await readParts(c, limits.uploadBytes)).map((part) => [part.name, part] as const);
    // Which parts there may be, the request itself says.
    const text = given.find(([name]) => name.trim().toLowerCase() === "request")?.[1];
    if (!text) throw new InputError("request", "missing", NO_REQUEST);
    const request = readInput(schema, parseJson(textOf(text), "the form's part request"), "part request");
    const known = ["request", ...partsNamed(request)];
    const sorted = sortByName(
      given,
      { known },
      "the form (masks are named in its request, by { part: NAME })",
    );
    sorted.delete("request");
    const uploads = new Map([...sorted].map(([name, [part]]) => [name, uploadOf(part!)] as const));
    return { request, uploads };
  }

  async function enqueue(c: Context, id: string, work: Work): Promise<Response> {
    const job = await queue.add(id, work, ownerOfRequest(c));
    const view = await dispatcher.view(job);
    events.emit({ type: "job", job: view });
    dispatcher.wake();
    return c.json(view, 202);
  }
}

/** The names of the parts that a request says its masks are in, wherever it says so. */
function partsNamed({ mask, regions = [] }: Pick<s.ReplayRequest, "mask" | "regions">): string[] {
  const masks = [mask, ...regions.map((region) => region.mask)];
  return masks.flatMap((one) => (one && "part" in one ? [one.part] : []));
}
