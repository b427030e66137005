/** A picture is seen, and painted on, while its session is still being opened: while a model loads, or a file is sent. */
import { type Picture, readPicture } from "../../../src/web.ts";
import { get, set, useStudio } from "./store.ts";

/** Stands in the place of the session's id until it has one. Nothing is asked of the backend with it. */
const NO_ID = "";
const ORIGINAL = "original";

export const isEarly = (): boolean => get().session?.id === NO_ID;

/** Shows the file's picture as a session of its own, if it is one. */
export async function showEarly(file: Blob, name: string, stillWanted: () => boolean): Promise<void> {
  const picture = await readPicture(file).catch(() => null);
  const { phase, session } = get();
  if (!picture || session || phase.kind !== "opening" || !stillWanted()) return;
  const { what, fraction } = phase;
  set({
    session: sessionOf(picture, name),
    pictures: new Map([[ORIGINAL, picture]]),
    phase: { kind: "editing", loading: { what, fraction } },
  });
}

function sessionOf({ width, height }: Picture, name: string) {
  const original = {
    ...{ id: ORIGINAL, parent: null, width, height, instruction: "", regions: [], settings: null },
    ...{ hasMask: false, changed: true, understood: true, refused: [], seconds: 0, references: 0 },
  };
  const title = name.replace(/\.[a-z0-9]+$/i, "");
  return {
    ...{ id: NO_ID, name: title, model: get().model, width, height },
    ...{ head: ORIGINAL, nodes: [original], bin: [], familiar: null },
  };
}

/** Until the session that is shown has been opened; what is asked for meanwhile waits here. Gives its id, or null where it was given up. */
export function whenOpened(): Promise<string | null> {
  const opened = new Promise<void>((resolve) => {
    if (!isEarly()) return resolve();
    const stop = useStudio.subscribe(() => {
      if (isEarly()) return;
      stop();
      resolve();
    });
  });
  return opened.then(() => get().session?.id ?? null);
}
