/** Where a talk is shown. */
export interface Screen {
  /** A piece of an answer, as it grows. */
  say(agent: string, text: string): void;
  /** The answer, or this part of it, is whole. Again = nothing. */
  end(): void;
  /** A line about something else. */
  note(text: string): void;
}

/** For scripts: answers alone go to `out`, everything else to `err`. */
export function plainScreen(out: (text: string) => void, err: (text: string) => void): Screen {
  let isOpen = false;
  return {
    end() {
      if (isOpen) out("\n");
      isOpen = false;
    },
    say(_agent, text) {
      isOpen = true;
      out(printable(text));
    },
    note(text) {
      err(`${printable(text)}\n`);
    },
  };
}

/** For a person: everything on one terminal, the line that is being typed below it. */
export function terminalScreen(out: (text: string) => void, prompt: () => void): Screen {
  let isOpen = false;
  // What is typed is in the way: it goes, and comes again with the prompt.
  const clear = "\r\u001b[K";
  const end = (): void => {
    if (!isOpen) return;
    isOpen = false;
    out("\n");
    prompt();
  };
  return {
    end,
    say(agent, text) {
      if (!isOpen) out(`${clear}${printable(agent)}: `);
      isOpen = true;
      out(printable(text));
    },
    note(text) {
      if (isOpen) out("\n");
      isOpen = false;
      out(`${clear}${printable(text)}\n`);
      prompt();
    },
  };
}

/** Without what would steer the terminal: models and people may write anything. */
function printable(text: string): string {
  return text.replaceAll(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, "");
}
