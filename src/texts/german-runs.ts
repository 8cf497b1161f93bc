import type { RunTexts } from "./run-texts.ts";

export const germanRuns: RunTexts = {
  cutAtLength: "Die Antwort wurde an ihrer Längengrenze abgeschnitten. Schreib „weiter“, um fortzufahren.",
  tooManySteps:
    "Hier habe ich aufgehört: Das brauchte mehr Schritte, als eine Antwort haben darf. Schreib „weiter“, um fortzufahren.",
  sameCallAgain:
    "Hier habe ich aufgehört: Ich habe immer wieder denselben Werkzeugaufruf gemacht, ohne weiterzukommen.",
  emptyAnswer: "Das Modell hat eine leere Antwort gegeben. Bitte frag noch einmal.",
  declined: "Das Modell hat abgelehnt, darauf zu antworten.",
  declinedToGoOn: "Das Modell hat abgelehnt, diese Antwort fortzusetzen.",
  wentWrong: "Etwas ist schiefgegangen.",
  tookTooLong: "Das hat zu lange gedauert und wurde beendet.",
  failedSeveralTimes: "Das konnte nicht abgeschlossen werden: Es ist mehrmals gescheitert.",
  cutOffByOutage: "Das wurde durch eine Störung abgebrochen. Bitte frag noch einmal.",
  modelTroubles: {
    busy: "Der Anbieter des Modells ist ausgelastet.",
    trouble: "Der Anbieter des Modells hat gerade Schwierigkeiten.",
    no_credit: "Das Kontingent oder Guthaben beim Anbieter des Modells ist aufgebraucht.",
    bad_key: "Der Anbieter des Modells hat den Schlüssel des Gateways nicht angenommen.",
    no_access: "Der Anbieter des Modells verweigert den Zugang zu diesem Modell.",
    no_model: "Der Anbieter des Modells kennt dieses Modell oder diese Adresse nicht.",
    too_long: "Das Gespräch ist zu lang für das Modell.",
    no_images: "Das Modell sieht sich keine Bilder an.",
    filtered:
      "Der Inhaltsfilter beim Anbieter des Modells hat dieses Gespräch abgelehnt. Bitte formuliere es anders oder beginne ein neues.",
    bad_request: "Der Anbieter des Modells hat die Anfrage nicht angenommen.",
    unreachable: "Der Anbieter des Modells ist nicht erreichbar.",
    unreadable: "Die Antwort des Modells konnte nicht gelesen werden.",
    stopped: "Die Antwort wurde angehalten.",
    broke_off: "Die Antwort des Modells ist abgebrochen.",
    never_began: "Das Modell hat nicht rechtzeitig zu antworten begonnen.",
    fell_silent: "Das Modell hat mitten in seiner Antwort aufgehört.",
    limit_used_up:
      "Die Längengrenze der Antwort war erreicht, bevor das Modell etwas gesagt hat. Bitte verlange weniger auf einmal.",
    empty: "Das Modell hat eine leere Antwort gegeben.",
    not_asked: "Das Modell konnte nicht gefragt werden.",
  },
  modelFailed: "Das Modell ist gescheitert.",
  notComplete: (said) => `${said} Die Antwort ist unvollständig; schreib „weiter“, um fortzufahren.`,
  tryAgainIn: (said, minutes) =>
    `${said} Bitte versuch es in ${minutes === 1 ? "einer Minute" : `${minutes} Minuten`} noch einmal.`,
  tryAgainLater: (said) => `${said} Bitte versuch es später noch einmal.`,
  sendLess: (said) => `${said} Bitte beginne ein neues Gespräch oder schick weniger Text auf einmal.`,
  askAgain: (said) => `${said} Bitte frag noch einmal.`,
};
