import { openFile } from "../state/session.ts";

/** Asks for a picture or a session file. */
export function pickFile(): void {
  const input = document.createElement("input");
  input.type = "file";
  input.accept = "image/*,.emilie";
  input.onchange = () => {
    const [file] = input.files ?? [];
    if (file) void openFile(file, file.name);
  };
  input.click();
}
