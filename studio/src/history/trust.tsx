/** What the step that is shown did to the picture: one sentence, and where. */
import type { NodeView } from "../backend/backend.ts";
import { set, useStudio } from "../state/store.ts";
import { Tip } from "../ui/controls.tsx";
import { t } from "../words/index.ts";
import { changesWords, levelOf } from "./names.ts";

/** Level is told by shape and words as well as by colour. */
export function TrustMark({ node }: { node: NodeView }) {
  const level = levelOf(node);
  if (!level) return null;
  const words = changesWords(node);
  return (
    <Tip label={<span className="tooltip-text">{words}</span>}>
      <span className="trust-mark" data-level={level} role="img" aria-label={words} />
    </Tip>
  );
}

/** Under the picture, where mouse, finger and screen reader find it. */
export function TrustLine() {
  const head = useStudio((s) => s.session?.nodes.find(({ id }) => id === s.session?.head));
  const shown = useStudio((s) => s.showChanges);
  const hidden = useStudio(
    (s) => s.job !== null || s.compare !== null || s.variations.length > 0 || s.canvas !== null,
  );
  const level = head && levelOf(head);
  if (!head || !level || hidden) return null;
  return (
    <div className="trust-line" role="group" aria-label={t.whatChanged}>
      <span className="trust-mark" data-level={level} aria-hidden />
      <span data-testid="changes">{t.changes(head.changes!)}</span>
      {head.changes!.kind !== "none" && head.changes!.kind !== "cropped" && (
        <button
          type="button"
          className="link"
          aria-pressed={shown}
          onClick={() => set({ showChanges: !shown })}
        >
          {shown ? t.hideWhere : t.showWhere}
        </button>
      )}
    </div>
  );
}
