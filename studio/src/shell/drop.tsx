/** Drop anywhere, paste anywhere. */
import { useEffect, useState } from "react";
import { openFile } from "../state/session.ts";
import { notify } from "../state/store.ts";

export function useDrop(): boolean {
  const [over, setOver] = useState(false);
  useEffect(() => {
    let depth = 0;
    const hasFiles = (event: DragEvent) => event.dataTransfer?.types.includes("Files") ?? false;
    const enter = (event: DragEvent) => {
      if (!hasFiles(event)) return;
      depth++;
      setOver(true);
    };
    const leave = (event: DragEvent) => {
      if (hasFiles(event) && --depth <= 0) setOver(false);
    };
    /** A picture dragged from another page may come as its address alone, which would take this page away. */
    const isAddress = (event: DragEvent) => event.dataTransfer?.types.includes("text/uri-list") ?? false;
    const hover = (event: DragEvent) => {
      if (hasFiles(event) || isAddress(event)) event.preventDefault();
    };
    const drop = (event: DragEvent) => {
      depth = 0;
      setOver(false);
      const [file] = event.dataTransfer?.files ?? [];
      if (!file) {
        if (!isAddress(event)) return;
        event.preventDefault();
        notify(
          "info",
          "That is the address of a picture, not the picture. Save it first, or copy the picture and paste it here.",
        );
        return;
      }
      event.preventDefault();
      void openFile(file, file.name);
    };
    const paste = (event: ClipboardEvent) => {
      const file = [...(event.clipboardData?.files ?? [])].find(({ type }) => type.startsWith("image/"));
      if (!file) return;
      // Office programs put a picture of the words beside the words.
      const words = event.clipboardData?.getData("text/plain") ?? "";
      if (words !== "" && event.target instanceof HTMLInputElement) return;
      event.preventDefault();
      void openFile(file, "pasted picture.png");
    };
    addEventListener("dragenter", enter);
    addEventListener("dragleave", leave);
    addEventListener("dragover", hover);
    addEventListener("drop", drop);
    addEventListener("paste", paste);
    return () => {
      removeEventListener("dragenter", enter);
      removeEventListener("dragleave", leave);
      removeEventListener("dragover", hover);
      removeEventListener("drop", drop);
      removeEventListener("paste", paste);
    };
  }, []);
  return over;
}
