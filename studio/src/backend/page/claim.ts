/** A session is one tab's at a time: what two write, the last to write keeps and the other loses. */
import { EmilieError } from "../../../../src/web.ts";
import { t } from "../../words/index.ts";

/**
 * Claims a session for this tab, until what is returned is called or the tab is closed. Throws "io.failed" where another
 * tab has it. Without the browser's locks, as on a page that is not secure, every claim is granted.
 */
export function claim(id: string): Promise<() => void> {
  if (!navigator.locks) return Promise.resolve(() => {});
  return new Promise((resolve, reject) => {
    const hold = (lock: Lock | null) => {
      if (lock) return new Promise<void>((release) => resolve(release));
      reject(new EmilieError("io.failed", t.otherTab));
    };
    navigator.locks.request(`emilie session ${id}`, { ifAvailable: true }, hold).catch(reject);
  });
}
