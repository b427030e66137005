/**
 * POST /v1/images/edits as OpenAI specifies it, as a form and as JSON, and our extension: `session`, `from` and `seed`.
 * In a form every value is a string.
 */
import { z } from "@hono/zod-openapi";
import type { Context } from "hono";
import { EmilieError } from "../../errors.ts";
import { isForm, parseJson, readBytes, readForm } from "../routes/body.ts";
import { nodeId, seedSchema, sessionId } from "../schemas/index.ts";

/** An error about one parameter, in OpenAI's words. */
export class ParameterError extends EmilieError {
  constructor(
    readonly param: string,
    message: string,
    readonly openaiCode: string | null = "invalid_value",
    readonly status: 400 | 404 = 400,
  ) {
    super("option.invalid", message);
  }
}

const bool = z.union([z.boolean(), z.enum(["true", "false"]).transform((text) => text === "true")]);
const whole = (low: number, high: number) => z.coerce.number().int().min(low).max(high);
const size = z.string().regex(/^(auto|\d{2,4}x\d{2,4})$/, 'expected "auto" or WIDTHxHEIGHT');

export const parametersSchema = z.object({
  prompt: z.string().trim().min(1).max(2000),
  model: z.string().max(300).nullish(),
  n: whole(1, 10).nullish(),
  size: size.nullish(),
  response_format: z.enum(["b64_json", "url"]).nullish(),
  output_format: z.enum(["png", "jpeg", "webp"]).nullish(),
  output_compression: whole(0, 100).nullish(),
  stream: bool.nullish(),
  partial_images: whole(0, 3).nullish(),
  // Heard, and without effect here: the same picture comes out.
  quality: z.enum(["standard", "low", "medium", "high", "auto"]).nullish(),
  background: z.enum(["transparent", "opaque", "auto"]).nullish(),
  input_fidelity: z.enum(["high", "low"]).nullish(),
  moderation: z.string().nullish(),
  user: z.string().max(1000).nullish(),
  // The extension
  session: z.union([sessionId, z.literal("new")]).nullish(),
  from: nodeId.nullish(),
  seed: seedSchema.nullish(),
  steps: whole(1, 1000).nullish(),
});
export type Parameters = z.output<typeof parametersSchema>;

export interface OpenAIRequest {
  readonly parameters: Parameters;
  readonly image: Uint8Array | null;
  readonly mask: Uint8Array | null;
}

export async function readRequest(c: Context, limit: number): Promise<OpenAIRequest> {
  const { values, images, mask } = isForm(c) ? await fromForm(c, limit) : await fromJson(c, limit);
  const result = parametersSchema.safeParse(values);
  if (!result.success) {
    const issue = result.error.issues[0]!;
    const name = String(issue.path[0] ?? "");
    const missing = !(name in values);
    throw new ParameterError(
      name,
      missing ? `Missing required parameter: '${name}'.` : `Invalid value for '${name}': ${issue.message}.`,
      missing ? "missing_required_parameter" : "invalid_value",
    );
  }
  if (images.length > 1) {
    throw new ParameterError(
      "image",
      `emilie edits one picture at a time, got ${images.length}. Send one image.`,
    );
  }
  const isKnown = result.data.session && result.data.session !== "new";
  if (images.length === 0 && !isKnown) {
    throw new ParameterError("image", "Missing required parameter: 'image'.", "missing_required_parameter");
  }
  return { parameters: result.data, image: images[0] ?? null, mask };
}

interface Raw {
  readonly values: Record<string, unknown>;
  readonly images: Uint8Array[];
  readonly mask: Uint8Array | null;
}

async function fromForm(c: Context, limit: number): Promise<Raw> {
  const { fields, files } = await readForm(c, limit);
  const images = [...files].filter(([name]) => /^image(\[\])?\d*$/.test(name)).map(([, { bytes }]) => bytes);
  return { values: Object.fromEntries(fields), images, mask: files.get("mask")?.bytes ?? null };
}

const reference = z.union([z.string(), z.object({ image_url: z.string() })]);

async function fromJson(c: Context, limit: number): Promise<Raw> {
  let values: Record<string, unknown>;
  try {
    values = z
      .record(z.string(), z.unknown())
      .parse(parseJson(new TextDecoder().decode(await readBytes(c, limit))));
  } catch (error) {
    if (error instanceof EmilieError && error.code !== "option.invalid") throw error;
    throw new ParameterError("", "The request's body is neither a form nor a JSON object.", null);
  }
  const { image, images = image === undefined ? [] : image, mask, ...rest } = values;
  const list = Array.isArray(images) ? images : [images];
  return {
    values: rest,
    images: list.map((one) => decode(one, "image")),
    mask: mask === undefined || mask === null ? null : decode(mask, "mask"),
  };
}

/** Only pictures that come with the request: the server fetches nothing. */
function decode(value: unknown, param: string): Uint8Array {
  const parsed = reference.safeParse(value);
  const url = parsed.success ? (typeof parsed.data === "string" ? parsed.data : parsed.data.image_url) : "";
  const base64 = /^(?:data:image\/[\w.+-]+;base64,)?([A-Za-z0-9+/\s]+={0,2})\s*$/.exec(url)?.[1];
  if (base64) return new Uint8Array(Buffer.from(base64, "base64"));
  throw new ParameterError(
    param,
    `'${param}' must be a data: URL with the picture in base64; addresses and file ids are not followed.`,
  );
}
