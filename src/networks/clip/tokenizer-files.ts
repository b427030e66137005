/**
 * Which of a tokenizer's files counts, as transformers 5 decides it for a CLIPTokenizer or a Qwen2Tokenizer
 * (tokenization_utils_base.py, `_from_pretrained`):
 *
 * 1. The vocabulary and its merges: tokenizer.json where there is one, else vocab.json and merges.txt.
 * 2. tokenizer_config.json with `added_tokens_decoder` says everything else: special_tokens_map.json and added_tokens.json
 *    are not read, and neither are tokenizer.json's added tokens.
 * 3. Without it, what special_tokens_map.json says goes before what tokenizer_config.json says; added_tokens.json and then
 *    tokenizer.json's `added_tokens` say which tokens were added.
 * 4. A token that is added or special is one token wherever it stands. Its id is the vocabulary's, or the next that is free.
 */
import { z } from "zod";
import { asObject, show } from "../../checkpoint/parse-config.ts";
import { type CheckpointSource, readJson, readLimited } from "../../checkpoint/source.ts";
import { EmilieError } from "../../errors.ts";
import { VOCABULARY_JSON } from "../../limits.ts";

/** A token that is never split: how it is written, and how it is looked for in a text. */
export interface AddedToken {
  readonly content: string;
  readonly id: number;
  /** White space before and behind it is part of it. */
  readonly lstrip: boolean;
  readonly rstrip: boolean;
  /** Looked for in the text that was lowered and squeezed, not in the text as it was given. */
  readonly normalized: boolean;
  readonly special: boolean;
}

export interface TokenizerFiles {
  /** Ids by piece, without the added tokens that lie beyond it. */
  readonly vocab: Readonly<Record<string, number>>;
  readonly merges: readonly (readonly [string, string])[];
  readonly added: readonly AddedToken[];
  /** Undefined where the tokenizer has none, as Qwen's. */
  readonly bos: string | undefined;
  readonly eos: string;
  readonly unk: string;
  readonly pad: string;
  /** How many tokens the files write down; a special token may be named that is none of them. */
  readonly written: number;
  /** Tokens of a text, start and end among them; infinite where the files name no limit. */
  readonly maxLength: number;
}

const END = "<|endoftext|>";
/** In the order in which transformers adds the ones that the vocabulary lacks. */
const NAMED = [
  "bos_token",
  "eos_token",
  "unk_token",
  "sep_token",
  "pad_token",
  "cls_token",
  "mask_token",
] as const;
/** What a tokenizer's class takes where the files do not say. */
export type SpecialTokens = Readonly<Record<"eos_token" | "unk_token" | "pad_token", string>> & {
  readonly bos_token?: string;
};
const CLIP_TOKENS: SpecialTokens = {
  bos_token: "<|startoftext|>",
  eos_token: END,
  unk_token: END,
  pad_token: END,
};

/** CLIP has 49,408 tokens; the largest vocabularies of any text encoder a few times as many. */
const MOST_TOKENS = 2 ** 18;
const MOST_ADDED = 2 ** 14;
const LONGEST_TOKEN = 1000;

const text = z.string().min(1).max(LONGEST_TOKEN);
const flag = z.boolean().nullish();
const written = z.union([
  text.transform((content) => ({ content })),
  z.looseObject({
    content: text,
    lstrip: flag,
    rstrip: flag,
    normalized: flag,
    special: flag,
    single_word: z.literal([false, null]).optional(), // a token that is none inside a word: not implemented
  }),
]);
type Written = { content: string } & Partial<
  Record<"lstrip" | "rstrip" | "normalized" | "special", boolean | null>
>;

const several = z
  .union([z.array(written).max(MOST_ADDED), z.record(z.string(), written).transform((o) => Object.values(o))])
  .nullish();

