/** What has to be said, in the corner; nothing here asks for an answer before one may go on. */
import { CircleAlert, Info, X } from "lucide-react";
import { dismiss, useStudio } from "../state/store.ts";
import { t } from "../words/index.ts";

export function Notices() {
  const notices = useStudio((s) => s.notices);
  const open = useStudio((s) => s.session?.id);
  return (
    <div className="notices" role="region" aria-label={t.messages} aria-live="polite">
      {notices
        .filter(({ session }) => session === undefined || session === open)
        .map(({ id, kind, text, action }) => (
          <div key={id} className="notice" data-kind={kind} role={kind === "error" ? "alert" : undefined}>
            {kind === "error" ? <CircleAlert size="1rem" aria-hidden /> : <Info size="1rem" aria-hidden />}
            <p>{text}</p>
            {action && (
              <button
                type="button"
                className="button"
                onClick={() => {
                  action.run();
                  dismiss(id);
                }}
              >
                {action.label}
              </button>
            )}
            <button type="button" className="icon-button" aria-label={t.dismiss} onClick={() => dismiss(id)}>
              <X size="1rem" aria-hidden />
            </button>
          </div>
        ))}
    </div>
  );
}
