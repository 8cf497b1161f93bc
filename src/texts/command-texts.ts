export type CommandWord =
  | "start"
  | "help"
  | "new"
  | "stop"
  | "status"
  | "sessions"
  | "agent"
  | "model"
  | "mode"
  | "title"
  | "compact"
  | "memory"
  | "forget"
  | "usage"
  | "trace"
  | "web"
  | "link"
  | "unlink";

/** What chat commands answer. `sign` goes before the word of a command; titles and names are escaped already. */
export interface CommandTexts {
  /** What each word does, in the order in which they are listed. */
  commands: Record<CommandWord, string>;
  unknownCommand(sign: string): string;
  hello(agent: string, help: string): string;
  noTalk: string;
  noTalkInThreads: string;
  /** To somebody who asks about what stands in a chat without the bot. */
  notThere: string;
  newTalk(sign: string): string;
  nothingRuns: string;
  answering: string;
  answerStopped: string;
  /** So many messages that waited will not be answered; so many wait. */
  withdrawn(count: number): string;
  waiting(count: number): string;
  untitled: string;
  statusOf(title: string, agent: string, messages: number): string;
  thisOne: string;
  openOne(sign: string): string;
  noSuchTalk(sign: string): string;
  openAlready: string;
  goOnWith(title: string): string;
  chooseAgent(sign: string): string;
  noSuchAgent(sign: string): string;
  agentChosen(agent: string): string;
  /** What a message does that comes while an answer is written. */
  modes: Record<"interrupt" | "steer" | "queue" | "parallel" | "reject", string>;
  chooseMode(sign: string): string;
  noSuchMode(sign: string): string;
  modeCleared: string;
  titleIs(title: string, sign: string): string;
  titleSet(title: string): string;
  /** What operators find an answer by. */
  traceOf(trace: string, run: string): string;
  noTrace: string;
  summingUp: string;
  nothingToSumUp: string;
  notSummedUp: string;
  /** So many messages were so many tokens, and are so many now. */
  summedUp(messages: number, before: number, after: number): string;
  /** What strangers are told; `code`, `id`: what the operator needs. */
  stranger(code: string): string;
  strangerToList(id: string): string;
}
