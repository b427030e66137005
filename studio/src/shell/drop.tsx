/** Drop anywhere, paste anywhere. While a session is open it is asked what the picture is for. */
import { Dialog } from "radix-ui";
import { useEffect, useState } from "react";
import { importMask } from "../state/mask.ts";
import { addReferences, useMaxReferences } from "../state/references.ts";
import { openFile } from "../state/session.ts";
import { get, notify, set, useStudio } from "../state/store.ts";
import { t } from "../words/index.ts";

/** A picture that came while a session is open could be the next one, or a mask or a reference for this one. */
function receive(file: File, name: string): void {
  const { phase, session } = get();
  if (phase.kind === "editing" && session && !/\.emilie$/i.test(name)) set({ received: { file, name } });
  else void openFile(file, name);
}

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
        notify("info", t.addressNotPicture);
        return;
      }
      event.preventDefault();
      receive(file, file.name);
    };
    const paste = (event: ClipboardEvent) => {
      const file = [...(event.clipboardData?.files ?? [])].find(({ type }) => type.startsWith("image/"));
      if (!file) return;
      // Office programs put a picture of the words beside the words.
      const words = event.clipboardData?.getData("text/plain") ?? "";
      if (words.trim() !== "") return;
      event.preventDefault();
      receive(file, t.pastedPicture);
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

export function ReceivedDialog() {
  const received = useStudio((s) => s.received);
  const most = useMaxReferences();
  const [url, setUrl] = useState<string>();
  useEffect(() => {
    if (!received) return;
    const made = URL.createObjectURL(received.file);
    setUrl(made);
    return () => URL.revokeObjectURL(made);
  }, [received]);
  const close = () => set({ received: null });
  return (
    <Dialog.Root open={received !== null} onOpenChange={(open) => !open && close()}>
      <Dialog.Portal>
        <Dialog.Overlay className="overlay" />
        <Dialog.Content className="dialog received" aria-describedby={undefined}>
          <Dialog.Title>{t.whatIsItFor(received?.name ?? "")}</Dialog.Title>
          <img src={url} alt="" />
          <div className="row">
            <button
              type="button"
              className="button primary"
              onClick={() => {
                close();
                void openFile(received!.file, received!.name);
              }}
            >
              {t.openIt}
            </button>
            <button
              type="button"
              className="button"
              onClick={() => {
                close();
                void importMask(received!.file);
              }}
            >
              {t.asMask}
            </button>
            {most > 0 && (
              <button
                type="button"
                className="button"
                onClick={() => {
                  close();
                  addReferences([received!.file], most);
                }}
              >
                {t.references.use}
              </button>
            )}
            <button type="button" className="button" onClick={close}>
              {t.cancel}
            </button>
          </div>
        </Dialog.Content>
      </Dialog.Portal>
    </Dialog.Root>
  );
}
