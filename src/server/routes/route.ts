/** One way to make a route: it is checked, documented in /openapi.json, and answers errors in one shape. */
import type { OpenAPIHono, z } from "@hono/zod-openapi";
import type { Context } from "hono";
import { sortByName } from "../../input/names.ts";
import { readInput } from "../../input/read-input.ts";
import { errorSchema } from "../schemas/index.ts";

type ObjectSchema = z.ZodObject;
type Values<S> = S extends z.ZodType ? z.output<S> : Record<string, never>;

export interface RouteSpec<P, Q> {
  readonly method: "get" | "post" | "put" | "patch" | "delete";
  /** As OpenAPI writes it: /sessions/{session} */
  readonly path: string;
  readonly tag: string;
  readonly summary: string;
  readonly description?: string;
  readonly params?: P;
  readonly query?: Q;
  /** Whether other query parameters are let pass, as monitors add them. Default: they are refused. */
  readonly anyQuery?: boolean;
  /** For the document: content types and what they hold. The handler reads the body with one of body.ts's functions. */
  readonly body?: Readonly<Record<string, z.ZodType>>;
  readonly status?: number;
  /** A schema for JSON; content types for anything else; null for no content. */
  readonly answer: z.ZodType | readonly string[] | null;
}

export interface Input<P, Q> {
  readonly params: Values<P>;
  readonly query: Values<Q>;
}

export function route<
  P extends ObjectSchema | undefined = undefined,
  Q extends ObjectSchema | undefined = undefined,
>(
  app: OpenAPIHono,
  spec: RouteSpec<P, Q>,
  handler: (c: Context, input: Input<P, Q>) => Promise<Response> | Response,
): void {
  const { method, path, tag, summary, description, params, query, anyQuery, body, answer } = spec;
  const { status = 200 } = spec;
  app.openAPIRegistry.registerPath({
    ...{ method, path, summary, description, tags: [tag] },
    request: {
      params: params as ObjectSchema | undefined,
      query: query as ObjectSchema | undefined,
      body: body && { required: true, content: content(body) },
    },
    responses: {
      [status]: { description: "Done", content: answerContent(answer) },
      default: { description: "Error", content: { "application/json": { schema: errorSchema } } },
    },
  });
  app.on(method, path.replace(/\{(\w+)\}/g, ":$1"), async (c) => {
    const input = {
      params: params ? readInput(params, c.req.param(), "path") : {},
      query: anyQuery ? {} : readQuery(c, query),
    };
    return handler(c, input as Input<P, Q>);
  });
}

/** @throws EmilieError "option.invalid" for a parameter that is not known, given twice, or wrong */
function readQuery(c: Context, schema: ObjectSchema | undefined): unknown {
  const known = Object.keys(schema?.shape ?? {});
  const sorted = sortByName(new URL(c.req.url).searchParams, { known }, "the query");
  return schema ? readInput(schema, Object.fromEntries([...sorted].map(([k, [v]]) => [k, v])), "query") : {};
}

function content(types: Readonly<Record<string, z.ZodType>>) {
  return Object.fromEntries(Object.entries(types).map(([type, schema]) => [type, { schema }]));
}

function answerContent(answer: RouteSpec<undefined, undefined>["answer"]) {
  if (answer === null) return undefined;
  if (!Array.isArray(answer)) return { "application/json": { schema: answer as z.ZodType } };
  const binary = { schema: { type: "string", format: "binary" } } as const;
  return Object.fromEntries(answer.map((type: string) => [type, binary]));
}
