/**
 * Decides whether a checkpoint can do what an instruction asks, before the denoiser runs: a linear head at the text encoder's last token tells the kind of
 * edit with its fields, or that there is no such edit, or that there are several; a small network on the condition latent tells whether what the edit needs is
 * in the picture. What was read can be put in the checkpoint's own phrase for it. The weights are the checkpoint's own (checkpoint/understanding.ts).
 */
import type { UnderstandingHead } from "../../checkpoint/understanding.ts";
import type { Understanding } from "../../method/edit-model.ts";
import type { Tensor } from "../../tensor/tensor.ts";

/** A text's hidden state at its last token, [width]. */
export type ReadText = (text: string) => Promise<Float32Array>;

/** Where an instruction for several edits may be cut. */
const JOINTS = /[,;.&+]|\b(?:and|then|also|plus|while|but|after that|as well as)\b/gi;
const MAX_FRAGMENTS = 6;
const MAX_NEAREST = 3;

/** What the head says of one text. */
interface Reading {
  /** Log-probabilities of the intents, then of "unsupported" and "compound". */
  readonly intents: readonly number[];
  /** The most probable value of each field; undefined where it has none. */
  readonly fields: Readonly<Record<string, string | undefined>>;
  readonly best: number;
}

/** A text with what the head says of it. */
interface Part {
  readonly text: string;
  readonly reading: Reading;
}

interface Options {
  /** Whether the picture is one of the checkpoint's own; asked only where something seems to be missing, or would be taken from it. Default: it is. */
  readonly isFamiliar?: () => Promise<boolean>;
  /** Whether the parts are to be in the checkpoint's phrases. Default false. */
  readonly rephrase?: boolean;
  /**
   * Where the picture does not allow the likeliest edit, the next that it allows is meant, if it is at least this likely in relation to the likeliest, and likelier than
   * "unsupported": people seldom ask for what is there already. Default: the likeliest is meant.
   */
  readonly doubt?: number;
}

/** @param c the condition latent of the picture that is to be edited, [channels, h, w] */
export async function understand(
  head: UnderstandingHead,
  read: ReadText,
  instruction: string,
  c: Tensor,
  { isFamiliar = async () => true, rephrase = false, doubt = 1 }: Options = {},
): Promise<Understanding> {
  const seen = look(head, c);
  const reading = interpret(head, await read(instruction));
  const verdict = judge(head, reading);
  const carryOut = async (parts: readonly Part[]): Promise<Understanding> => {
    const texts: string[] = [];
    for (const { text, reading } of parts) {
      texts.push((rephrase && (await phraseFor(head, reading, seen, isFamiliar))) || text);
    }
    return { understood: true, parts: texts, nearest: [] };
  };
  if (verdict === "understood") {
    const missing = missingFor(head, reading, seen);
    if (!missing || !(await isFamiliar())) return carryOut([{ text: instruction, reading }]);
    const meant = nextAllowed(head, reading, seen, doubt);
    if (meant) return carryOut([{ text: instruction, reading: meant }]);
    return refused("absent", `${missing}.`, nearest(head, reading, seen));
  }
  if (verdict === "compound") {
    const parts = await split(head, read, instruction);
    if (parts) return carryOut(parts);
    return refused(
      "compound",
      "This asks for several things at once, which could not be told apart; ask for one at a time.",
      nearest(head, reading, seen),
    );
  }
  return refused("unsupported", "This model does not know how to do this.", nearest(head, reading, seen));
}

function refused(
  reason: NonNullable<Understanding["reason"]>,
  message: string,
  suggestions: readonly string[],
): Understanding {
  return { understood: false, parts: [], reason, message, nearest: suggestions };
}

function interpret({ config, weight, bias, width }: UnderstandingHead, x: Float32Array): Reading {
  const logits = linear(weight, bias, x, width);
  const intents = logSoftmax(logits.slice(0, config.intents.length + 2));
  const fields: Record<string, string | undefined> = {};
  let at = config.intents.length + 2;
  for (const { name, values } of config.fields) {
    const own = logits.slice(at, at + 1 + values.length);
    fields[name] = values[own.indexOf(Math.max(...own)) - 1];
    at += 1 + values.length;
  }
  const known = intents.slice(0, config.intents.length);
  return { intents, fields, best: known.indexOf(Math.max(...known)) };
}

function judge(
  { config }: UnderstandingHead,
  { intents, best }: Reading,
): "understood" | "unsupported" | "compound" {
  const count = config.intents.length;
  const [unsupported, compound] = [intents[count]!, intents[count + 1]!];
  if (compound > unsupported && compound > intents[best]!) return "compound";
  // All edits together against "no such edit": between two kinds of edit the head may hesitate.
  const edits = Math.log(intents.slice(0, count).reduce((sum, value) => sum + Math.exp(value), 0));
  return edits - unsupported > config.threshold ? "understood" : "unsupported";
}

/** Where the joining words stand, [start, end); ", and then" is one joint. */
function jointsOf(text: string): [number, number][] {
  const joints: [number, number][] = [];
  for (const { 0: word, index } of text.matchAll(JOINTS)) {
    const last = joints.at(-1);
    if (last && text.slice(last[1], index).trim() === "") last[1] = index + word.length;
    else joints.push([index, index + word.length]);
  }
  return joints;
}

