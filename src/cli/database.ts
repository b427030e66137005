/** `emilie database`: its tables, what moves in and out, and who may ask. */
import { type Command, InvalidArgumentError } from "commander";
import { type Context, makeFolder, stoppable } from "./context.ts";
import { type DatabaseFlags, databaseOptions, requireDatabase } from "./database-options.ts";
import { EXIT, Unsuccessful } from "./errors.ts";
import type { Output } from "./output.ts";
import { sayTable } from "./table.ts";

const HELP = `
Examples:
  $ emilie database migrate --database postgres://emilie@db/emilie
  $ emilie database import ~/.emilie --database postgres://emilie@db/emilie
  $ emilie database export backup --database postgres://emilie@db/emilie
  $ emilie database token create ada --rate 10 --database postgres://emilie@db/emilie

migrate creates the tables or upgrades them to this version; there are no downgrades. It needs the CREATE privilege on the database; serve
and worker do not. import takes a data folder of emilie serve, or a folder of .emilie files; sessions that already exist are left
unchanged. A token is shown once; the database keeps only its hash. Guide: docs/scale.md.`;

type Flags = DatabaseFlags & { readonly json?: boolean };

export function addDatabase(program: Command, context: Context): void {
  const database = program
    .command("database")
    .description("prepare the database that several servers share; import and export sessions; manage tokens")
    .addHelpText("after", HELP);
  const json = (command: Command) =>
    command.option("--json", "print one JSON document on stdout and nothing else");

  json(
    databaseOptions(
      database.command("migrate").description("create the tables, or upgrade them to this version"),
      false,
    ),
  ).action((flags: Flags) => context.run(flags.json ?? false, (output) => migrate(flags, output)));
  for (const [verb, description] of [
    ["import", "import the sessions of a data folder, or .emilie files, into the database"],
    ["export", "export the sessions of the database to a data folder"],
  ] as const) {
    json(
      databaseOptions(database.command(verb).description(description).argument("<folder>", "the folder")),
    ).action((folder: string, flags: Flags) =>
      context.run(flags.json ?? false, (output) => transfer(verb, folder, flags, output)),
    );
  }
  const token = database.command("token").description("create, list and revoke named tokens");
  json(databaseOptions(token.command("create").description("create a token and print it, once"), false))
    .argument("<name>", "the name of the token, for example of its holder")
    .option("--rate <n>", "requests per second (default: 20)", rate)
    .action((name: string, flags: Flags & { rate?: number }) =>
      context.run(flags.json ?? false, (output) => createNamed(name, flags, output)),
    );
  json(databaseOptions(token.command("revoke").description("revoke a token"), false))
    .argument("<name>", "the name of the token, for example of its holder")
    .action((name: string, flags: Flags) =>
      context.run(flags.json ?? false, (output) => revoke(name, flags, output)),
    );
  json(databaseOptions(token.command("list").description("list the tokens"), false)).action((flags: Flags) =>
    context.run(flags.json ?? false, (output) => list(flags, output)),
  );
}

async function migrate(flags: Flags, output: Output): Promise<void> {
  await withDatabase(
    flags,
    output,
    async (database) => {
      const { from, to } = await database.migrate();
      output.document({ from, to });
      output.say(
        from === to
          ? `The tables are of version ${to} already.`
          : `The tables are now of version ${to} (before: ${from}).`,
      );
    },
    false,
  );
}

async function transfer(
  verb: "import" | "export",
  folder: string,
  flags: Flags,
  output: Output,
): Promise<void> {
  const { importFolder, exportFolder } = await import("../server/database/transfer.ts");
  if (verb === "export") await makeFolder(folder);
  await withDatabase(flags, output, async (database) => {
    const run = verb === "import" ? importFolder : exportFolder;
    const onProgress = (done: number, total: number) =>
      output.progressLine(`session ${done} of ${total}`, done, total);
    const result = await stoppable(output, (signal) =>
      run(database, folder, { blobs: flags.blobs, signal, onProgress }),
    );
    output.document(result);
    output.say(`${result.moved} sessions ${verb}ed; ${result.known} were there already.`);
    for (const { session, message } of result.failed) output.note(`${session}: ${message}`);
    if (result.failed.length > 0)
      throw new Unsuccessful(`${result.failed.length} sessions could not be ${verb}ed.`, EXIT.failed);
  });
}

async function createNamed(name: string, flags: Flags & { rate?: number }, output: Output): Promise<void> {
  const { createToken } = await import("../server/database/tokens.ts");
  await withDatabase(flags, output, async (database) => {
    const token = await createToken(database, name, flags.rate);
    output.document({ name, token });
    output.say(token);
    output.note("Shown this once: the database keeps only its hash.");
  });
}

async function revoke(name: string, flags: Flags, output: Output): Promise<void> {
  const { revokeToken } = await import("../server/database/tokens.ts");
  await withDatabase(flags, output, async (database) => {
    await revokeToken(database, name);
    output.document({ name, revoked: true });
    output.say(`The token ${name} has been revoked.`);
  });
}

async function list(flags: Flags, output: Output): Promise<void> {
  const { listTokens } = await import("../server/database/tokens.ts");
  await withDatabase(flags, output, async (database) => {
    const tokens = await listTokens(database);
    output.document(tokens);
    const rows = tokens.map(({ name, perSecond, created, revoked }) => [
      name,
      `${perSecond}/s`,
      created.toISOString().slice(0, 10),
      revoked ? `revoked ${revoked.toISOString().slice(0, 10)}` : "",
    ]);
    sayTable(output, [["name", "rate", "created", ""], ...rows]);
  });
}

async function withDatabase(
  flags: Flags,
  output: Output,
  action: (database: import("../server/database/database.ts").Database) => Promise<void>,
  check = true,
): Promise<void> {
  const url = requireDatabase(flags, output);
  const { Database } = await import("../server/database/database.ts");
  const database = await Database.open(url, {
    connections: 4,
    check,
    onProblem: (message) => output.note(message),
  });
  try {
    await action(database);
  } finally {
    await database.close();
  }
}

function rate(text: string): number {
  const value = Number(text);
  if (!(value > 0 && value <= 10_000))
    throw new InvalidArgumentError("Expected requests per second, above 0 and at most 10000.");
  return value;
}
