/** A node's small picture, made once. */
import { useEffect, useState } from "react";
import { get } from "../state/store.ts";
import { thumbnail } from "./pictures.ts";

const SIZE = 144;
const urls = new Map<string, Promise<string>>();

function urlOf(session: string, node: string): Promise<string> {
  const key = `${session}/${node}`;
  const known = urls.get(key);
  if (known) return known;
  const url = get()
    .backend.picture(session, node)
    .then((picture) => thumbnail(picture, SIZE))
    .then((blob) => URL.createObjectURL(blob));
  urls.set(key, url);
  url.catch(() => urls.delete(key));
  return url;
}

export function Thumbnail({
  session,
  node,
  className,
}: {
  session: string;
  node: string;
  className?: string;
}) {
  const [url, setUrl] = useState<string>();
  useEffect(() => {
    let stays = true;
    // A session that is still being opened has none yet (state/early.ts).
    if (session === "") return;
    urlOf(session, node).then(
      (made) => stays && setUrl(made),
      () => {},
    );
    return () => {
      stays = false;
    };
  }, [session, node]);
  return url ? (
    <img src={url} alt="" draggable={false} className={className} />
  ) : (
    <span className={`${className} pending`} />
  );
}
