/**
 * Which weights are taken where a folder has several: full precision, and others with a word in their names (fp16, bf16,
 * non_ema …). One choice for the hub, whose files are chosen before they are fetched, and for folders that are opened. Names follow
 * diffusers' and transformers' save_pretrained().
 */
import { EmilieError } from "../errors.ts";

/** "full" is fp32 or whatever has no suffix; others are the suffix itself (fp16, bf16, non_ema …). */
export type Variant = "full" | (string & {});

export const VARIANT_NAME = /^[a-z0-9_]{1,32}$/i;

/** In the order in which they are taken where none is asked for. */
export const PREFERENCE: Readonly<Record<"full" | "half", readonly Variant[]>> = {
  full: ["full", "fp16", "bf16"],
  half: ["fp16", "full", "bf16"],
};

/** The files of one variant: one, or an index and its parts. */
export interface WeightSet {
  readonly files: readonly string[];
  /** How many of its parts are not there. */
  readonly lacking: number;
}

/** The sets among the names of one folder's files, by variant. `base` is what the names begin with. */
export function weightSets(names: readonly string[], base: string): Map<Variant, WeightSet> {
  const sets = new Map<Variant, WeightSet>();
  for (const name of names) {
    const single = matchRest(name, base, /^(?:\.(\w+))?\.safetensors$/);
    if (single) sets.set(single[1] ?? "full", { files: [name], lacking: 0 });
  }
  for (const [variant, name] of weightIndices(names, base)) {
    if (sets.has(variant)) continue;
    const parts = names.flatMap((part) => {
      const found = matchRest(part, base, /^(?:\.(\w+))?-(\d{5})-of-(\d{5})(?:\.(\w+))?\.safetensors$/);
      return found && (found[1] ?? found[4] ?? "full") === variant ? [{ part, of: Number(found[3]) }] : [];
    });
    // An index alone is what "all the JSON files" leaves of a variant that nobody wanted.
    if (parts.length === 0) continue;
    const lacking = Math.max(...parts.map(({ of }) => of)) - parts.length;
    sets.set(variant, { files: [name, ...parts.map(({ part }) => part)], lacking });
  }
  return sets;
}

/** The indices among the names, by variant. */
export function weightIndices(names: readonly string[], base: string): Map<Variant, string> {
  return new Map(
    names.flatMap((name) => {
      const index = matchRest(name, base, /^\.safetensors\.index(?:\.(\w+))?\.json$/);
      return index ? [[index[1] ?? "full", name] as const] : [];
    }),
  );
}

/**
 * The variant to take: the one asked for where the network has it, then full and half precision, then the only one that there is.
 * Throws "checkpoint.missing" where the choice lacks parts (`where` names the folder), "option.invalid" where several others could
 * be meant. Undefined where there is none.
 */
export function chooseVariant(
  sets: ReadonlyMap<Variant, WeightSet>,
  where: string,
  asked?: Variant,
  prefer: "full" | "half" = "full",
): Variant | undefined {
  const order = asked === undefined ? PREFERENCE[prefer] : [asked, ...PREFERENCE[prefer]];
  const others = [...sets.keys()];
  // Networks without a named variant come as they are; "full" is a word for what every network may lack, and is then not there.
  if (asked === "full" && others.length > 0 && !sets.has(asked)) {
    throw new EmilieError(
      "option.invalid",
      `${where} has no weights in full precision; it has ${others.sort().join(", ")}.`,
    );
  }
  const chosen = order.find((name) => sets.has(name)) ?? (others.length === 1 ? others[0] : undefined);
  if (chosen === undefined) {
    if (others.length === 0) return undefined;
    throw new EmilieError(
      "option.invalid",
      `${where} has weights of the variants ${others.sort().join(", ")} and none without a name: say which, as in NAME:${others[0]} ` +
        `(--variant ${others[0]}).`,
    );
  }
  const { files, lacking } = sets.get(chosen)!;
  if (lacking === 0) return chosen;
  throw new EmilieError(
    "checkpoint.missing",
    `${where} lacks ${lacking} of the parts that ${files[0]} names.`,
  );
}

/** Throws "option.invalid" where no network has the variant that was asked for. */
export function requireOffered(id: string, asked: Variant | undefined, offered: ReadonlySet<Variant>): void {
  if (asked === undefined || offered.has(asked)) return;
  throw new EmilieError(
    "option.invalid",
    `${id} has no weights of the variant "${asked}"; it has ${[...offered].sort().join(", ")}.`,
  );
}

function matchRest(name: string, base: string, rest: RegExp): RegExpExecArray | null {
  return name.startsWith(base) ? rest.exec(name.slice(base.length)) : null;
}
