/** /sessions: open, list, rename, delete, take away, bring in; and moving the head. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { type OpenAPIHono, z } from "@hono/zod-openapi";
import { EmilieError } from "../../errors.ts";
import { packageRoot } from "../../runtime/package-root.node.ts";
import { EXAMPLES } from "../examples.ts";
import { Slots } from "../limits.ts";
import type { Parts } from "../parts.ts";
import * as s from "../schemas/index.ts";
import { createSession, deleteSession, emitSession, exportSession, importSession } from "../sessions.ts";
import { findSessions } from "../store/find.ts";
import { redoTarget, setHead, touch, undoTarget } from "../store/tree.ts";
import { sessionView, summaryView } from "../view.ts";
import { readJson } from "./body.ts";
import { fileField, isForm, readForm, requireFile, uploadOf } from "./form.ts";
import { route } from "./route.ts";

const tag = "Sessions";
const params = z.object({ session: s.sessionId });
const nameField = z.object({ name: s.name });
const pictureFields = s.newSessionSchema.omit({ example: true });
const importFields = z.object({ name: s.name.optional() });

export function addSessions(app: OpenAPIHono, parts: Parts): void {
  const { store, limits } = parts;

  route(
    app,
    {
      method: "get",
      path: "/sessions",
      tag,
      summary: "All sessions, the one changed last first",
      query: z.object({
        search: z
          .string()
          .max(200)
          .optional()
          .openapi({ description: "Only those whose name or instructions contain it" }),
        bin: z.boolean().optional().openapi({ description: "Those in the bin instead of the others" }),
        limit: z.int().min(1).max(1000).optional().openapi({ description: "Maximum number" }),
        before: z
          .int()
          .min(0)
          .optional()
          .openapi({ description: "Only those modified before then (ms since 1970): the next page" }),
      }),
      answer: z.array(s.sessionSummarySchema),
    },
    async (c, { query: { search = "", bin = false, limit, before } }) => {
      const asked = await findSessions(store, { search: search.trim().toLowerCase(), bin, limit, before });
      return c.json(asked.map(summaryView));
    },
  );

  route(
    app,
    {
      method: "post",
      path: "/sessions",
      tag,
      summary: "Open a session on a picture or an example",
      body: {
        "multipart/form-data": z.object({
          picture: fileField,
          ...pictureFields.shape,
        }),
        "application/json": s.newSessionSchema,
      },
      status: 201,
      answer: s.openedSessionSchema,
    },
    async (c) => {
      const given = isForm(c) ? await fromForm() : await fromExample();
      const opened = await createSession(parts, given);
      return c.json({ ...sessionView(opened), warnings: opened.warnings }, 201);

      async function fromForm() {
        const form = await readForm(c, { files: ["picture"], fields: pictureFields }, limits.uploadBytes);
        const picture = requireFile(form, "picture");
        const { name = titleOf(picture.file), ...given } = form.values;
        return { picture: uploadOf(picture), name, ...given };
      }
      async function fromExample() {
        const { example, name, model, workingSize } = await readJson(c, s.newSessionSchema);
        const found = EXAMPLES.find((one) => one.name === example);
        if (!found) {
          const names = EXAMPLES.map((one) => one.name).join(", ");
          throw new EmilieError(
            "server.missing",
            `There is no example ${JSON.stringify(example)}; there are ${names}.`,
          );
        }
        return { picture: await examplePicture(found.name), name: name ?? found.title, model, workingSize };
      }
    },
  );

  // A file takes several times its size until it is kept: the others stay in their senders' hands.
  const imports = new Slots(1);
  route(
    app,
    {
      method: "post",
      path: "/sessions/import",
      tag,
      summary: "Add the session of an .emilie file",
      body: { "multipart/form-data": importFields.extend({ session: fileField }) },
      status: 201,
      answer: s.sessionSchema,
    },
    async (c) => {
      const record = await imports.run(async () => {
        const form = await readForm(c, { files: ["session"], fields: importFields }, limits.importBytes);
        const file = requireFile(form, "session");
        const { name = titleOf(file.file) } = form.values;
        return importSession(parts, file.bytes, name);
      });
      return c.json(sessionView(record), 201);
    },
  );

  route(
    app,
    {
      method: "get",
      path: "/sessions/{session}",
      tag,
      summary: "A session with its tree",
      params,
      answer: s.sessionSchema,
    },
    async (c, { params: { session } }) => c.json(sessionView(await store.read(session))),
  );

  route(
    app,
    {
      method: "patch",
      path: "/sessions/{session}",
      tag,
      summary: "Rename a session",
      params,
      body: { "application/json": nameField },
      answer: s.sessionSchema,
    },
    async (c, { params: { session } }) => {
      const { name } = await readJson(c, nameField);
      await store.change(session, (draft) => touch(draft, { name: name || "Untitled" }));
      return answer(c, session);
    },
  );

  route(
    app,
    {
      method: "delete",
      path: "/sessions/{session}",
      tag,
      summary: "Delete a session, its jobs and pictures",
      params,
      status: 204,
      answer: null,
    },
    async (c, { params: { session } }) => {
      await deleteSession(parts, session);
      return c.body(null, 204);
    },
  );

  route(
    app,
    {
      method: "get",
      path: "/sessions/{session}/export",
      tag,
      summary: "The session as an .emilie file",
      params,
      answer: ["application/octet-stream"],
    },
    async (c, { params: { session } }) => {
      const { info } = await store.read(session);
      const bytes = await exportSession(parts, session);
      return c.body(new Uint8Array(bytes), 200, {
        "content-type": "application/octet-stream",
        "content-disposition": attachment(`${info.name}.emilie`),
      });
    },
  );

  for (const [verb, summary] of [
    ["bin", "Put a session into the bin, from where it can be restored for 30 days"],
    ["restore", "Take a session out of the bin"],
  ] as const) {
    route(
      app,
      {
        method: "post",
        path: `/sessions/{session}/${verb}`,
        tag,
        summary,
        params,
        answer: s.sessionSchema,
      },
      async (c, { params: { session } }) => {
        await store.change(session, (draft) => {
          draft.info = { ...draft.info, binned: verb === "bin" ? Date.now() : null };
        });
        return answer(c, session);
      },
    );
  }

  const head = z.strictObject({ node: s.nodeId });
  route(
    app,
    {
      method: "put",
      path: "/sessions/{session}/head",
      tag,
      summary: "Choose the node that the next edit starts from",
      params,
      body: { "application/json": head },
      answer: s.sessionSchema,
    },
    async (c, { params: { session } }) => {
      const { node } = await readJson(c, head);
      await store.change(session, (draft) => setHead(draft, node));
      return answer(c, session);
    },
  );

  for (const [verb, target] of [
    ["undo", undoTarget],
    ["redo", redoTarget],
  ] as const) {
    route(
      app,
      {
        method: "post",
        path: `/sessions/{session}/${verb}`,
        tag,
        summary:
          verb === "undo"
            ? "Move the head to its parent; at the original nothing happens"
            : "Move the head to the child it came from",
        params,
        answer: s.sessionSchema,
      },
      async (c, { params: { session } }) => {
        await store.change(session, (draft) => {
          const node = target(draft);
          if (node !== null) setHead(draft, node);
        });
        return answer(c, session);
      },
    );
  }

  async function answer(c: Parameters<Parameters<typeof route>[2]>[0], session: string) {
    const record = await store.read(session);
    emitSession(parts, record);
    return c.json(sessionView(record));
  }
}

/** Only names of the table reach the file system. */
export function examplePicture(name: (typeof EXAMPLES)[number]["name"]): Promise<Uint8Array> {
  return readFile(join(packageRoot(), "examples", `${name}.png`));
}

function titleOf(file: string | null): string {
  return (file ?? "").replace(/\.\w{1,6}$/, "").slice(0, 200);
}

/** A header's file name: ASCII for the old, UTF-8 for the others (RFC 6266). */
export function attachment(name: string): string {
  const plain = name.replace(/[^\w. -]/g, "_");
  const encoded = encodeURIComponent(name).replace(/['()*]/g, (c) => `%${c.charCodeAt(0).toString(16)}`);
  return `attachment; filename="${plain}"; filename*=UTF-8''${encoded}`;
}
