/**
 * Pictures in the terminal itself, where it shows them: the graphics protocol of kitty (also Ghostty, Konsole) and the inline
 * images of iTerm2 (also WezTerm, mintty). Which one is read from the environment; nothing is asked of the terminal.
 */
import { Option } from "commander";

export const PREVIEWS = ["auto", "off", "kitty", "iterm2"] as const;
export type Preview = (typeof PREVIEWS)[number];
export type Protocol = "kitty" | "iterm2";

/** The option of every verb that makes pictures. */
export function previewOption(): Option {
  return new Option(
    "--preview <how>",
    "show pictures in terminals that support it; kitty or iterm2 forces that protocol",
  )
    .choices(PREVIEWS)
    .default("auto");
}

/** The protocol to use, or null. "auto" shows pictures only to somebody who looks: a terminal, and a kind that is known. */
export function previewProtocol(
  preview: Preview,
  isTTY: boolean,
  env: NodeJS.ProcessEnv = process.env,
): Protocol | null {
  if (preview === "kitty" || preview === "iterm2") return preview;
  if (preview === "off" || !isTTY) return null;
  const { TERM = "", TERM_PROGRAM = "", LC_TERMINAL = "" } = env;
  // A multiplexer draws the screen itself and swallows pictures.
  if (env.TMUX || env.STY || /^(screen|tmux)/.test(TERM)) return null;
  if (TERM === "xterm-kitty" || env.KITTY_WINDOW_ID || TERM === "xterm-ghostty" || TERM_PROGRAM === "ghostty")
    return "kitty";
  // Konsole counts 22.04.1 as 220401; before that it knew neither protocol well.
  if (Number(env.KONSOLE_VERSION) >= 220400) return "kitty";
  const iterm2 = ["iTerm.app", "WezTerm", "mintty"].includes(TERM_PROGRAM) || LC_TERMINAL === "iTerm2";
  return iterm2 ? "iterm2" : null;
}

/** kitty takes at most this much base64 in one escape sequence. */
const CHUNK = 4096;

/** A PNG as the escape sequences that show it at the cursor. */
export function encodePreview(protocol: Protocol, png: Uint8Array): string {
  const base64 = Buffer.from(png).toString("base64");
  if (protocol === "iterm2") return `\x1b]1337;File=inline=1;size=${png.length}:${base64}\x07\n`;
  const chunks = base64.match(new RegExp(`.{1,${CHUNK}}`, "g")) ?? [];
  // a=T: transmit and display; f=100: PNG; q=2: no answer that would land in the user's shell.
  const escaped = chunks.map((chunk, i) => {
    const keys = [...(i === 0 ? ["a=T", "f=100", "q=2"] : []), `m=${i < chunks.length - 1 ? 1 : 0}`];
    return `\x1b_G${keys.join(",")};${chunk}\x1b\\`;
  });
  return `${escaped.join("")}\n`;
}
