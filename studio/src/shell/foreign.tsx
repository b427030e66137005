/** A quiet line where the picture is not of the model's world. */
import { Info, X } from "lucide-react";
import { useState } from "react";
import { set, useStudio } from "../state/store.ts";

/** Below this, picturebook's autoencoder cannot redraw the picture: its own world comes back with some 31 dB. */
export const FAMILIAR_DB = 26;

export function ForeignNotice() {
  const session = useStudio((s) => s.session)!;
  const title = useStudio((s) => s.models.find(({ id }) => id === s.model)?.title ?? s.model);
  const [seen, setSeen] = useState<string>();
  if (session.redrawn === undefined || session.redrawn >= FAMILIAR_DB || seen === session.id) return null;
  return (
    <p className="foreign" role="note">
      <Info size={16} strokeWidth={1.75} aria-hidden />
      <span>
        This picture is not of {title}’s world, so edits will look strange.{" "}
        <button type="button" className="link" onClick={() => set({ panel: "model" })}>
          What it knows
        </button>
      </span>
      <button type="button" className="icon-button" aria-label="Dismiss" onClick={() => setSeen(session.id)}>
        <X size={16} aria-hidden />
      </button>
    </p>
  );
}
