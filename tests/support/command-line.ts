/** Runs the command line in this process and keeps what it says: what the tests of every verb begin with. */
import { runCommandLine } from "../../src/cli/program.ts";

export async function emilie(...args: string[]) {
  const said = { stdout: "", stderr: "" };
  const stream = (name: keyof typeof said) => ({
    write: (text: string) => {
      said[name] += text;
    },
  });
  const code = await runCommandLine(args, { stdout: stream("stdout"), stderr: stream("stderr") });
  return { code, ...said };
}