const configSchema = z.looseObject({
  ...Object.fromEntries(NAMED.map((name) => [name, written.nullish()])),
  extra_special_tokens: several,
  additional_special_tokens: several,
  added_tokens_decoder: z.record(z.string().regex(/^\d{1,7}$/), written).nullish(),
  model_max_length: z.number().min(3, "a text needs a start, an end and something between").nullish(),
  max_len: z.number().min(3).nullish(), // its name before transformers 3
  // diffusers cuts and fills texts on the right, unless these say otherwise.
  padding_side: z.literal("right").nullish(),
  truncation_side: z.literal("right").nullish(),
  split_special_tokens: z.literal(false).nullish(),
});
/** Where texts are not filled up, it is no matter on which side. */
const unfilledSchema = configSchema.extend({ padding_side: z.literal(["left", "right"]).nullish() });
type Config = z.output<typeof unfilledSchema> & Partial<Record<(typeof NAMED)[number], Written | null>>;

const addedSchema = z.record(text, z.int().nonnegative().max(MOST_TOKENS));
const modelSchema = z.looseObject({
  added_tokens: z
    .array(z.looseObject({ id: z.int().nonnegative() }))
    .max(MOST_ADDED)
    .nullish(),
  model: z.looseObject({ vocab: z.unknown(), merges: z.unknown().optional() }),
});

/**
 * Reads the tokenizer in `folder`. Throws "checkpoint.missing" or "checkpoint.malformed" naming file and key.
 *
 * @param options.pad the padding token, where the folder's own is another checkpoint's
 * @param options.defaults those of its class; default CLIP's
 * @param options.isFilled whether short texts are filled up; default true
 */
export async function readTokenizerFiles(
  source: CheckpointSource,
  folder: string,
  {
    pad,
    defaults = CLIP_TOKENS,
    isFilled = true,
  }: { readonly pad?: string; readonly defaults?: SpecialTokens; readonly isFilled?: boolean } = {},
): Promise<TokenizerFiles> {
  const path = (name: string) => (folder === "." ? name : `${folder}/${name}`);
  const optional = async (name: string): Promise<unknown> =>
    (await source.exists(path(name))) ? readJson(source, path(name), VOCABULARY_JSON) : undefined;

  const config = checked(
    await optional("tokenizer_config.json"),
    path("tokenizer_config.json"),
    isFilled ? configSchema : unfilledSchema,
  );
  const whole = await optional("tokenizer.json");
  const { vocab, merges } =
    whole === undefined
      ? await readPieces(source, path)
      : piecesOf(whole, path("tokenizer.json"), `${path("tokenizer.json")} has no model with a vocabulary`);

  const decoder = config.added_tokens_decoder ?? undefined;
  const map = decoder
    ? {}
    : markSpecial(
        checked(await optional("special_tokens_map.json"), path("special_tokens_map.json"), configSchema),
      );
  const own: Config = { ...writtenOf(defaults), ...withoutNulls(config), ...withoutNulls(map) };
  const named: Partial<Record<(typeof NAMED)[number], Written | null>> = { ...own };
  if (pad !== undefined) named.pad_token = { content: pad };
  const extras = [
    ...(config.extra_special_tokens ??
      config.additional_special_tokens ??
      map.additional_special_tokens ??
      []),
    ...(map.extra_special_tokens ?? []),
  ];

  const said = new Map<number, Written>();
  const say = (id: number, token: Written) => said.set(id, token);
  if (decoder) {
    for (const [id, token] of Object.entries(decoder)) say(Number(id), token);
  } else {
    const special = new Set([
      ...NAMED.flatMap((name) => named[name]?.content ?? []),
      ...extras.map(contentOf),
    ]);
    const added = checked(await optional("added_tokens.json"), path("added_tokens.json"), addedSchema);
    for (const [content, id] of Object.entries(added)) say(id, { content, special: special.has(content) });
    for (const token of addedTokensOf(whole, path("tokenizer.json"))) say(token.id, token);
  }
  // Another checkpoint's padding is no special token of this one.
  const foreign = pad !== undefined && own.pad_token?.content !== pad ? own.pad_token?.content : undefined;
  const tokens = [
    ...[...said].sort(([a], [b]) => a - b).map(([id, token]) => ({ ...token, wanted: id })),
    ...NAMED.flatMap((name) => named[name] ?? []).map((token) => ({ special: true, ...token })),
    ...extras.map((token) => ({ special: true, ...token })),
  ].filter(
    ({ content }) =>
      content !== foreign || NAMED.some((name) => name !== "pad_token" && named[name]?.content === content),
  );
  const special = new Set(NAMED.flatMap((name) => named[name]?.content ?? []));
  return {
    vocab,
    merges,
    added: numbered(tokens, vocab, special, folder),
    bos: named.bos_token?.content,
    eos: contentOf(named.eos_token!),
    unk: contentOf(named.unk_token!),
    pad: contentOf(named.pad_token!),
    written: new Set([...Object.keys(vocab), ...[...said.values()].map(contentOf)]).size,
    maxLength: config.model_max_length ?? config.max_len ?? Number.POSITIVE_INFINITY,
  };
}

