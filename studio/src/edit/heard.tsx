/**
 * Under the box, before anything is computed: what the model takes the words as, where it is given others, or that it does not know how to do this, and what it knows
 * instead.
 */
import { useEffect, useState } from "react";
import type { Understanding } from "../../../src/web.ts";
import { changeRegion } from "../state/mask.ts";
import { modelOf, useStudio } from "../state/store.ts";
import { t } from "../words/index.ts";

const PAUSE_MS = 500;

export function Heard() {
  const session = useStudio((s) => s.session)!;
  const backend = useStudio((s) => s.backend);
  const region = useStudio((s) => s.region);
  const instruction = useStudio((s) => s.regions.find(({ id }) => id === s.region)?.instruction.trim() ?? "");
  const busy = useStudio((s) => s.job !== null);
  const title = useStudio((s) => modelOf(s)?.title ?? s.model);
  const [heard, setHeard] = useState<{ instruction: string; said: Understanding } | null>(null);
  const { id, head, familiar } = session;
  useEffect(() => {
    // A model that takes any picture takes any words.
    if (instruction === "" || familiar === null || busy) return;
    let current = true;
    const timer = setTimeout(() => {
      backend.understand(id, head, instruction).then(
        (said) => current && setHeard({ instruction, said }),
        () => {},
      );
    }, PAUSE_MS);
    return () => {
      current = false;
      clearTimeout(timer);
    };
  }, [backend, id, head, familiar, instruction, busy]);
  if (heard?.instruction !== instruction) return null;
  const { understood, parts } = heard.said;
  if (understood) {
    if (parts.length === 1 && parts[0] === instruction) return null;
    return (
      <div className="heard" role="status">
        <span>{t.takenAs(parts)}</span>
      </div>
    );
  }
  return (
    <div className="heard" role="status">
      <span>{t.doesNotKnow(title, instruction, heard.said)}</span>
      {heard.said.nearest.map((one) => (
        <button
          type="button"
          key={one}
          className="chip"
          onClick={() => changeRegion(region, { instruction: one })}
        >
          {one}
        </button>
      ))}
    </div>
  );
}
