/** The tree of commands as completion needs it: every word that may follow another, and what each option takes. */
import type { Argument, Command, Option } from "commander";
import { settingWords } from "./settings.ts";

/** A file, a folder, the name of a model, or one of these words (none: a text or a number, which nobody can guess). */
export type Takes = "file" | "folder" | "model" | readonly string[];

export interface CommandWords {
  /** The words that lead to it: "" for emilie itself, "models rm". */
  readonly path: string;
  readonly options: readonly {
    readonly flags: readonly string[];
    readonly description: string;
    /** Null for a switch. */
    readonly takes: Takes | null;
  }[];
  readonly subcommands: readonly { readonly name: string; readonly description: string }[];
  /** What its first argument is. */
  readonly takes: Takes;
}

/** By how help calls a value: <model>, [script]. */
const BY_NAME: Readonly<Record<string, Takes>> = {
  checkpoint: "model",
  file: "file",
  "file[=weight]": "file",
  folder: "folder",
  image: "file",
  model: "model",
  "run-a": "folder",
  "run-b": "folder",
  mask: "file",
  "N=MASK": "file",
  script: "file",
  session: "file",
  study: "file",
};
/** Options that check their value themselves. */
const BY_FLAG: Readonly<Record<string, readonly string[]>> = {
  ...settingWords(),
};

/** Every command of the tree, the program itself first. */
export function wordsOf(program: Command): CommandWords[] {
  return walk(program, "");
}

function walk(command: Command, path: string): CommandWords[] {
  const help = { flags: ["--help"], description: "show what it does, with examples", takes: null };
  const children = command.commands.filter((child) => child.name() !== "help");
  const argument = command.registeredArguments[0];
  const own: CommandWords = {
    path,
    options: [...command.options.filter(({ hidden }) => !hidden).map(wordsOfOption), help],
    subcommands: children.map((child) => ({ name: child.name(), description: child.description() })),
    takes: argument ? takesOf(argument.name(), argument) : [],
  };
  return [own, ...children.flatMap((child) => walk(child, `${path} ${child.name()}`.trim()))];
}

function wordsOfOption(option: Option): CommandWords["options"][number] {
  const { short, long, flags, description, required, optional } = option;
  const name = /[<[](.+?)(?:\.\.\.)?[>\]]$/.exec(flags)?.[1] ?? "";
  return {
    flags: [short, long].filter((flag) => flag !== undefined),
    description,
    takes: required || optional ? (BY_FLAG[long ?? ""] ?? takesOf(name, option)) : null,
  };
}

function takesOf(name: string, { argChoices }: Argument | Option): Takes {
  return argChoices ?? BY_NAME[name] ?? [];
}
