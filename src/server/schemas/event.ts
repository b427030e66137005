/** What the event stream says. Each event has an id; who reconnects with the last one misses nothing that is still kept. */
import { z } from "@hono/zod-openapi";
import { jobId, nodeId, sessionId } from "./common.ts";
import { jobSchema, progressSchema } from "./job.ts";
import { modelSchema } from "./model.ts";
import { nodeSchema, sessionSummarySchema } from "./session.ts";

export const eventSchema = z
  .discriminatedUnion("type", [
    z.object({ type: z.literal("job"), job: jobSchema }),
    z.object({ type: z.literal("progress"), job: jobId, session: sessionId, progress: progressSchema }),
    z.object({
      type: z.literal("preview"),
      job: jobId,
      session: sessionId,
      edit: z.int(),
      step: z.int(),
      picture: z.string().openapi({ description: "A data: URL of a small JPEG or PNG" }),
    }),
    z.object({ type: z.literal("node"), session: sessionId, job: jobId.nullable(), node: nodeSchema }),
    z.object({
      type: z.literal("session"),
      session: sessionSummarySchema,
      canUndo: z.boolean(),
      canRedo: z.boolean(),
      deleted: z.array(nodeId).openapi({ description: "Nodes that were deleted since the last event" }),
    }),
    z.object({ type: z.literal("session-deleted"), session: sessionId }),
    z.object({ type: z.literal("model"), model: modelSchema, selected: z.string() }),
    z
      .object({ type: z.literal("reset") })
      .openapi({ description: "Events were missed: fetch the state again" }),
  ])
  .openapi("Event");

export type ServerEvent = z.output<typeof eventSchema>;
