/** The verbs of @emilie/bench, a package of its own; where it is not installed, verbs in their place that say so. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Command } from "commander";
import { EmilieError } from "../errors.ts";
import { packageRoot } from "../runtime/package-root.node.ts";
import type { Context } from "./context.ts";

type AddVerb = (program: Command, context: Context) => void;

/** In the published command line, tsdown.config.ts has the package's name where its source stands here. */
export async function addFromBench(verb: "bench" | "study"): Promise<AddVerb> {
  try {
    const { addBench, addStudy } = await import("../../packages/bench/src/index.ts");
    return verb === "bench" ? addBench : addStudy;
  } catch (error) {
    const problem = problemOf(error);
    if (problem === null) throw error;
    return (program, context) => addAbsent(verb, problem, program, context);
  }
}

/** The two packages are of one version: another one lacks what this one has, and Node says so while it links them. */
function problemOf(error: unknown): string | null {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === "ERR_MODULE_NOT_FOUND" && message.includes("'@emilie/bench'")) return "is not installed";
  if (error instanceof SyntaxError && /does not provide an export/.test(message))
    return "is of another version than emilie";
  return null;
}

function addAbsent(verb: string, problem: string, program: Command, context: Context): void {
  const { version } = JSON.parse(readFileSync(join(packageRoot(), "package.json"), "utf8"));
  const install = `npm install @emilie/bench@${version}`;
  program
    .command(verb)
    .description(`from the package @emilie/bench, which ${problem}: ${install}`)
    .allowUnknownOption()
    .allowExcessArguments()
    .option("--json", "print one JSON document on stdout and nothing else")
    .action(({ json = false }: { json?: boolean }) =>
      context.run(json, async () => {
        throw new EmilieError(
          "bench.missing",
          `emilie ${verb} is in the package @emilie/bench, which ${problem}. Install it beside emilie: ${install}`,
        );
      }),
    );
}
