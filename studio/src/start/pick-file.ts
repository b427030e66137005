import { openFile } from "../state/session.ts";

/** Asks for a picture or a session file; null where none is chosen. */
export function chooseFile(): Promise<File | null> {
  return new Promise((resolve) => {
    const input = document.createElement("input");
    input.type = "file";
    input.accept = "image/*,.emilie";
    input.onchange = () => resolve(input.files?.[0] ?? null);
    input.oncancel = () => resolve(null);
    input.click();
  });
}

/** Asks for a picture or a session file, and opens it. */
export async function pickFile(): Promise<void> {
  const file = await chooseFile();
  if (file) await openFile(file, file.name);
}