const contentOf = ({ content }: Written): string => content;

const writtenOf = (tokens: SpecialTokens) =>
  Object.fromEntries(
    Object.entries(tokens).map(([name, content]) => [name, { content }]),
  ) as unknown as Config;

/** A null is what transformers writes for "not set". */
function withoutNulls(config: Partial<Config>): Config {
  return Object.fromEntries(Object.entries(config).filter(([, value]) => value != null)) as Config;
}

/** Whatever an object in special_tokens_map.json says, it is special. */
function markSpecial(map: Config): Partial<Config> {
  const marked = NAMED.flatMap((name) => {
    const token = map[name];
    return token ? [[name, { ...token, special: true }] as const] : [];
  });
  const { extra_special_tokens, additional_special_tokens } = map;
  return { ...Object.fromEntries(marked), extra_special_tokens, additional_special_tokens };
}

function checked<T extends z.ZodType>(json: unknown, path: string, schema: T): z.output<T> {
  const result = schema.safeParse(asObject(json ?? {}, path));
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const value = issue?.path.reduce<unknown>((at, key) => (at as Record<PropertyKey, unknown>)?.[key], json);
  throw new EmilieError(
    "checkpoint.malformed",
    `${path}: "${issue?.path.join(".")}" is ${show(value)}, which is not implemented (${issue?.message}).`,
  );
}

/** One entry a token, the first that was said of it, with its id: the vocabulary's, or the next that is free. */
function numbered(
  tokens: readonly (Written & { readonly wanted?: number })[],
  vocab: Readonly<Record<string, number>>,
  special: ReadonlySet<string>,
  folder: string,
): AddedToken[] {
  const found = new Map<string, AddedToken>();
  const ids = new Set(Object.values(vocab));
  let next = ids.size;
  for (const { content, wanted, ...how } of tokens) {
    if (found.has(content)) continue;
    const known = Object.hasOwn(vocab, content) ? vocab[content] : undefined;
    const id = known ?? next++;
    const isSpecial = (how.special ?? false) || special.has(content);
    if (wanted !== undefined && wanted !== id) {
      throw new EmilieError(
        "checkpoint.malformed",
        `${folder}: the added token ${show(content)} is said to have the id ${wanted}, but ` +
          (known === undefined
            ? `the next id behind the vocabulary is ${id}. Added tokens are numbered without a gap.`
            : `the vocabulary has it with the id ${id}.`),
      );
    }
    if (known === undefined && ids.has(id)) {
      throw new EmilieError(
        "checkpoint.malformed",
        `${folder}: the added token ${show(content)} and a piece of the vocabulary have the same id ${id}.`,
      );
    }
    found.set(content, {
      content,
      id,
      lstrip: how.lstrip ?? false,
      rstrip: how.rstrip ?? false,
      normalized: how.normalized ?? !isSpecial,
      special: isSpecial,
    });
  }
  checkTwins([...found.values()], folder);
  return [...found.values()];
}

/** Two tokens that are the same once the text is lowered: which of them a text means is decided by its capitals here and not there. */
function checkTwins(added: readonly AddedToken[], folder: string): void {
  const lowered = new Map<string, AddedToken>();
  for (const token of added) {
    const twin = lowered.get(token.content.toLowerCase());
    if (twin && (twin.normalized || token.normalized)) {
      throw new EmilieError(
        "checkpoint.unsupported",
        `${folder}: the added tokens ${show(twin.content)} and ${show(token.content)} differ only in upper and lower case, which is not implemented.`,
      );
    }
    lowered.set(token.content.toLowerCase(), token);
  }
}

