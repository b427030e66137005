/** Models and the server itself, as the API shows them. */
import { z } from "@hono/zod-openapi";
import { statedShape } from "../../method/settings-derived.ts";

export const pullSchema = z
  .object({
    bytes: z.number(),
    totalBytes: z.number().nullable(),
    bytesPerSecond: z.number(),
    secondsLeft: z.number().nullable(),
    error: z.object({ code: z.string(), message: z.string() }).nullable(),
  })
  .openapi("Pull");

export const loadingSchema = z
  .object({
    what: z.string().openapi({ description: "The files that are generated from the model's weights, once" }),
    bytes: z.number(),
    totalBytes: z.number().openapi({ description: "Its size on disk" }),
    secondsLeft: z.number(),
  })
  .openapi("Loading");

const abilitiesSchema = z
  .object({
    summary: z.string().openapi({ description: "What it edits, in a sentence" }),
    suggestions: z
      .array(z.object({ title: z.string(), instructions: z.array(z.string()).readonly() }).readonly())
      .readonly()
      .openapi({ description: "Instructions that work with it, in groups" }),
    limits: z.string().openapi({ description: "What it cannot do" }),
    translations: z
      .record(
        z.string(),
        z.object({
          summary: z.string().optional(),
          limits: z.string().optional(),
          titles: z.record(z.string(), z.string()).optional(),
        }),
      )
      .optional()
      .openapi({
        description: "The same in other languages, by language tag; English is used for missing texts",
      }),
    success: z
      .array(z.object({ what: z.string(), rate: z.number(), n: z.number().int() }).readonly())
      .readonly()
      .openapi({ description: "How often it succeeds: the share of n measured cases" }),
    vocabulary: z
      .object({
        phrases: z.array(z.string()).readonly(),
        fields: z.record(z.string(), z.array(z.string()).readonly()),
      })
      .optional()
      .openapi({ description: "Every edit that it knows, where it refuses others" }),
  })
  .openapi("Abilities");

const availableSchema = z
  .object({
    leastTextGuidance: z
      .number()
      .nullable()
      .openapi({ description: "The minimum text guidance; null: it is 1 in every edit" }),
    leastImageGuidance: z
      .number()
      .nullable()
      .openapi({ description: "The minimum image guidance; null: it is 1 in every edit" }),
    samplers: z.array(z.string()).readonly(),
    controls: z.array(z.string()).readonly(),
    presets: z
      .record(z.string(), z.object(statedShape()))
      .openapi({ description: "What each preset that it has stands for" }),
  })
  .openapi("AvailableSettings");

export const planSchema = z
  .object({
    width: z.number().int(),
    height: z.number().int(),
    takes: z.string().nullable().openapi({
      description:
        "The precision of new sessions where the server was started without one: the most exact that works on this machine, and int8 before fp32 where an edit in fp32 takes many minutes",
    }),
    precisions: z
      .array(
        z.object({
          precision: z.string(),
          memoryBytes: z.number().openapi({ description: "Allocated at the peak of an edit" }),
          derivedBytes: z.number().openapi({ description: "Disk space for weights that are generated once" }),
          works: z.enum(["yes", "slowly", "no"]),
        }),
      )
      .readonly(),
  })
  .openapi("ModelPlan");

export const modelSchema = z
  .object({
    id: z.string().openapi({ example: "picturebook" }),
    from: z.enum(["package", "cache", "folder", "hub"]).openapi({ description: '"hub": not downloaded yet' }),
    state: z.enum(["available", "selected", "pulling", "missing", "unusable"]),
    loaded: z.boolean().openapi({ description: "The worker has it loaded" }),
    family: z.string().nullable(),
    nativeSize: z
      .number()
      .int()
      .nullable()
      .openapi({ description: "The longer side of the pictures it was trained on" }),
    bytes: z.number().nullable(),
    maxReferences: z
      .number()
      .int()
      .openapi({ description: "The number of reference pictures that an edit may have; 0: it takes none" }),
    settings: availableSchema
      .nullable()
      .openapi({ description: "The settings that an edit may have; null where that is not known" }),
    downloadBytes: z
      .number()
      .nullable()
      .openapi({ description: "Download size, if known, of a model that is not on this machine" }),
    license: z.object({ name: z.string(), says: z.string() }).nullable().openapi({ description: "If known" }),
    plan: planSchema.nullable().openapi({ description: "What an edit of that size will need, if known" }),
    defaults: z.object(statedShape()),
    abilities: abilitiesSchema
      .nullable()
      .openapi({ description: "What it can do; null if it does not state this" }),
    description: z.string().openapi({ description: "The same in a few sentences" }),
    suggestions: z.array(z.string()).openapi({ description: "Instructions that work with it" }),
    problem: z.string().nullable().openapi({ description: "Why it cannot be used" }),
    pull: pullSchema.nullable(),
    loading: loadingSchema.nullable().openapi({
      description: "The files that the worker is generating before it can run the model for the first time",
    }),
  })
  .openapi("Model");

export const modelListSchema = z
  .object({ selected: z.string(), models: z.array(modelSchema) })
  .openapi("ModelList");

const modelName = z.string().min(1).max(300).openapi({ example: "timbrooks/instruct-pix2pix" });
export const selectModelSchema = z.strictObject({ model: modelName }).openapi("SelectModel");
export const pullModelSchema = z
  .strictObject({ model: modelName, variant: z.string().max(20).optional() })
  .openapi("PullModel");

export const serverInfoSchema = z
  .object({
    name: z.literal("emilie"),
    version: z.string(),
    model: z.string(),
    samplers: z.array(z.string()),
    controls: z.array(z.string()),
    limits: z.object({
      uploadBytes: z.number().int(),
      pixels: z.number().int(),
      variations: z.number().int(),
      instructionLength: z.number().int(),
    }),
    auth: z.boolean().openapi({ description: "Whether requests need a token" }),
  })
  .openapi("ServerInfo");

export const healthSchema = z
  .object({
    status: z.enum(["ok", "degraded"]),
    problems: z.array(z.string()).openapi({ description: "Why it is degraded, one sentence per problem" }),
    version: z.string(),
    worker: z.object({ state: z.enum(["stopped", "starting", "ready", "busy"]), restarts: z.number().int() }),
    queue: z.object({ waiting: z.number().int(), running: z.number().int() }),
  })
  .openapi("Health");

export const workerSchema = z
  .object({
    name: z.string(),
    host: z.string(),
    version: z.string(),
    device: z.string(),
    models: z.array(z.string()).openapi({ description: "Models that jobs are given to it for" }),
    loaded: z.string().nullable().openapi({ description: "The model in its memory" }),
    job: z.string().nullable().openapi({ description: "What it runs" }),
    sessions: z
      .number()
      .int()
      .openapi({ description: "Sessions that it has served last, within the last hour" }),
    memory: z.number().openapi({ description: "Resident memory of its inference process, in bytes" }),
    started: z.number(),
    seen: z.number().openapi({ description: "Its last heartbeat, in milliseconds since 1970" }),
  })
  .openapi("Worker");

export type WorkerInfo = z.output<typeof workerSchema>;
export type Pull = z.output<typeof pullSchema>;
export type Loading = z.output<typeof loadingSchema>;
export type ModelInfo = z.output<typeof modelSchema>;
export type ModelList = z.output<typeof modelListSchema>;
export type ServerInfo = z.output<typeof serverInfoSchema>;
export type Health = z.output<typeof healthSchema>;
