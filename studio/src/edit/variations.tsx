/** Several results of one instruction, as a strip below the picture: flipped through at full size, and none is lost. */
import { Star } from "lucide-react";
import { star } from "../state/stars.ts";
import { acceptVariation } from "../state/steps.ts";
import { useStudio } from "../state/store.ts";
import { goTo } from "../state/view.ts";
import { IconButton } from "../ui/controls.tsx";
import { Thumbnail } from "../ui/thumbnail.tsx";
import { t } from "../words/index.ts";

export function VariationStrip() {
  const variations = useStudio((s) => s.variations);
  const stars = useStudio((s) => s.stars);
  const session = useStudio((s) => s.session)!;
  const stray = !variations.includes(session.head);
  return (
    <div className="strip" role="group" aria-label={t.variations}>
      <div className="strip-pictures">
        {variations.map((id, index) => (
          <button
            type="button"
            key={id}
            className="strip-picture"
            aria-pressed={id === session.head}
            aria-label={t.variation(index + 1)}
            onClick={() => void goTo(id)}
          >
            <Thumbnail session={session.id} node={id} className="film" />
            <kbd aria-hidden>{index + 1}</kbd>
            {stars.includes(id) && (
              <Star className="strip-star" size="0.75rem" fill="currentColor" aria-hidden />
            )}
          </button>
        ))}
      </div>
      <IconButton
        label={t.starIt}
        keys="*"
        icon={Star}
        pressed={stars.includes(session.head)}
        disabled={stray}
        onClick={() => star(session.head)}
      />
      <button type="button" className="button" disabled={stray} onClick={acceptVariation}>
        {t.takeThis} <kbd aria-hidden>⏎</kbd>
      </button>
    </div>
  );
}
