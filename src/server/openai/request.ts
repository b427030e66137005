/**
 * POST /v1/images/edits as OpenAI specifies it, as a form and as JSON, and our extension: `session`, `from`, `seed` and `steps`.
 * What would change the picture is done or refused; what could not is heard and has no effect.
 */
import { z } from "@hono/zod-openapi";
import type { Context } from "hono";
import { EmilieError } from "../../errors.ts";
import { pictureFromText } from "../../input/data-url.ts";
import { sortByName } from "../../input/names.ts";
import { readInput } from "../../input/read-input.ts";
import { INSTRUCTION, openaiShape } from "../../method/settings-derived.ts";
import { readJsonValue } from "../routes/body.ts";
import { isForm, readForm, uploadOf } from "../routes/form.ts";
import { nodeId, sessionId } from "../schemas/index.ts";

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

const whole = (low: number, high: number) => z.int().min(low).max(high);
const size = z
  .string()
  .trim()
  .toLowerCase()
  .regex(/^(auto|\d{2,4}x\d{2,4})$/, 'expected "auto" or WIDTHxHEIGHT');

/** OpenAI's clients send null for what they do not set. */
function nullish<S extends Record<string, z.ZodOptional>>(shape: S): { [K in keyof S]: z.ZodNullable<S[K]> } {
  const entries = Object.entries(shape).map(([name, schema]) => [name, schema.nullable()]);
  return Object.fromEntries(entries) as { [K in keyof S]: z.ZodNullable<S[K]> };
}

export const parametersSchema = z.object({
  prompt: INSTRUCTION.trim(),
  model: z.string().max(300).nullish(),
  n: whole(1, 10).nullish(),
  size: size.nullish(),
  response_format: z.enum(["b64_json", "url"]).nullish(),
  output_format: z.enum(["png", "jpeg", "webp"]).nullish(),
  output_compression: whole(0, 100).nullish(),
  stream: z.boolean().nullish(),
  partial_images: whole(0, 3).nullish(),
  quality: z.enum(["auto", "standard", "low", "medium", "high", "hd"]).nullish().openapi({
    description: "low, medium and high (or hd) are the presets draft, balanced and best",
  }),
  background: z.enum(["opaque", "auto", "transparent"]).nullish().openapi({
    description: "opaque: transparent pixels are placed on white. transparent is refused",
  }),
  // Heard, and without effect here: the same picture comes out.
  input_fidelity: z.enum(["high", "low"]).nullish(),
  moderation: z.string().nullish(),
  user: z.string().max(1000).nullish(),
  // The extension
  session: z.union([sessionId, z.literal("new")]).nullish(),
  from: nodeId.nullish(),
  ...nullish(openaiShape()),
});
export type Parameters = z.output<typeof parametersSchema>;

export interface OpenAIRequest {
  readonly parameters: Parameters;
  readonly image: Uint8Array | null;
  readonly mask: Uint8Array | null;
}

/** JSON says `images` where forms say `image`. */
const NAMES = { lists: ["image"], aliases: { images: "image" } };

/** @throws ParameterError, InputError */
export async function readRequest(c: Context, limit: number): Promise<OpenAIRequest> {
  const { parameters, images, mask } = isForm(c) ? await fromForm(c, limit) : await fromJson(c, limit);
  if (images.length > 1) {
    throw new ParameterError(
      "image",
      `emilie edits one picture at a time, got ${images.length}. Send one image.`,
    );
  }
  const isKnown = parameters.session && parameters.session !== "new";
  if (images.length === 0 && !isKnown) {
    throw new ParameterError("image", "Missing required parameter: 'image'.", "missing_required_parameter");
  }
  refuseImpossible(parameters);
  return { parameters, image: images[0] ?? null, mask };
}

/** What is understood, and cannot be done. */
function refuseImpossible({ background, stream, ...given }: Parameters): void {
  const { response_format: answer, output_format: format, output_compression: compression } = given;
  if (background === "transparent") {
    throw new ParameterError("background", "A transparent background cannot be made. Use auto or opaque.");
  }
  if (stream && answer === "url") {
    const message = "A stream carries its pictures: response_format url is for answers without stream.";
    throw new ParameterError("response_format", message);
  }
  if ((format ?? "png") === "png" && compression != null && compression < 100) {
    const message = `PNG loses nothing, so output_compression ${compression} is for jpeg and webp only.`;
    throw new ParameterError("output_compression", message);
  }
}

interface Raw {
  readonly parameters: Parameters;
  readonly images: Uint8Array[];
  readonly mask: Uint8Array | null;
}

async function fromForm(c: Context, limit: number): Promise<Raw> {
  const spec = { files: ["image", "mask"], fields: parametersSchema, ...NAMES };
  const { values, files } = await readForm(c, spec, limit);
  const [mask] = files.get("mask") ?? [];
  return {
    parameters: values,
    images: (files.get("image") ?? []).map((part) => uploadOf(part, "image")),
    mask: mask ? uploadOf(mask, "mask") : null,
  };
}

async function fromJson(c: Context, limit: number): Promise<Raw> {
  const type = c.req.header("content-type") ?? "";
  if (/^application\/x-www-form-urlencoded\b/i.test(type.trim())) {
    throw new ParameterError(
      "",
      "Send a form as multipart/form-data, or JSON; a picture does not fit into an URL.",
      null,
    );
  }
  const value = await readJsonValue(c, limit);
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new ParameterError("", "The request's body is neither a form nor a JSON object.", null);
  }
  const known = [...Object.keys(parametersSchema.shape), "image", "mask"];
  const sorted = sortByName<unknown>(Object.entries(value), { known, ...NAMES }, "the request");
  const images = (sorted.get("image") ?? []).flat().filter((image) => image !== null);
  const [mask = null] = sorted.get("mask") ?? [];
  sorted.delete("image");
  sorted.delete("mask");
  const values = Object.fromEntries([...sorted].map(([name, [one]]) => [name, one]));
  return {
    parameters: readInput(parametersSchema, values, "body"),
    images: images.map((image) => decode(image, "image")),
    mask: mask === null ? null : decode(Array.isArray(mask) && mask.length === 1 ? mask[0] : mask, "mask"),
  };
}

/** As chat messages write pictures, too; what says nothing of the picture itself is let pass. */
const REFERENCE = {
  known: ["image_url", "b64_json", "file_id", "type", "detail"],
  aliases: { url: "image_url", base64: "b64_json" },
};

/** { "image_url": { "url": … } } */
const MAX_REFERENCE_DEPTH = 2;

/** Only pictures that come with the request: the server fetches nothing. */
function decode(value: unknown, param: string, depth = 0): Uint8Array {
  if (typeof value === "string") return pictureFromText(value, param);
  if (typeof value === "object" && value !== null && !Array.isArray(value) && depth < MAX_REFERENCE_DEPTH) {
    const sorted = sortByName<unknown>(Object.entries(value), REFERENCE, `'${param}'`);
    if (sorted.has("file_id")) {
      throw new ParameterError(
        param,
        `'${param}' names a file_id, and no files are kept here. Send its bytes.`,
      );
    }
    const [url] = sorted.get("image_url") ?? [];
    const [base64] = sorted.get("b64_json") ?? [];
    if ((url === undefined) !== (base64 === undefined)) return decode(url ?? base64, param, depth + 1);
  }
  throw new ParameterError(
    param,
    `'${param}' must be a data: URL with the picture in base64, or { "image_url": that }; leave it out where there is none.`,
  );
}
