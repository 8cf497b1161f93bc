import { Icon, IconButton } from "../kit/icons.tsx";
import { shownName } from "../kit/shown-name.ts";
import { sizeText } from "../kit/size-text.ts";
import { texts } from "../texts/texts.ts";
import type { Attachment } from "./attachments.ts";

/** What goes with the words that are being written. */
export function AttachmentChips(props: {
  list: readonly Attachment[];
  /** They are on their way. */
  sending: boolean;
  remove: (key: string) => void;
}) {
  const { list, sending, remove } = props;
  const said = texts();
  if (list.length === 0) return null;
  return (
    <ul class="chips" aria-label={said.attachments}>
      {list.map(({ key, name, blob, preview, progress, problem }) => (
        <li key={key} class={`chip${problem === null ? "" : " failed"}`}>
          {preview === null ? <Icon name="file" /> : <img src={preview} alt="" />}
          <span class="chip-words">
            <span class="chip-name">{shownName(name)}</span>
            {problem === null ? (
              <span class="chip-size">{sizeText(blob.size)}</span>
            ) : (
              <span class="chip-problem" role="alert">
                {problem}
              </span>
            )}
            {progress !== null && (
              <progress value={progress} max={1} aria-label={said.uploading.replace("{name}", () => shownName(name))} />
            )}
          </span>
          <IconButton
            icon="close"
            class="small"
            label={said.removeFile.replace("{name}", () => shownName(name))}
            disabled={sending}
            onClick={() => remove(key)}
          />
        </li>
      ))}
    </ul>
  );
}