function addedTokensOf(whole: unknown, path: string): (Written & { id: number })[] {
  if (whole === undefined) return [];
  const added = modelSchema.safeParse(whole).data?.added_tokens ?? [];
  return added.map(({ id, ...token }) => {
    const parsed = written.safeParse(token);
    if (parsed.success) return { ...(parsed.data as Written), id };
    throw new EmilieError(
      "checkpoint.malformed",
      `${path}: the added token ${show(token)} is not implemented.`,
    );
  });
}

type Pieces = Pick<TokenizerFiles, "vocab" | "merges">;

function piecesOf(json: unknown, path: string, lacking: string): Pieces {
  const parsed = modelSchema.safeParse(json);
  if (!parsed.success || parsed.data.model.vocab === undefined) {
    throw new EmilieError("checkpoint.malformed", `${lacking}.`);
  }
  const vocab = vocabularyOf(parsed.data.model.vocab, path);
  const { merges } = parsed.data.model;
  if (!Array.isArray(merges)) {
    throw new EmilieError(
      "checkpoint.malformed",
      `${path}: its "model" has no list of merges, as CLIP's has.`,
    );
  }
  return { vocab, merges: mergesOf(merges, vocab, path) };
}

async function readPieces(source: CheckpointSource, path: (name: string) => string): Promise<Pieces> {
  const vocab = vocabularyOf(await readJson(source, path("vocab.json"), VOCABULARY_JSON), path("vocab.json"));
  const lines = (await readLimited(source, path("merges.txt"), VOCABULARY_JSON.length)).split(/\r?\n/);
  const merges = lines.filter((line) => line !== "" && !/^\uFEFF?#version/.test(line));
  return { vocab, merges: mergesOf(merges, vocab, path("merges.txt")) };
}

function vocabularyOf(json: unknown, path: string): Record<string, number> {
  const refuse = (problem: string) =>
    new EmilieError("checkpoint.malformed", `${path} is not a map from tokens to ids: ${problem}.`);
  if (typeof json !== "object" || json === null || Array.isArray(json)) throw refuse(`it is ${show(json)}`);
  const entries = Object.entries(json);
  if (entries.length === 0) throw refuse("it is empty");
  if (entries.length > MOST_TOKENS)
    throw refuse(`it has ${entries.length} tokens; ${MOST_TOKENS} are possible`);
  const seen = new Map<number, string>();
  for (const [piece, id] of entries) {
    if (!Number.isInteger(id) || id < 0 || id > MOST_TOKENS)
      throw refuse(`the id of ${show(piece)} is ${show(id)}`);
    const twin = seen.get(id);
    if (twin !== undefined) throw refuse(`${show(piece)} and ${show(twin)} have the same id ${id}`);
    seen.set(id, piece);
  }
  return json as Record<string, number>;
}

/** "a b" or ["a", "b"]: both and what they make must be pieces. */
function mergesOf(
  merges: readonly unknown[],
  vocab: Readonly<Record<string, number>>,
  path: string,
): (readonly [string, string])[] {
  if (merges.length > 2 * MOST_TOKENS) {
    throw new EmilieError(
      "checkpoint.malformed",
      `${path} has ${merges.length} merges; ${2 * MOST_TOKENS} are possible.`,
    );
  }
  return merges.map((merge, i) => {
    const parts: unknown = typeof merge === "string" ? merge.split(" ") : merge;
    if (Array.isArray(parts) && parts.length === 2) {
      const [a, b] = parts as [unknown, unknown];
      if (typeof a === "string" && typeof b === "string") {
        const lacking = [a, b, a + b].find((piece) => !Object.hasOwn(vocab, piece));
        if (lacking === undefined) return [a, b] as const;
        throw new EmilieError(
          "checkpoint.malformed",
          `${path}: merge ${i + 1} is ${show(merge)}, but the vocabulary has no ${show(lacking)}.`,
        );
      }
    }
    throw new EmilieError(
      "checkpoint.malformed",
      `${path}: merge ${i + 1} is ${show(merge)}; expected two pieces with a space between them.`,
    );
  });
}
