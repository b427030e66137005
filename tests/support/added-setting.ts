/**
 * A setting that no version has, added to the table before anything is made from it: imported by a test, and by the processes that the
 * test starts (node --import).
 */
import { numberIn, type Setting } from "../../src/method/setting.ts";
import { SETTINGS } from "../../src/method/settings.ts";

export const ADDED: Setting<number> = {
  title: "glow",
  help: "how much the picture glows",
  ...numberIn(0, 1),
  fallback: 0,
  stated: true,
  openai: true,
  recipe: { schema: numberIn(0, 1).json, absent: 0, since: 5 },
};

(SETTINGS as unknown as Record<string, Setting<number>>).glow = ADDED;
