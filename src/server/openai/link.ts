/** The pictures of answers by address: the same bytes that the answer would have had in base64. */
import { type OpenAPIHono, z } from "@hono/zod-openapi";
import type { Context } from "hono";
import { LINK_PATH } from "../links.ts";
import type { Parts } from "../parts.ts";
import { route } from "../routes/route.ts";
import { nodeId, sessionId } from "../schemas/index.ts";
import { resultPicture, type Shape } from "./run.ts";

/** What a link says; that nobody has altered it, its signature shows. */
const linkSchema = z.object({
  format: z.enum(["png", "jpeg", "webp"]),
  quality: z.int().min(1).max(100).optional(),
  size: z
    .string()
    .regex(/^\d{2,4}x\d{2,4}$/)
    .optional(),
  opaque: z.boolean().optional(),
  until: z.int(),
  signature: z.string(),
});

export function linkOf(
  { links }: Parts,
  c: Context,
  session: string,
  node: string,
  { format, quality, size, opaque }: Shape,
): string {
  return links.make(c, `${session}/${node}`, {
    format,
    ...(quality !== undefined && { quality: `${quality}` }),
    ...(size && { size: size.join("x") }),
    ...(opaque && { opaque: "true" }),
  });
}

export function addLinks(app: OpenAPIHono, parts: Parts): void {
  route(
    app,
    {
      method: "get",
      path: `${LINK_PATH}{session}/{node}`,
      tag: "OpenAI",
      summary: "A result that was answered as an address, which is its own key for an hour",
      params: z.object({ session: sessionId, node: nodeId }),
      query: linkSchema,
      answer: ["image/png", "image/jpeg", "image/webp"],
    },
    async (c, { params, query }) => {
      parts.links.check(c.req.url);
      const { format, quality, opaque = false, until } = query;
      const [width, height] = query.size?.split("x").map(Number) ?? [];
      const size = width && height ? ([width, height] as const) : null;
      const picture = await resultPicture(parts, params.session, params.node, {
        ...{ format, quality, opaque, size },
      });
      const seconds = Math.max(0, Math.floor((until - Date.now()) / 1000));
      return c.body(new Uint8Array(picture), 200, {
        "content-type": `image/${format}`,
        "cache-control": `private, max-age=${seconds}`,
      });
    },
  );
}
