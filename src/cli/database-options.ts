/** Where the database is, for every verb that uses one. Its address may hold a password, so the environment is the better place for it. */
import type { Command } from "commander";
import { UsageError } from "./errors.ts";
import type { Output } from "./output.ts";

export const DATABASE_ENV = "EMILIE_DATABASE";

export interface DatabaseFlags {
  readonly database?: string;
  readonly blobs?: string;
}

export function databaseOptions(command: Command, blobs = true): Command {
  command.option("--database <url>", `postgres://USER@HOST/NAME, or in the environment: $${DATABASE_ENV}`);
  if (blobs)
    command.option(
      "--blobs <url>",
      "a bucket for pictures: s3://BUCKET?endpoint=https://HOST (default: the database)",
    );
  return command;
}

/** The database, from where its user has put it; undefined where that is nowhere. */
export function databaseOf({ database }: DatabaseFlags, output: Output): string | undefined {
  const inEnvironment = process.env[DATABASE_ENV] || undefined;
  // No child of ours needs it.
  delete process.env[DATABASE_ENV];
  if (database === undefined) return inEnvironment;
  if (URL.canParse(database) && new URL(database).password !== "") {
    output.warn(
      `--database shows the password to everybody who lists this machine's processes. Use $${DATABASE_ENV}, or a ~/.pgpass file.`,
    );
    // What a list of processes shows from here on.
    process.title = `emilie ${process.argv[2] ?? ""}`.trim();
  }
  return database;
}

export function requireDatabase(flags: DatabaseFlags, output: Output): string {
  const url = databaseOf(flags, output);
  if (url !== undefined) return url;
  throw new UsageError(
    `Say where the database is: --database postgres://USER@HOST/NAME, or $${DATABASE_ENV}.`,
  );
}