/** The parts of an instruction for several edits: the cut at joining words whose pieces are all understood and likeliest. */
async function split(
  head: UnderstandingHead,
  read: ReadText,
  instruction: string,
): Promise<Part[] | undefined> {
  const cuts = jointsOf(instruction).slice(0, MAX_FRAGMENTS - 1);
  const readings = new Map<string, Reading>();
  const scoreOf = async (text: string) => {
    const reading = readings.get(text) ?? interpret(head, await read(text));
    readings.set(text, reading);
    return judge(head, reading) === "understood" ? reading.intents[reading.best]! : -Infinity;
  };
  let best: { readonly parts: string[]; readonly score: number } | undefined;
  for (let chosen = 1; chosen < 1 << cuts.length; chosen++) {
    const parts: string[] = [];
    let from = 0;
    for (const [i, [start, end]] of cuts.entries()) {
      if (!(chosen & (1 << i))) continue;
      parts.push(instruction.slice(from, start).trim());
      from = end;
    }
    parts.push(instruction.slice(from).trim());
    if (parts.some((part) => part === "")) continue;
    let worst = 0;
    for (const part of parts) worst = Math.min(worst, await scoreOf(part));
    if (worst > (best?.score ?? -Infinity)) best = { parts, score: worst };
  }
  return best?.parts.map((text) => ({ text, reading: readings.get(text)! }));
}

/** The probability of each value of each attribute; undefined where this picture is not looked at. */
function look({ config, sees }: UnderstandingHead, c: Tensor): Map<string, Map<string, number>> | undefined {
  const { presence } = config;
  if (!presence || !sees || String(c.shape) !== String(presence.latent)) return undefined;
  const hidden = linear(sees.weight, sees.bias, c.data, c.data.length).map((v) => Math.max(0, v));
  const logits = linear(sees.outWeight, sees.outBias, hidden, presence.hidden);
  const result = new Map<string, Map<string, number>>();
  let at = 0;
  for (const { name, values } of presence.attributes) {
    const own = logSoftmax(logits.slice(at, at + values.length)).map(Math.exp);
    result.set(name, new Map(values.map((value, i) => [value, own[i]!])));
    at += values.length;
  }
  return result;
}

/** Why the picture does not allow the edit, in words; undefined where it does. */
function missingFor(
  { config }: UnderstandingHead,
  { best, fields }: Reading,
  seen: ReturnType<typeof look>,
): string | undefined {
  const needs = config.presence?.needs[config.intents[best]!.name];
  if (!seen || !needs) return undefined;
  for (const { attribute, is, otherwise } of needs) {
    const values = seen.get(fill(attribute, fields));
    if (!values) continue;
    const likely = is.reduce((sum, value) => sum + (values.get(fill(value, fields)) ?? 0), 0);
    if (likely < config.presence!.threshold) return fill(otherwise, fields);
  }
  return undefined;
}

/** The reading with its likeliest edit that the picture allows, if that is likely enough. */
function nextAllowed(
  head: UnderstandingHead,
  reading: Reading,
  seen: ReturnType<typeof look>,
  doubt: number,
): Reading | undefined {
  const { intents } = head.config;
  const least = Math.max(reading.intents[reading.best]! + Math.log(doubt), reading.intents[intents.length]!);
  const allowed = intents
    .map(({ keeps }, best) => ({ ...reading, best, keeps, likely: reading.intents[best]! }))
    .filter(({ keeps, likely }) => !keeps && likely >= least)
    .filter((one) => !missingFor(head, one, seen));
  return allowed.sort((a, b) => b.likely - a.likely)[0];
}

/**
 * The checkpoint's phrase for what was read. A field that the words do not state is taken from the picture where this allows one value alone ("the tree", of which
 * there is one); undefined where one stays open.
 */
async function phraseFor(
  head: UnderstandingHead,
  reading: Reading,
  seen: ReturnType<typeof look>,
  isFamiliar: () => Promise<boolean>,
): Promise<string | undefined> {
  const { phrase } = head.config.intents[reading.best]!;
  let possible: Reading["fields"][] = [reading.fields];
  for (const { name, values } of head.config.fields) {
    if (!phrase.includes(`{${name}}`) || reading.fields[name] !== undefined) continue;
    possible = possible.flatMap((fields) => values.map((value) => ({ ...fields, [name]: value })));
  }
  if (possible.length === 1) return fill(phrase, possible[0]!);
  possible = possible.filter((fields) => !missingFor(head, { ...reading, fields }, seen));
  if (possible.length !== 1 || !(await isFamiliar())) return undefined;
  return fill(phrase, possible[0]!);
}

/** The likeliest edits of the checkpoint that this picture allows, as it would have them asked for. */
function nearest(head: UnderstandingHead, reading: Reading, seen: ReturnType<typeof look>): string[] {
  const { intents } = head.config;
  const phrases: string[] = [];
  const order = intents.map((_, i) => i).sort((a, b) => reading.intents[b]! - reading.intents[a]!);
  for (const i of order) {
    const { phrase, keeps } = intents[i]!;
    if (keeps || missingFor(head, { ...reading, best: i }, seen)) continue;
    const { fields } = reading;
    phrases.push(
      phrase.replace(/\{(\w+)\}/g, (_, field: string) => {
        return fields[field] ?? head.config.fields.find(({ name }) => name === field)?.values[0] ?? field;
      }),
    );
    if (phrases.length === MAX_NEAREST) break;
  }
  return phrases;
}

function fill(text: string, fields: Reading["fields"]): string {
  return text.replace(/\{(\w+)\}/g, (whole, field: string) => fields[field] ?? whole);
}

/** W x + b, W row by row. */
function linear(weight: Float32Array, bias: Float32Array, x: ArrayLike<number>, width: number): number[] {
  return Array.from(bias, (b, row) => {
    let sum = b;
    for (let i = 0; i < width; i++) sum += weight[row * width + i]! * x[i]!;
    return sum;
  });
}

function logSoftmax(logits: readonly number[]): number[] {
  const top = Math.max(...logits);
  const log = top + Math.log(logits.reduce((sum, v) => sum + Math.exp(v - top), 0));
  return logits.map((v) => v - log);
}
