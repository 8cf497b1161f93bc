import type { CommandTexts } from "./command-texts.ts";

export const germanCommands: CommandTexts = {
  commands: {
    start: "Hallo sagen",
    help: "was ich kann",
    new: "ein neues Gespräch beginnen",
    stop: "die laufende Antwort anhalten",
    status: "was gerade geschieht",
    sessions: "frühere Gespräche in diesem Chat",
    agent: "wählen, wer antwortet",
    model: "das Modell dieses Gesprächs wählen",
    mode: "was eine Nachricht bewirkt, während ich antworte",
    title: "dieses Gespräch benennen",
    compact: "das bisherige Gespräch zusammenfassen",
    memory: "was über dich gemerkt ist",
    forget: "etwas davon vergessen, mit „me“ alles von dir",
    usage: "was verbraucht wurde",
    trace: "was Betreiber zur letzten Antwort wissen müssen",
    web: "deine Gespräche im Browser öffnen (privat)",
    link: "mit deinem anderen Konto verknüpfen (im privaten Chat)",
    unlink: "diese Verknüpfung lösen",
  },
  unknownCommand: (sign) => `Diesen Befehl kenne ich nicht. ${sign}help nennt die, die ich kenne.`,
  hello: (agent, help) => `Hallo! Ich bin **${agent}**. Schreib mir, und ich antworte hier.\n\n${help}`,
  noTalk: "Hier ist noch kein Gespräch offen. Schreib mir (in einer Gruppe mit meinem Namen), und eines beginnt.",
  noTalkInThreads:
    "Hier ist kein Gespräch offen. Wo jedes Gespräch ein Thread ist, beginnt eine neue Nachricht ein neues.",
  notThere:
    "Dort bin ich nicht dabei und kann deshalb dort nicht antworten. Lade mich in diesen Kanal ein und frag noch einmal, oder schreib mir direkt.",
  newTalk: (sign) => `Ein neues Gespräch beginnt; vom alten weiß ich hier nichts mehr. ${sign}sessions holt es zurück.`,
  nothingRuns: "Gerade läuft nichts.",
  answering: "Ich antworte gerade.",
  answerStopped: "Die laufende Antwort wurde angehalten.",
  withdrawn: (count) =>
    count === 1
      ? "1 wartende Nachricht wird nicht beantwortet."
      : `${count} wartende Nachrichten werden nicht beantwortet.`,
  waiting: (count) => (count === 1 ? "1 Nachricht wartet." : `${count} Nachrichten warten.`),
  untitled: "Neues Gespräch",
  statusOf: (title, agent, count) =>
    `**${title}** mit ${agent || "einem Agenten"}, bisher ${count === 1 ? "1 Nachricht" : `${count} Nachrichten`}.`,
  thisOne: "← aktuell",
  openOne: (sign) => `Öffne eines mit ${sign}sessions und seiner Nummer, zum Beispiel ${sign}sessions 2.`,
  noSuchTalk: (sign) => `Ein Gespräch mit dieser Nummer gibt es hier nicht. ${sign}sessions listet sie auf.`,
  openAlready: "Dieses Gespräch ist schon offen.",
  goOnWith: (title) => `Wir machen weiter mit **${title}**.`,
  chooseAgent: (sign) => `Wähle mit ${sign}agent und Nummer oder Name, zum Beispiel ${sign}agent 2.`,
  noSuchAgent: (sign) => `Diesen Agenten gibt es nicht. ${sign}agent listet sie auf.`,
  agentChosen: (agent) => `Ab jetzt antwortet hier **${agent}**.`,
  modes: {
    interrupt: "deine Nachricht beendet die Antwort, und ich antworte neu",
    steer: "deine Nachricht kommt in die Antwort, sobald es geht",
    queue: "deine Nachricht wartet, bis die Antwort fertig ist",
    parallel: "deine Nachricht wird gleichzeitig beantwortet",
    reject: "ich nehme nichts an, bis die Antwort fertig ist",
  },
  chooseMode: (sign) => `Wähle mit ${sign}mode und dem Namen; ${sign}mode default stellt die Vorgabe wieder her.`,
  noSuchMode: (sign) => `Diesen Modus gibt es nicht. ${sign}mode listet sie auf.`,
  modeCleared: "Es gilt wieder die Vorgabe.",
  titleIs: (title, sign) => `Dieses Gespräch heißt **${title}**. Mit ${sign}title und einem Namen benennst du es um.`,
  titleSet: (title) => `Dieses Gespräch heißt jetzt **${title}**.`,
  traceOf: (trace, run) =>
    `Die letzte Antwort hier hat den Trace \`${trace}\` (Lauf \`${run}\`). Damit findet ein Betreiber, was geschehen ist.`,
  noTrace: "Hier gibt es noch keine Antwort.",
  summingUp: "Ich fasse dieses Gespräch zusammen.",
  nothingToSumUp: "Es gibt noch nichts zusammenzufassen.",
  notSummedUp: "Dieses Gespräch ließ sich nicht zusammenfassen. Es geht weiter wie bisher.",
  summedUp: (count, before, after) =>
    `Zusammengefasst (Nachrichten: ${count}): aus etwa ${before} Token wurden ${after}. Gelöscht wurde nichts.`,
  stranger: (code) =>
    `Ich kenne dich noch nicht. Bitte den Betreiber dieses Bots, diesen Code innerhalb einer Stunde freizugeben: \`${code}\``,
  strangerToList: (id) =>
    `Ich kenne dich noch nicht. Bitte den Betreiber dieses Bots, dich auf seine Liste zu setzen, als \`${id}\`.`,
};
