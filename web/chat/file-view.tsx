import { useEffect, useState } from "preact/hooks";
import { Dialog } from "../kit/dialog.tsx";
import { Icon } from "../kit/icons.tsx";
import { shownName } from "../kit/shown-name.ts";
import { sizeText } from "../kit/size-text.ts";
import { Store, useStore } from "../kit/store.ts";
import { texts } from "../texts/texts.ts";
import { PICTURE } from "./file-limits.ts";

interface ShownFile {
  session: string;
  file: string;
  name: string;
  size?: number | undefined;
  mediaType?: string | undefined;
}

/** The picture that is shown large. It outlives its row, which leaves the document while answers grow below. */
const large = new Store<{ file: ShownFile | null }>({ file: null });
/** Deleted ones, mostly: they are not asked for whenever their row comes back. */
const unloadable = new Set<string>();

/** A file of a message: to be saved, and shown small if it is a picture. */
export function FileView(file: ShownFile) {
  const [failed, setFailed] = useState(unloadable.has(file.file));
  const isShown = !failed && PICTURE.test(file.mediaType ?? "");
  const name = shownName(file.name);
  return (
    <div class="file-view">
      {isShown && (
        <button
          type="button"
          class="picture"
          aria-label={texts().showLarge.replace("{name}", () => name)}
          onClick={() => large.set({ file })}
        >
          <img
            src={addressOf(file)}
            alt={name}
            loading="lazy"
            decoding="async"
            onError={() => {
              unloadable.add(file.file);
              setFailed(true);
            }}
          />
        </button>
      )}
      <FileLink {...file} />
    </div>
  );
}

export function FileLink(file: ShownFile) {
  return (
    <a class="file" href={addressOf(file)} download>
      <Icon name="file" />
      <bdi>{shownName(file.name)}</bdi>
      {file.size !== undefined && <span class="file-size">{sizeText(file.size)}</span>}
    </a>
  );
}

/** Where a picture is shown large, once for a page. */
export function LargePicture() {
  const { file } = useStore(large, (value) => value);
  // Whoever leaves the talk has left it.
  useEffect(() => () => large.set({ file: null }), []);
  if (file === null) return null;
  return (
    <Dialog
      label={shownName(file.name)}
      closeLabel={texts().close}
      onClose={() => large.set({ file: null })}
      class="large"
    >
      <img src={addressOf(file)} alt={shownName(file.name)} />
      <FileLink {...file} />
    </Dialog>
  );
}

function addressOf({ session, file }: ShownFile): string {
  return `/v1/sessions/${encodeURIComponent(session)}/files/${encodeURIComponent(file)}`;
}
