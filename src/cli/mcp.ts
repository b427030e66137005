/** `emilie mcp`: the tools for an assistant, over stdin and stdout. */
import type { Command } from "commander";
import type { NodeDevice } from "../models/load.node.ts";
import type { Context } from "./context.ts";
import { deviceOption } from "./model-options.ts";
import { collect } from "./options.ts";

const HELP = `
Examples:
  $ emilie mcp --root ~/Pictures
  $ emilie mcp --root ~/Pictures --root ~/Desktop --model timbrooks/instruct-pix2pix

This command is started by an assistant's program, not by hand. In that program's configuration:
  { "mcpServers": { "emilie": { "command": "npx", "args": ["emilie", "mcp", "--root", "/path/to/pictures"] } } }

Tools: open, edit, branch, crop, expand, compare, undo, redo, history, export, close. Files are read and written only in
--root, after resolving symbolic links. Sessions are kept in memory until they are exported. See docs/mcp.md for details.`;

export function addMcp(program: Command, context: Context): void {
  program
    .command("mcp")
    .description("let an assistant edit pictures: a Model Context Protocol server on stdin and stdout")
    .option(
      "--root <folder>",
      "a folder that the assistant may read and write; repeatable (default: the working directory)",
      collect,
    )
    .option("--model <model>", "the checkpoint to edit with", "picturebook")
    .addOption(deviceOption())
    .addHelpText("after", HELP)
    .action((flags: { root?: readonly string[]; model: string; device?: NodeDevice }) =>
      context.run(false, async (output) => {
        const { serveMcp } = await import("../mcp/server.ts");
        await serveMcp({
          version: program.version() ?? "",
          model: flags.model,
          device: flags.device,
          roots: flags.root ?? ["."],
          // stdout belongs to the protocol.
          onError: (error) => output.note(`MCP: ${error.message}`),
          stdin: process.stdin,
          stdout: process.stdout,
        });
      }),
    );
}
