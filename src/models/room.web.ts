/** What a page has room for. */
import { canKeep } from "../checkpoint/kept-folder.web.ts";
import { memoryOfPage } from "../runtime/web.ts";
import { lackOf, type PagePlan, type PageRoom } from "./plan-page.ts";

export async function roomOfPage(): Promise<PageRoom> {
  const { quota = Number.POSITIVE_INFINITY } = await navigator.storage.estimate();
  return { memoryBytes: memoryOfPage(), quotaBytes: quota };
}

/** Why this page cannot run a model that takes so much, in a sentence with what to do; null where it can. */
export async function lackOfPage(
  needs: Pick<PagePlan, "memoryBytes" | "storageBytes">,
): Promise<string | null> {
  const reason = await canKeep();
  if (reason) return reason;
  const lack = lackOf(needs, await roomOfPage());
  return lack && `It takes ${lack}.`;
}
