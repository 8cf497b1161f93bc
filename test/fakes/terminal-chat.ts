/** One thing that happened in a chat, as a line that reads like a chat. */
export interface ChatLine {
  text: string;
  /** The message it is about, whatever it is made of; null = none. */
  message: object | null;
  /** It shows a message anew. */
  isEdit: boolean;
}

/** Where the chat is drawn; null columns = no terminal, so nothing is ever drawn over. */
export interface Screen {
  columns: number | null;
  write(text: string): void;
}

const UP_AND_CLEAR = (rows: number): string => `\u001b[${rows}A\r\u001b[0J`;
const CLEAR_LINE = "\r\u001b[0J";

/**
 * Draws a chat line by line while it happens. On a terminal the last message of the bot is drawn over as it grows;
 * elsewhere every edit is a line. The prompt stays the last line.
 */
export class TerminalChat {
  #lines: () => readonly ChatLine[];
  #screen: Screen;
  #prompt: () => void;
  #drawn = 0;
  #last: { message: object; rows: number } | null = null;

  /**
   * @param lines all that happened so far
   * @param prompt draws the prompt again, with what was typed so far
   */
  constructor(lines: () => readonly ChatLine[], screen: Screen, prompt: () => void) {
    this.#lines = lines;
    this.#screen = screen;
    this.#prompt = prompt;
  }

  /** Draws what happened since the last call. */
  draw(): void {
    const lines = this.#lines().slice(this.#drawn);
    if (lines.length === 0) {
      return;
    }
    this.#drawn += lines.length;
    const { columns } = this.#screen;
    this.#clearPrompt();
    for (const { text: line, message, isEdit } of lines) {
      const grows = isEdit && columns !== null && this.#last?.message === message;
      if (grows && this.#last !== null) {
        this.#screen.write(UP_AND_CLEAR(this.#last.rows));
      }
      const text = grows ? line.replace("~ ", ": ") : line;
      this.#screen.write(`${text}\n`);
      this.#last = message === null ? null : { message, rows: columns === null ? 0 : rowsOf(text, columns) };
    }
    this.#prompt();
  }

  /** The person pressed Enter: the fake's own line of it takes the place of the typed one. */
  typed(shown: string): void {
    if (this.#screen.columns !== null) {
      this.#screen.write(UP_AND_CLEAR(rowsOf(shown, this.#screen.columns)));
    }
  }

  /** Something else was written to the screen: what stands above can no longer be drawn over. */
  disturbed(): void {
    this.#last = null;
  }

  #clearPrompt(): void {
    if (this.#screen.columns !== null) {
      this.#screen.write(CLEAR_LINE);
    }
  }
}

/** Terminal rows a text takes; characters from Hangul on (CJK, emoji) count as two columns. */
export function rowsOf(text: string, columns: number): number {
  const rows = text.split("\n").map((each) => {
    const width = [...each].reduce((sum, character) => sum + ((character.codePointAt(0) ?? 0) >= 0x1100 ? 2 : 1), 0);
    return Math.max(1, Math.ceil(width / columns));
  });
  return rows.reduce((sum, count) => sum + count, 0);
}
