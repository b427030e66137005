/** `emilie completion`: completion of commands, options, files and models for a shell, made from the commands themselves. */
import { Argument, type Command } from "commander";
import { type CommandWords, wordsOf } from "./completion-words.ts";
import type { Context } from "./context.ts";
import { UsageError } from "./errors.ts";
import type { Output } from "./output.ts";

const HELP = `
Examples:
  $ source <(emilie completion bash)                                      for this shell; or put it in ~/.bashrc
  $ source <(emilie completion zsh)                                       for this shell; or put it in ~/.zshrc, after compinit
  $ emilie completion fish > ~/.config/fish/completions/emilie.fish       from the next shell on`;

const SHELLS = { bash, zsh, fish };
type Shell = keyof typeof SHELLS;

export function addCompletion(program: Command, context: Context): void {
  program
    .command("completion")
    .description("print shell completion for emilie's commands, options, files and models")
    .addArgument(new Argument("[shell]", "which shell").choices(Object.keys(SHELLS)))
    .option("--models", "print the names of the models on disk, one per line; used by the completion scripts")
    .addHelpText("after", HELP)
    .action((shell: Shell | undefined, flags: { models?: boolean }) =>
      context.run(false, (output) => complete(shell, flags.models ?? false, context, output)),
    );
}

async function complete(
  shell: Shell | undefined,
  models: boolean,
  context: Context,
  output: Output,
): Promise<void> {
  if (models) {
    const { listModelNames } = await import("../models/names.node.ts");
    for (const name of await listModelNames()) output.say(name);
    return;
  }
  if (!shell) throw new UsageError(`Which shell? ${Object.keys(SHELLS).join(", ")}.`);
  output.say(SHELLS[shell](wordsOf(await context.tree())));
}

const MODELS = "emilie completion --models 2>/dev/null";

function bash(commands: readonly CommandWords[]): string {
  const offer = (takes: CommandWords["takes"]): string => {
    if (takes === "folder") return '_emilie_folders "$cur"';
    if (takes === "model") return `_emilie_words "$(${MODELS})" "$cur"`;
    return takes === "file" ? ":" : `_emilie_words ${quote(takes.join(" "))} "$cur"`;
  };
  const values = commands.flatMap(({ path, options }) =>
    options.flatMap(({ flags, takes }) =>
      takes === null
        ? []
        : flags.map((flag) => `    ${quote(`${path} ${flag}`)}) ${offer(takes)}; return ;;`),
    ),
  );
  const words = commands.map(({ path, options, subcommands, takes }) => {
    const flags = options.flatMap(({ flags }) => flags).join(" ");
    const names = subcommands.map(({ name }) => name).join(" ");
    const other = names ? `_emilie_words ${quote(names)} "$cur"` : offer(takes);
    return `    ${quote(path)}) case "$cur" in -*) _emilie_words ${quote(flags)} "$cur" ;; *) ${other} ;; esac ;;`;
  });
  return `# Completion of emilie for bash. An answer of nothing makes bash offer files.
_emilie_words() { local IFS=$' \\t\\n'; COMPREPLY=($(compgen -W "$1" -- "$2")); }
_emilie_folders() { local IFS=$'\\n'; compopt -o filenames 2>/dev/null || true; COMPREPLY=($(compgen -d -- "$1")); }
_emilie() {
  local cur="\${COMP_WORDS[COMP_CWORD]}" verb="" i
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    case "\${verb:+$verb }\${COMP_WORDS[i]}" in
      ${commands.flatMap(({ path }) => (path ? [quote(path)] : [])).join("|")}) verb="\${verb:+$verb }\${COMP_WORDS[i]}" ;;
    esac
  done
  case "$verb \${COMP_WORDS[COMP_CWORD-1]}" in
${values.join("\n")}
  esac
  case "$verb" in
${words.join("\n")}
  esac
}
complete -o default -F _emilie emilie`;
}

function zsh(commands: readonly CommandWords[]): string {
  const offer = (takes: CommandWords["takes"]): string => {
    if (takes === "folder") return "_files -/";
    if (takes === "model") return `compadd -- \${(f)"$(${MODELS})"}; _files -/`;
    return takes === "file" ? "_files" : `compadd -- ${takes.map(quote).join(" ")}`;
  };
  const described = (word: string, description: string) =>
    quote(`${word}:${description}`.replace(/(?<=:.*):/gs, "\\:"));
  const values = commands.flatMap(({ path, options }) =>
    options.flatMap(({ flags, takes }) =>
      takes === null
        ? []
        : flags.map((flag) => `    (${quote(`${path} ${flag}`)}) ${offer(takes)}; return ;;`),
    ),
  );
  const words = commands.map(({ path, options, subcommands, takes }) => {
    const flags = options.flatMap(({ flags, description }) =>
      flags.map((flag) => described(flag, description)),
    );
    const names = subcommands.map(({ name, description }) => described(name, description));
    const other = names.length > 0 ? `offers=(${names.join(" ")}); _describe command offers` : offer(takes);
    return `    (${quote(path)})
      if [[ "\${words[CURRENT]}" == -* ]]; then offers=(${flags.join(" ")}); _describe -o option offers
      else ${other}; fi ;;`;
  });
  return `#compdef emilie
# Completion of emilie for zsh.
_emilie() {
  local verb="" i
  local -a offers
  for ((i = 2; i < CURRENT; i++)); do
    case "\${verb:+$verb }\${words[i]}" in
      (${commands.flatMap(({ path }) => (path ? [quote(path)] : [])).join("|")}) verb="\${verb:+$verb }\${words[i]}" ;;
    esac
  done
  case "$verb \${words[CURRENT-1]}" in
${values.join("\n")}
  esac
  case "$verb" in
${words.join("\n")}
  esac
}
if [[ "\${funcstack[1]}" == _emilie ]]; then _emilie "$@"; else compdef _emilie emilie; fi`;
}

function fish(commands: readonly CommandWords[]): string {
  const lines = ["# Completion of emilie for fish."];
  const offer = (takes: CommandWords["takes"]): string => {
    if (takes === "folder") return "-x -a '(__fish_complete_directories)'";
    if (takes === "model") return `-x -a '(${MODELS})'`;
    return takes === "file" ? "-r -F" : `-x -a ${quote(takes.join(" "))}`;
  };
  for (const { path, options, subcommands, takes } of commands) {
    const names = path.split(" ").filter(Boolean);
    const seen = names.map((name) => `__fish_seen_subcommand_from ${name}`).join("; and ");
    const when = quote(seen || "__fish_use_subcommand");
    const line = (rest: string) => lines.push(`complete -c emilie -n ${when} ${rest}`);
    for (const { name, description } of subcommands) line(`-f -a ${name} -d ${quote(description)}`);
    if (subcommands.length === 0 && takes !== "file") line(`-f ${offer(takes).replace(/^-x /, "")}`);
    for (const { flags, description, takes: value } of options) {
      const named = flags.map((flag) =>
        flag.startsWith("--") ? `-l ${flag.slice(2)}` : `-s ${flag.slice(1)}`,
      );
      line(`${named.join(" ")} ${value === null ? "" : `${offer(value)} `}-d ${quote(description)}`);
    }
  }
  return lines.join("\n");
}

/** One word for any of the three shells. */
function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
