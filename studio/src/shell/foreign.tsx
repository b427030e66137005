/** A picture outside of the model's world: said before anything is tried, with what can be done. */
import { Info } from "lucide-react";
import { useState } from "react";
import { openExample } from "../start/examples.ts";
import { continueWith } from "../state/session.ts";
import { modelOf, set, useStudio } from "../state/store.ts";
import { t } from "../words/index.ts";
import { size } from "./pull.tsx";

const keyOf = (session: string) => `emilie.anyway.${session}`;

export function ForeignBanner() {
  const session = useStudio((s) => s.session)!;
  const models = useStudio((s) => s.models);
  const model = useStudio(modelOf);
  const [seen, setSeen] = useState<string | null>(null);
  if (session.familiar !== false || seen === session.id || localStorage.getItem(keyOf(session.id)))
    return null;
  const other = models.find((one) => !one.unavailable && one.id !== model?.id);
  const sizes = models.flatMap(({ unavailable, bytes }) => (unavailable && bytes ? [bytes] : []));
  return (
    <section className="foreign" aria-label={t.onlyOwnWorld(model?.title ?? "")}>
      <Info size="1rem" strokeWidth={1.75} aria-hidden />
      <p>{t.onlyOwnWorld(model?.title ?? session.model)}</p>
      <div className="foreign-actions">
        {other ? (
          <button type="button" className="button primary" onClick={() => void continueWith(other.id)}>
            {t.goOnWith(other.title)}
          </button>
        ) : (
          <button type="button" className="button primary" onClick={() => set({ panel: "model" })}>
            {t.getPhotoModel(sizes.length > 0 ? size(Math.min(...sizes)) : null)}
          </button>
        )}
        <button type="button" className="button" onClick={() => void openExample("cottage")}>
          {t.tryExample}
        </button>
        <button
          type="button"
          className="button"
          onClick={() => {
            setSeen(session.id);
            localStorage.setItem(keyOf(session.id), "1");
            document.getElementById("instruction")?.focus();
          }}
        >
          {t.editAnyway}
        </button>
      </div>
    </section>
  );
}
