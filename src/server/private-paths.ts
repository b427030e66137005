/** What the host's disk looks like is nobody's business who asks by HTTP: of a path in a message, its last name is left. */

/** In quotes a path may have blanks; elsewhere it ends where a sentence goes on. Addresses and the API's own paths are none. */
const PATHS = [
  /(?<=['"`])(?:[A-Za-z]:[\\/]|\/(?!api\/|v1\/))(?:[^'"`\\/\n]+[\\/])+([^'"`\\/\n]*)(?=['"`])/g,
  /(?<![\w.:/\\…-])(?:[A-Za-z]:[\\/]|~\/|\/(?!api\/|v1\/))(?:[^\s'"`\\/:;,()]+[\\/])+([^\s'"`\\/:;,()]*)/g,
];
/** A longer message is no sentence. */
const MAX_MESSAGE = 10_000;

/** A message as a client may read it. The server's log has the whole. */
export function withoutPaths(message: string): string {
  return PATHS.reduce((text, path) => text.replace(path, "…/$1"), message.slice(0, MAX_MESSAGE));
}
