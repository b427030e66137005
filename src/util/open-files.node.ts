/** How many files a process may have open: what it is, and how it is raised, for messages. */
import { readFileSync } from "node:fs";

/** As many as modules that are read together as a program starts, its files and its sockets. */
const ENOUGH = 1024;

/** Read as the program starts: when it is needed no descriptor may be left to read it by. */
const LIMIT = limitOfFiles();

/** Whether the system opened nothing more because of this limit. */
export function isOutOfFiles(error: unknown): boolean {
  const { code } = (error ?? {}) as NodeJS.ErrnoException;
  return code === "EMFILE" || code === "ENFILE";
}

/** "too many files are open", with the limit where the system tells it, and what to do. No full stop. */
export function tooManyFiles(): string {
  const allowed = LIMIT === null ? "" : `; this process may open ${LIMIT}`;
  return (
    `too many files are open${allowed}. Raise the limit (ulimit -n ${ENOUGH} in the shell that starts emilie, ` +
    `LimitNOFILE=${ENOUGH} in a service, --ulimit nofile=${ENOUGH} for a container)`
  );
}

/** Null where the system has no such file. */
function limitOfFiles(): number | null {
  try {
    const [, soft] = /^Max open files\s+(\d+)/m.exec(readFileSync("/proc/self/limits", "utf8")) ?? [];
    return soft === undefined ? null : Number(soft);
  } catch {
    return null;
  }
}
