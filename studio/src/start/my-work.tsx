/** All sessions: found, sorted, renamed, put into the bin and taken out again. */
import { MoreHorizontal, Pencil, Search, Trash2 } from "lucide-react";
import { DropdownMenu } from "radix-ui";
import { useEffect, useState } from "react";
import type { SessionSummary } from "../backend/backend.ts";
import {
  discardSession,
  forgetSession,
  listSessions,
  recoverSession,
  renameSession,
  resume,
} from "../state/session.ts";
import { notify, useStudio } from "../state/store.ts";
import { IconButton } from "../ui/controls.tsx";
import { t } from "../words/index.ts";

/** At first; all of them are one press away. */
const FEW = 6;
type Order = "changed" | "name" | "edits";

const ORDERS: Record<Order, (a: SessionSummary, b: SessionSummary) => number> = {
  changed: (a, b) => b.updated - a.updated,
  name: (a, b) => a.name.localeCompare(b.name),
  edits: (a, b) => b.edits - a.edits,
};

export function MyWork() {
  const recent = useStudio((s) => s.recent);
  const bin = useStudio((s) => s.recentBin);
  const [search, setSearch] = useState("");
  const [order, setOrder] = useState<Order>("changed");
  const [all, setAll] = useState(false);
  const [inBin, setInBin] = useState(false);
  useEffect(() => {
    // Typing is waited for; opening the list is not.
    const timer = setTimeout(() => void listSessions(search), search === "" ? 0 : 200);
    return () => clearTimeout(timer);
  }, [search]);
  if (recent.length === 0 && bin.length === 0 && search === "") return null;
  const sorted = [...(inBin ? bin : recent)].sort(ORDERS[order]);
  const shown = all || search !== "" || inBin ? sorted : sorted.slice(0, FEW);
  return (
    <section className="work">
      <header>
        <h2>{inBin ? t.binTitle : t.myWork}</h2>
        <label className="search">
          <Search size="1rem" strokeWidth={1.75} aria-hidden />
          <input
            type="search"
            value={search}
            placeholder={t.search}
            aria-label={t.search}
            onChange={(event) => setSearch(event.target.value)}
          />
        </label>
        <select
          aria-label={t.sortBy}
          value={order}
          onChange={(event) => setOrder(event.target.value as Order)}
        >
          {(Object.keys(ORDERS) as Order[]).map((one) => (
            <option key={one} value={one}>
              {t.orders[one]}
            </option>
          ))}
        </select>
        {(bin.length > 0 || inBin) && (
          <button type="button" className="text-button" aria-pressed={inBin} onClick={() => setInBin(!inBin)}>
            <Trash2 size="1rem" strokeWidth={1.75} aria-hidden />
            {inBin ? t.leaveBin : t.bin(bin.length)}
          </button>
        )}
      </header>
      {shown.length === 0 && <p className="muted">{inBin ? t.binEmpty : t.nothingFound}</p>}
      <ul className="recent">
        {shown.map((session) => (
          <Recent key={session.id} session={session} inBin={inBin} />
        ))}
      </ul>
      {shown.length < sorted.length && (
        <button type="button" className="text-button" onClick={() => setAll(true)}>
          {t.showAll(sorted.length)}
        </button>
      )}
    </section>
  );
}

function Recent({ session, inBin }: { session: SessionSummary; inBin: boolean }) {
  const [renaming, setRenaming] = useState(false);
  const url = useThumbnail(session.thumbnail);
  const facts = `${t.editCount(session.edits)}, ${t.format.ago(session.updated)}`;
  if (renaming) {
    return (
      <li>
        <input
          className="rename"
          aria-label={t.nameOfSession}
          defaultValue={session.name}
          maxLength={200}
          // biome-ignore lint/a11y/noAutofocus: it appears because the user asked to write in it
          autoFocus
          onBlur={(event) => {
            void renameSession(session.id, event.target.value);
            setRenaming(false);
          }}
          onKeyDown={(event) => {
            if (event.key === "Enter") event.currentTarget.blur();
            if (event.key === "Escape") setRenaming(false);
          }}
        />
      </li>
    );
  }
  return (
    <li>
      <button type="button" onClick={() => void (inBin ? recoverSession(session.id) : resume(session.id))}>
        {url ? <img src={url} alt="" /> : <span className="pending" />}
        <span className="example-words">
          <strong>{session.name}</strong>
          <span className="muted">{inBin ? t.restoreIt : facts}</span>
        </span>
      </button>
      {inBin ? (
        <IconButton
          label={t.deleteForGood(session.name)}
          icon={Trash2}
          onClick={() => askToForget(session)}
        />
      ) : (
        <DropdownMenu.Root>
          <DropdownMenu.Trigger asChild>
            <button type="button" className="icon-button" aria-label={t.moreFor(session.name)}>
              <MoreHorizontal size="1rem" strokeWidth={1.75} aria-hidden />
            </button>
          </DropdownMenu.Trigger>
          <DropdownMenu.Portal>
            <DropdownMenu.Content className="menu" align="end" collisionPadding={8}>
              <DropdownMenu.Item className="menu-item" onSelect={() => setTimeout(() => setRenaming(true))}>
                <Pencil size="1rem" strokeWidth={1.75} aria-hidden /> {t.rename}
              </DropdownMenu.Item>
              <DropdownMenu.Item className="menu-item" onSelect={() => void discard(session)}>
                <Trash2 size="1rem" strokeWidth={1.75} aria-hidden /> {t.delete}
              </DropdownMenu.Item>
            </DropdownMenu.Content>
          </DropdownMenu.Portal>
        </DropdownMenu.Root>
      )}
    </li>
  );
}

function useThumbnail(thumbnail: SessionSummary["thumbnail"]): string | undefined {
  const [url, setUrl] = useState<string>();
  useEffect(() => {
    if (!(thumbnail instanceof Blob)) {
      setUrl(thumbnail);
      return;
    }
    const made = URL.createObjectURL(thumbnail);
    setUrl(made);
    return () => URL.revokeObjectURL(made);
  }, [thumbnail]);
  return url;
}

async function discard({ id, name }: SessionSummary): Promise<void> {
  await discardSession(id);
  notify("info", t.sessionDeleted(name), { label: t.undo, run: () => void recoverSession(id) });
}

/** What would be gone is said first; it cannot be brought back. */
function askToForget({ id, name }: SessionSummary): void {
  notify("info", t.goneForGood(name), { label: t.delete, run: () => void forgetSession(id) });
}
