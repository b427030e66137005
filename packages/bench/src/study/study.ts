/** What a preference study is, as its file has it: pairs of pictures, and what each rater was asked and chose. */
import { z } from "zod";

const text = z.string().max(10_000);
const count = z.int().nonnegative();
const sha256 = z.string().regex(/^[0-9a-f]{64}$/, "expected a SHA-256");

/** One of the two methods; which is which, no rater is told. */
const letter = z.enum(["a", "b"]);
export type Letter = z.infer<typeof letter>;
export type Side = "left" | "right";

/** A picture file, relative to the study's folder. Another picture of the same name is not what was judged. */
const file = z.strictObject({ path: text, sha256 });

const pairSchema = z.strictObject({
  item: text,
  part: text.nullable(),
  seed: count,
  turn: z.int().positive(),
  kind: text.nullable(),
  global: z.boolean().nullable(),
  /** From the first turn to this one. */
  instructions: z.array(text).min(1),
  source: file,
  a: file,
  b: file,
  /** The runs' numbers for the two pictures, by which a simulated rater chooses. */
  metrics: z.strictObject({
    a: z.record(z.string(), z.number().nullable()),
    b: z.record(z.string(), z.number().nullable()),
  }),
});
export type Pair = z.infer<typeof pairSchema>;

/** A question as one rater sees it. */
const askedSchema = z.strictObject({
  /** Index of the pair. */
  pair: count,
  /** Which method is on the left. */
  left: letter,
  /** Whether the rater has seen the pair before, with its sides swapped. */
  repeat: z.boolean(),
});
export type Asked = z.infer<typeof askedSchema>;

const choiceSchema = z.strictObject({
  chosen: letter,
  /** From when both pictures were there. */
  seconds: z.number().nonnegative(),
  at: z.iso.datetime(),
});
export type Choice = z.infer<typeof choiceSchema>;

const raterSchema = z.strictObject({
  name: text,
  order: z.array(askedSchema),
  /** Of the first so many questions. */
  choices: z.array(choiceSchema),
});
export type Rater = z.infer<typeof raterSchema>;

const methodSchema = z.strictObject({ name: text, title: text, model: text });

export const studySchema = z
  .strictObject({
    version: z.literal(1),
    created: z.iso.datetime(),
    seed: count,
    /** Makes the pictures' addresses: from them nothing about the files can be told. */
    secret: sha256,
    dataset: z.strictObject({ name: text, hash: text }),
    methods: z.strictObject({ a: methodSchema, b: methodSchema }),
    pairs: z.array(pairSchema).min(1),
    /** Pairs that were left out because the two pictures are the same. */
    identical: count,
    raters: z.array(raterSchema),
  })
  .refine(
    ({ raters, pairs }) =>
      raters.every(
        ({ order, choices }) =>
          choices.length <= order.length && order.every(({ pair }) => pair < pairs.length),
      ),
    "a rater has choices without a question",
  );
export type Study = z.infer<typeof studySchema>;

/** Choices made by a metric are called so, and never a person's. */
export const SIMULATED = "simulated:";
export const isSimulated = ({ name }: Pick<Rater, "name">): boolean => name.startsWith(SIMULATED);
