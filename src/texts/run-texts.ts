/** What is wrong with a model or its provider. */
export type ModelTrouble =
  | "busy"
  | "trouble"
  | "no_credit"
  | "bad_key"
  | "no_access"
  | "no_model"
  | "too_long"
  | "no_images"
  | "filtered"
  | "bad_request"
  | "unreachable"
  | "unreadable"
  | "stopped"
  | "broke_off"
  | "never_began"
  | "fell_silent"
  | "limit_used_up"
  | "empty"
  | "not_asked";

/** Why a run ended before it was done. `said` is one whole sentence, or more, to which advice is added. */
export interface RunTexts {
  /** What an agent says, as a message of its own, when it stops before it was done. */
  cutAtLength: string;
  tooManySteps: string;
  sameCallAgain: string;
  emptyAnswer: string;
  declined: string;
  /** After some text. */
  declinedToGoOn: string;
  wentWrong: string;
  tookTooLong: string;
  failedSeveralTimes: string;
  cutOffByOutage: string;
  modelTroubles: Readonly<Record<ModelTrouble, string>>;
  /** Of a model client that says nothing itself. */
  modelFailed: string;
  notComplete(said: string): string;
  tryAgainIn(said: string, minutes: number): string;
  tryAgainLater(said: string): string;
  sendLess(said: string): string;
  askAgain(said: string): string;
}
